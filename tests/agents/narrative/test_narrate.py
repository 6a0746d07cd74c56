"""The narrator's one call: streamed through the gate, continued once after a veto, ended by us if need be."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes import KeptVoice, ScriptedModel, services_of
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langgraph.runtime import Runtime

from agents.errors import ModelError, ModelGarbage, ModelTimeout, ModelUnavailable
from agents.models.offline import OfflineStoryteller
from agents.narrative.narrate import CLOSINGS, narrate
from agents.narrative.review import covers, review_narration
from agents.story import Usage, apply_changes
from agents.world.load import load_text
from agents.world.resolve import resolve
from agents.world.scene import build_scene
from agents.world.view import View, initial_slots

WORLD = load_text((Path(__file__).parents[2] / "data" / "cottage.yaml").read_text(), "cottage.yaml").world


async def told(model: Any, *, action: str = "look", before: list[str] | None = None, timeout_s: float = 60, total_s: float = 60, tokens: int = 1_000) -> tuple[Any, KeptVoice]:  # fmt: skip
    slots = {**initial_slots(WORLD), "kitchen.visits": 1}
    outcome, changes = resolve(WORLD, slots, action, [], 1)
    view = View(WORLD, apply_changes(slots, changes))
    voice = KeptVoice(before)
    services = services_of(
        WORLD, model, voice=voice, model_timeout_s=timeout_s, model_total_s=total_s, reminder_tokens=tokens
    )
    state = {
        "scene": build_scene(view, outcome, number=1, seed=1),
        "exchanges": [{"number": 0, "action": "wait", "narration": "The kettle sang."}],
        "story_so_far": "You came by boat.",
        "memories": [],
        "slots": slots,
        "changes": changes,
        "verdicts": [],
        "usage": Usage(calls=0, input_tokens=0, output_tokens=0),
        "number": 1,
    }
    runtime = Runtime(context=services)
    output = await narrate(state, runtime)  # pyright: ignore[reportArgumentType]
    return {**state, **output, "review": await review_narration({**state, **output}, runtime)}, voice  # pyright: ignore[reportArgumentType]


async def test_the_offline_storyteller_is_told_as_it_is() -> None:
    state, voice = await told(OfflineStoryteller())
    assert state["narration"] == " ".join(voice.out)
    assert state["verdicts"][0]["action"] == "allow"
    assert state["usage"]["calls"] == 1
    assert state["prompt"][0]["role"] == "system"


@pytest.mark.parametrize(("tokens", "said"), [(1_000, True), (0, False)])
async def test_the_narrator_is_reminded_within_a_budget(tokens: int, said: bool) -> None:
    state, _ = await told(ScriptedModel(answers=["The range ticks."]), tokens=tokens)
    asked = state["prompt"][1]["content"]
    assert ("The kettle sang." in asked, "You came by boat." in asked) == (said, said)


@pytest.mark.parametrize(
    ("bad", "category"),
    [
        ("You should call 555 123 4567 now.", None),
        ("Help is on its way to you.", None),
        ("Maren says hello to you.", "contradiction"),
        ("You pick up the hand bell.", "contradiction"),
    ],
)
async def test_a_bad_sentence_is_never_seen_and_the_model_goes_on(bad: str, category: str | None) -> None:
    model = ScriptedModel(answers=[f"The range ticks. {bad} And more.", "The cups hang still."])
    state, voice = await told(model)
    assert voice.out[:2] == ["The range ticks.", "The cups hang still."]
    assert bad not in state["narration"]
    verdict = state["verdicts"][0]
    assert verdict["action"] == "rewrite"
    if category:
        assert verdict["categories"] == [category]
    assert "The range ticks." in str(model.asked[1][-1].content), "the continuation is told what is out"


async def test_a_second_veto_ends_the_passage_with_words_of_ours() -> None:
    model = ScriptedModel(answers=["The range ticks. Maren says no.", "Maren says yes."])
    state, voice = await told(model)
    assert voice.out == ["The range ticks.", CLOSINGS[1]]
    assert len(model.asked) == 2
    assert state["usage"]["calls"] == 2


@pytest.mark.parametrize("garbage", ["", "   ", '```json\n{"choices": []}\n```', "\n\n"])
async def test_garbage_is_an_error_while_nothing_is_out(garbage: str) -> None:
    with pytest.raises(ModelGarbage):
        await told(ScriptedModel(answers=[garbage]))


async def test_a_model_that_hangs_times_out() -> None:
    with pytest.raises(ModelTimeout):
        await told(ScriptedModel(answers=["<hang>"]), timeout_s=0.05)


async def test_a_vendors_error_becomes_ours_and_tells_nothing_of_the_prompt() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await told(ScriptedModel(answers=["<fail>"]))
    assert "vendor's own words" not in caught.value.line()


class EndlessModel(ScriptedModel):
    """Says the same piece for ever; `counts` what it says of its tokens."""

    piece: str
    counts: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it

    async def _astream(self, messages: list[Any], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        while True:
            chunk = AIMessageChunk(content=self.piece)
            object.__setattr__(chunk, "usage_metadata", self.counts or None)
            yield ChatGenerationChunk(message=chunk)


@pytest.mark.parametrize("piece", ["", " ", "`", "The rain goes on. ", '```json\n{"choices": '])
async def test_a_model_that_never_ends_is_ended(piece: str) -> None:
    """By the length that a text may have, or by the time that a turn may take."""
    began = time.monotonic()
    model = EndlessModel(answers=[""], piece=piece)
    if piece.startswith("The"):
        state, _ = await told(model, total_s=1)
        assert state["narration"].startswith("The rain goes on.")
    else:
        with pytest.raises(ModelError):
            await told(model, total_s=1)
    assert time.monotonic() - began < 20


class CountingModel(ScriptedModel):
    """One sentence, with a count of tokens that may be anything."""

    counted: Any

    async def _astream(self, messages: list[Any], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        chunk = AIMessageChunk(content="The rain goes on outside.")
        object.__setattr__(chunk, "usage_metadata", {"input_tokens": self.counted, "output_tokens": self.counted})
        yield ChatGenerationChunk(message=chunk)


@pytest.mark.parametrize("counted", [10**25, -3, "many", None, 1.5, 7])
async def test_a_count_of_tokens_always_fits(counted: Any) -> None:
    state, _ = await told(CountingModel(answers=[""], counted=counted))
    assert 0 <= state["usage"]["input_tokens"] < 2**53
    assert (counted != 7) or state["usage"]["output_tokens"] == 7


class CancelledModel(ScriptedModel):
    async def _astream(self, messages: list[Any], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for word in self.answers:
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        raise asyncio.CancelledError


async def test_a_model_that_gives_up_is_no_cancelled_turn() -> None:
    with pytest.raises(ModelUnavailable, match="CancelledError"):
        await told(CancelledModel(answers=[]))
    state, _ = await told(CancelledModel(answers=["The rain goes on outside. ", "And"]))
    assert state["narration"] == f"The rain goes on outside. {CLOSINGS[1]}"


async def test_a_turn_that_is_cancelled_is_cancelled() -> None:
    model = ScriptedModel(answers=["<hang>"])
    task = asyncio.create_task(told(model))
    while not model.asked:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("end", ["<hang>", "<fail>"])
async def test_what_is_out_stays_and_is_brought_to_an_end(end: str) -> None:
    """A model that fails in the middle costs the rest of its passage, not the turn."""
    model = ScriptedModel(answers=[f"The range ticks. The cups hang still. {end}"])
    state, voice = await told(model, timeout_s=2 if end == "<hang>" else 60)
    assert voice.out[0] == "The range ticks."
    assert voice.out[-1] == CLOSINGS[1]
    assert state["narration"] == " ".join(voice.out)


async def test_a_resumed_turn_begins_with_what_was_shown() -> None:
    _, whole = await told(OfflineStoryteller())
    state, voice = await told(OfflineStoryteller(), before=whole.out[:1])
    assert state["narration"].startswith(whole.out[0])
    assert whole.out[0] not in voice.out, "it is not said twice"
    assert state["narration"] == " ".join([whole.out[0], *voice.out])


async def test_an_essential_text_that_the_model_left_out_is_added() -> None:
    state, voice = await told(ScriptedModel(answers=["The rain goes on."]), action="examine lamp")
    assert state["review"]["added"] == ["A brass lamp with a short wick."]
    assert voice.out == ["The rain goes on.", "A brass lamp with a short wick."]


def test_coverage_counts_the_authors_words() -> None:
    assert covers("There is a brass lamp; its wick is short.", "A brass lamp with a short wick.")
    assert not covers("There is a table.", "A brass lamp with a short wick.")
