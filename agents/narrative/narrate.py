"""Narrate: the one model call of a common turn, streamed through the gate.

Every veto sits here. A bad sentence stops the model; one continuation of what is already out is asked for, with the
reason; if that is vetoed too, a sentence of ours ends the passage. There is no retry: it would say things twice.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, cast

from langchain_core.messages import AnyMessage
from typing_extensions import TypedDict

from agents.errors import ModelError, ModelGarbage, ModelTimeout, ModelUnavailable, StoryError, TurnCancelled
from agents.narrative.claims import contradiction, known_facts
from agents.narrative.rechecked import Rechecked, recheck
from agents.narrative.reminders import pack
from agents.safety.clean import clean, count_of
from agents.safety.gate import Gate
from agents.safety.guard import pour
from agents.services import Runtime, Services
from agents.story import Change, Exchange, Moment, Signal, Usage, Value, Verdict, apply_changes
from agents.world.scene import Scene
from agents.world.view import View

CLOSINGS = (
    "The moment holds a little longer, and then it passes.",
    "For now that is all there is to see.",
    "The rest stays quiet.",
)
"""Ours, for a passage that the gate had to end."""

CLOSE_S = 5.0
"""Longest wait for a model's stream to be closed."""


class NarrateInput(TypedDict):
    scene: Scene
    exchanges: list[Exchange]
    story_so_far: str
    memories: list[Moment]
    slots: dict[str, Value]
    changes: list[Change]
    verdicts: list[Verdict]
    usage: Usage
    number: int


class NarrateOutput(TypedDict):
    narration: str
    tail: dict[str, Any]
    tail_fault: str
    verdicts: list[Verdict]
    usage: Usage
    prompt: list[dict[str, str]]
    left_out: list[dict[str, str]]


async def narrate(state: NarrateInput, runtime: Runtime[Services]) -> NarrateOutput:
    """Tells the scene. Raises a ModelError only while nothing is out; after that the passage is brought to an end.

    Raises TurnCancelled where the turn is to stop, unless what is out is to stay.
    """
    services = runtime.context
    check = _check(state, services)
    gate = Gate(check, services.voice.release, list(await services.voice.released()), check.safety)
    usage = Usage(**state["usage"])
    # A turn in flight from before there were chapters has no story so far.
    so_far = state.get("story_so_far") or ""
    recalled = recheck(so_far, state["exchanges"], state["memories"], services.telling)
    first = _first_prompt(state, services, gate, recalled)
    until = asyncio.get_running_loop().time() + services.model_total_s
    failure = await _run(services, first, gate, usage, until)
    if gate.vetoed and not gate.full:
        reason = f"a sentence was stopped: {gate.vetoed}"
        again = _continuation(state, services, gate, reason)
        gate.begin()
        failure = await _run(services, again, gate, usage, until)
    stopped = isinstance(failure, TurnCancelled)
    if stopped and (services.halt.asked == "rollback" or not gate.sentences):
        raise failure
    if not gate.sentences and not gate.replaced:
        raise failure or ModelGarbage(
            "The model answered without one sentence of prose", cure="Try again, or choose another model."
        )
    # Who has cut in wants to hear no more: the passage ends where it is.
    if (gate.vetoed or failure or not gate.sentences) and not stopped:
        gate.say(CLOSINGS[state["number"] % len(CLOSINGS)])
    tail, fault = _tail(gate, services)
    return NarrateOutput(
        narration=services.redaction.restore(gate.text),
        tail=_restored(tail, services),
        tail_fault=fault,
        verdicts=[*state["verdicts"], _verdict(gate)],
        usage=usage,
        prompt=[{"role": str(m.type), "content": clean(str(m.text))} for m in first],
        left_out=recalled.left_out,
    )


def _restored(tail: dict[str, Any], services: Services) -> dict[str, Any]:
    """The tail with the player's own words in its choices. A fact keeps its placeholder, which no fact may hold."""
    choices = tail.get("choices")
    if not isinstance(choices, list):
        return tail
    restore = services.redaction.restore
    return {**tail, "choices": [restore(each) if isinstance(each, str) else each for each in cast(list[Any], choices)]}


def _tail(gate: Gate, services: Services) -> tuple[dict[str, Any], str]:
    """The tail's data and what is wrong with it. One that holds the canary is dropped whole, and so kept nowhere."""
    tail, fault = gate.tail_data()
    leaks = services.telling.leaks
    if leaks.has_canary(gate.tail) or leaks.has_canary(json.dumps(tail, ensure_ascii=False)):
        return {}, "the tail tells what is secret"
    return tail, fault


def _first_prompt(state: NarrateInput, services: Services, gate: Gate, recalled: Rechecked) -> list[AnyMessage]:
    if gate.sentences:
        return _continuation(state, services, gate, "the turn was interrupted")
    packed = pack(recalled.story_so_far, recalled.exchanges, recalled.moments, services.reminder_tokens)
    return services.prompts.get("narrate").render(
        scene=state["scene"],
        story_so_far=packed.story_so_far or "(this is the beginning)",
        history=packed.history or "(nothing yet)",
        memories=packed.memories or "(nothing)",
    )


def _continuation(state: NarrateInput, services: Services, gate: Gate, reason: str) -> list[AnyMessage]:
    # As the player has read it: the model is told placeholders of what stands in its prompt, and of no placeholders.
    released = services.redaction.restore(gate.text) or "(nothing yet)"
    return services.prompts.get("continue").render(scene=state["scene"], released=released, reason=reason)


def _check(state: NarrateInput, services: Services) -> "_SentenceCheck":
    slots = apply_changes(state["slots"], state["changes"])
    authored = [str(beat.get("says", "")) for beat in state["scene"]["beats"]]
    return _SentenceCheck(services, View(services.world, slots), authored, state["changes"])


class _SentenceCheck:
    """Safety first, then the facts."""

    def __init__(self, services: Services, view: View, authored: list[str], changes: list[Change]) -> None:
        moved = any(item["slot"] == "player.in" for item in changes)
        self.safety = services.telling.against
        """What speaks against a text, whatever the facts are."""
        self._facts = known_facts(view, moved=moved, authored=authored)

    def __call__(self, sentence: str) -> list[Signal]:
        if unsafe := self.safety(sentence):
            return unsafe
        wrong = contradiction(sentence, self._facts)
        return [Signal(source="fact", id=wrong, category="contradiction", confidence=1.0)] if wrong else []


async def _run(
    services: Services, messages: list[AnyMessage], gate: Gate, usage: Usage, until: float
) -> StoryError | None:
    """One model answer through the gate. Returns the failure instead of raising it: something may be out already."""
    usage["calls"] += 1
    try:
        async with aclosing(pour(_chunks(services, messages, usage, until), gate)) as steps:
            async for _ in steps:
                pass
    except StoryError as error:
        return error
    return None


async def _chunks(services: Services, messages: list[AnyMessage], usage: Usage, until: float) -> AsyncGenerator[str]:
    """The model's text, chunk by chunk, each within its time limit, all before `until`; its tokens are counted in `usage`.

    A vendor's exception becomes a ModelError, and so does a cancellation that nobody of ours has asked for.
    """
    stream = services.storyteller.astream(services.telling.leaks.mark(messages))
    clock = asyncio.get_running_loop().time
    try:
        while True:
            await asyncio.sleep(0)  # a model that never waits must not keep everybody else waiting
            if (left := until - clock()) <= 0:
                raise TimeoutError
            async with services.halt.within(min(services.model_timeout_s, left)):
                try:
                    chunk = await anext(stream)
                except StopAsyncIteration:
                    return
            counted = getattr(chunk, "usage_metadata", None) or {}
            usage["input_tokens"] += count_of(counted.get("input_tokens"))
            usage["output_tokens"] += count_of(counted.get("output_tokens"))
            yield str(chunk.text)
    except TimeoutError as error:
        raise _too_slow(services, total=clock() >= until) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise translate(error) from None  # nobody has cancelled the turn: the model gave up by itself
    except StoryError:
        raise
    except Exception as error:  # every vendor has its own tree; its text may quote the prompt, so only the type is told
        raise translate(error) from error
    finally:
        # A model that cannot even be closed must not cost what is out already.
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                await cast(Any, stream).aclose()


def _too_slow(services: Services, *, total: bool) -> ModelTimeout:
    if total:
        cause = f"The model had not ended after {services.model_total_s:g} s"
        return ModelTimeout(cause, cure="Try again, or raise TTA_MODEL_TOTAL_S.")
    cause = f"The model said nothing for {services.model_timeout_s:g} s"
    return ModelTimeout(cause, cure="Try again, or raise TTA_MODEL_TIMEOUT_S.")


def translate(error: BaseException) -> ModelError:
    """A vendor's exception as one of ours."""
    name = type(error).__name__
    if "timeout" in name.lower():
        return ModelTimeout(f"The model took too long ({name})", cure="Try again in a while.")
    return ModelUnavailable(f"The model failed ({name})", cure="Check the model's name, key and network; try again.")


def _verdict(gate: Gate) -> Verdict:
    return Verdict(
        gate="narration",
        tier="none",
        action="rewrite" if gate.replaced else "allow",
        categories=sorted({signal["category"] for signal in gate.vetoes}),
        signals=gate.vetoes[:8],
        signal_level=1 if gate.replaced else 0,
    )
