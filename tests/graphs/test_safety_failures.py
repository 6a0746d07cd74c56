"""What happens where a part of the safety agent fails, one after the other: always the more careful answer, never a pass.

| what fails | plain play | a person at risk |
|---|---|---|
| the rules | check-in | crisis, by the classifier |
| the classifier's weights, or its embedder | check-in, where it was asked | crisis, by the rules |
| reading the text at all | check-in | check-in |
| the judge: late, garbage, refusal, unreachable | not asked | check-in, where only the classifier was concerned |
| a narration's detector | the sentence is replaced | - |
| Redis, the graph | the store's error | the store's error, with the resources |
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cottage import begun
from fakes import Answering, ScriptedModel
from test_outage import take_away

from agents.errors import StoreUnavailable
from agents.safety.classifying.classifier import shipped_classifier
from agents.safety.screen import Screened
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings

CRISIS = "I want to end my life tonight"
VEILED = "the pills are in my hand and the letter is on the bed, goodbye everyone"
"""No rule has words for it; the classifier has."""


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("zebrafish")


def break_rules(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("agents.safety.rules.RuleSet.__call__", broken)


def break_weights(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("agents.safety.classifying.weights.Weights.cheap_scores", broken)


def break_embedder(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shipped_classifier(), "_embed", broken)
    patch.setattr(shipped_classifier(), "at", shipped_classifier().at.model_copy(update={"cheap_danger": -50.0}))


def break_reading(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("agents.safety.screen.views", broken)


@pytest.mark.parametrize(
    ("fails", "at_risk"),
    [(break_rules, "crisis"), (break_weights, "crisis"), (break_embedder, "crisis"), (break_reading, "check_in")],
)
async def test_a_detector_that_fails_holds_the_turn(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch, fails: Callable[[pytest.MonkeyPatch], None], at_risk: str
) -> None:
    session = await begun(engine)
    words = VEILED if fails is break_rules else CRISIS
    assert engine.screen.action(words)["tier"] == "crisis", "all is well before"
    fails(monkeypatch)
    turn = await engine.act(session, "look at the lamp")
    assert (turn["kind"], turn["action"]) == ("check_in", "")
    assert "detector_failed" in [signal["id"] for signal in turn["verdicts"][0]["signals"]]
    assert "zebrafish" not in str(turn)
    assert (await engine.act(session, words))["kind"] == at_risk


@pytest.mark.parametrize("answer", ["<hang>", "<fail>", "I cannot help with that.", '{"tier": "fine"}'])
async def test_a_judge_that_fails_is_the_more_careful_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    settings = read_settings(data_dir=tmp_path, linger_s=0.2, safety_model="openai:judge", safety_timeout_s=0.2)
    async with open_engine(settings) as engine:
        engine.use_model("openai:judge", Answering(answers=[answer]))
        session = await begun(engine)
        monkeypatch.setattr(engine, "screen", Unsure(engine.screen))
        turn = await engine.act(session, "she has my phone")
        assert turn["kind"] == "check_in"
        assert turn["verdicts"][0]["signals"][-1]["id"] == "judge_failed"


async def test_a_judge_decides_what_nobody_is_sure_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings(data_dir=tmp_path, linger_s=0.2, safety_model="openai:judge")
    async with open_engine(settings) as engine:
        judge = Answering(answers=['{"tier": "crisis"}'])
        engine.use_model("openai:judge", judge)
        session = await begun(engine)
        await engine.act(session, "go north")
        assert judge.asked == [], "what is sure needs no judge"
        monkeypatch.setattr(engine, "screen", Unsure(engine.screen))
        turn = await engine.act(session, "she has my phone")
        assert (turn["kind"], turn["action"]) == ("crisis", "")
        assert (await engine.session(session))["paused"]
        assert "she has my phone" in str(judge.asked[0][-1].content)


class Unsure:
    """A screen that is sure of nothing that it lets pass."""

    def __init__(self, screen: Any) -> None:
        self._screen = screen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screen, name)

    def screen(self, text: str, **known: Any) -> Screened:
        return self._screen.screen(text, **known)._replace(unsure=True)


async def test_a_narration_that_cannot_be_checked_is_not_shown(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.use_model("fake", ScriptedModel(answers=["The lamp hums. The rain goes on."]))
    session = await begun(engine, model="fake")
    monkeypatch.setattr(engine.screen, "_narrations", (broken,))
    told = await engine.act(session, "look")
    assert "hums" not in told["narration"]


async def test_a_store_that_fails_still_gives_a_person_at_risk_the_resources(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await begun(engine)
    with monkeypatch.context() as patched:
        take_away(engine, patched)
        for words in (CRISIS, VEILED):
            with pytest.raises(StoreUnavailable) as caught:
                await engine.act(session, words)
            assert caught.value.help
            assert caught.value.help["tier"] == "crisis"
        with pytest.raises(StoreUnavailable) as plain:
            await engine.act(session, "look")
        assert plain.value.help is None


async def test_a_plan_told_over_three_turns_is_found_through_undo_and_other_branches(engine: StoryEngine) -> None:
    """None of the pieces is anything by itself, so what finds them is that the session keeps them in mind."""
    pieces = ["mum works nights now", "they will find a note", "i swept out the garage"]
    assert [engine.screen.action(piece)["tier"] for piece in pieces] == ["none"] * 3
    session = await begun(engine)
    await engine.act(session, "look")
    assert (await engine.act(session, pieces[0]))["kind"] == "story"
    await engine.undo(session)
    assert (await engine.act(session, pieces[1]))["kind"] == "story"
    await engine.fork(session, "other", at=1)
    await engine.act(session, "look at the lamp")
    turn = await engine.act(session, pieces[2])
    assert turn["kind"] == "crisis"
    assert [signal["id"] for signal in turn["verdicts"][0]["signals"]] == ["together_crisis"]
    alone = await begun(engine, session="alone")
    assert (await engine.act(alone, pieces[2]))["kind"] == "story"
