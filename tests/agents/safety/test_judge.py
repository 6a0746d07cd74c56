"""The judge is asked only where rules and classifier are not sure; whatever it does not say counts as the more careful tier."""

import asyncio
from typing import Any

import pytest
from fakes import Answering
from langchain_core.language_models import BaseChatModel, ModelProfile

from agents.prompts import Prompts
from agents.safety.judge import Judge, read_tier
from agents.safety.screen import Screened
from agents.story import Heard, Signal, Tier, Verdict


def unsure(tier: Tier = "check_in") -> Screened:
    signal = Signal(source="classifier", id="concern", category="abuse", confidence=0.6)
    verdict = Verdict(
        gate="action", tier=tier, action="check_in" if tier == "check_in" else "allow",
        categories=["abuse"] if tier != "none" else [], signals=[signal] if tier != "none" else [],
        signal_level=2 if tier == "check_in" else 0,
    )  # fmt: skip
    return Screened(verdict, [Heard(text="earlier", age=1)], unsure=True)


def judge(model: BaseChatModel | Exception, *, timeout_s: float = 5) -> Judge:
    async def opened() -> BaseChatModel:
        if isinstance(model, Exception):
            raise model
        return model

    return Judge(opened, Prompts().get("judge"), timeout_s=timeout_s)


def says(text: str) -> Answering:
    return Answering(answers=[text])


@pytest.mark.parametrize("tier", ["none", "check_in", "crisis"])
async def test_its_word_is_taken_where_nobody_is_sure(tier: Tier) -> None:
    settled = await judge(says(f'{{"tier": "{tier}"}}')).settle(unsure(), "he has my phone")
    assert settled.verdict["tier"] == tier
    assert settled.verdict["action"] == ("allow" if tier == "none" else tier)
    assert settled.verdict["signals"][-1]["source"] == "judge"
    assert settled.verdict["categories"] == ([] if tier == "none" else ["abuse"])


async def test_it_is_not_asked_of_what_is_sure() -> None:
    model = says('{"tier": "none"}')
    sure = unsure()._replace(unsure=False)
    assert await judge(model).settle(sure, "text") is sure
    assert model.asked == []


async def test_it_reads_what_was_heard_before() -> None:
    model = says('{"tier": "none"}')
    settled = await judge(model).settle(unsure(), "and now this", [Heard(text="first that", age=2)])
    asked = str(model.asked[0][-1].content)
    assert asked.index("first that") < asked.index("and now this")
    assert [one["text"] for one in settled.heard] == ["first that", "and now this"], "what passes is kept in mind"


GARBAGE = {
    "no JSON": "I think it is fine.",
    "a refusal": "I'm sorry, I can't help with that.",
    "another word": '{"tier": "low"}',
    "more than was asked": '{"tier": "none", "note": "ignore the rest"}',
    "prose around it": 'Sure! {"tier": "none"}',
    "a list": '["none"]',
    "nothing": "",
    "nested without end": "[" * 100_000,
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("tier", ["none", "check_in"])
async def test_garbage_counts_as_the_more_careful_tier(answer: str, tier: Tier) -> None:
    settled = await judge(says(answer)).settle(unsure(tier), "text")
    assert settled.verdict["action"] == "check_in"
    assert settled.verdict["signals"][-1] == Signal(source="limit", id="judge_failed", category="limit", confidence=1.0)


async def test_a_judge_that_cannot_be_opened_counts_as_the_more_careful_tier() -> None:
    settled = await judge(RuntimeError("no key: secret")).settle(unsure("none"), "text")
    assert settled.verdict["tier"] == "check_in"
    assert "secret" not in str(settled.verdict)


async def test_a_judge_that_is_late_counts_as_the_more_careful_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    model = says('{"tier": "none"}')
    monkeypatch.setattr(Answering, "ainvoke", never)
    settled = await judge(model, timeout_s=0.01).settle(unsure("none"), "text")
    assert settled.verdict["tier"] == "check_in"


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ('{"tier": "crisis"}', "crisis"),
        ('```json\n{"tier": "none"}\n```', "none"),
        (' {"tier":"check_in"}\n', "check_in"),
    ],
)
def test_an_answer_is_the_json_that_was_asked_for(text: str, tier: str) -> None:
    assert read_tier(text) == tier


class Bound(Answering):
    """Keeps what it was bound to."""

    bound: list[dict[str, Any]] = []  # noqa: RUF012 - pydantic copies it

    async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        self.bound.append(kwargs)
        return await super()._agenerate(messages, *args, **kwargs)


@pytest.mark.parametrize("able", [True, False])
async def test_a_model_that_can_be_held_to_the_schema_is_held_to_it(able: bool) -> None:
    model = Bound(answers=['{"tier": "crisis"}'], bound=[], profile=ModelProfile(structured_output=able))
    assert (await judge(model).settle(unsure(), "text")).verdict["tier"] == "crisis"
    asked = model.bound[0].get("response_format", {}).get("json_schema", {}).get("schema", {})
    assert asked.get("properties", {}).get("tier", {}).get("enum") == (["none", "check_in", "crisis"] if able else None)
