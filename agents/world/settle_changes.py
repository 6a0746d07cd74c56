"""Node settle_changes: what the turn changed, checked for the last time, and what the player can do next."""

from typing import Any

from typing_extensions import TypedDict

from agents.safety.telling import Telling
from agents.services import Runtime, Services
from agents.story import Change, Choice, Outcome, Value, apply_changes
from agents.world.choices import merge
from agents.world.settle import check_changes, soft_changes
from agents.world.view import View


class SettleInput(TypedDict):
    slots: dict[str, Value]
    changes: list[Change]
    outcome: Outcome
    tail: dict[str, Any]
    tail_fault: str
    number: int
    seed: int


class SettleOutput(TypedDict):
    changes: list[Change]
    choices: list[Choice]
    rejected: list[dict[str, str]]


async def settle_changes(state: SettleInput, runtime: Runtime[Services]) -> SettleOutput:
    """Hard rules first, then the narrator's soft facts against the world's schema; what is rejected is said why."""
    world, slots = runtime.context.world, state["slots"]
    kept, rejected = check_changes(world, slots, state["changes"])
    after = apply_changes(slots, kept)
    facts, unsafe = _safe_facts(runtime.context.telling, state["tail"].get("facts"))
    soft, refused = soft_changes(world, after, facts)
    refused += unsafe
    kept = [*kept, *soft]
    if state["tail_fault"]:
        refused.append({"slot": "*", "because": "narration", "reason": state["tail_fault"]})
    raw = state["tail"].get("choices")
    offered = (
        [" ".join(text.split())[:80] for text in raw[:5] if isinstance(text, str)] if isinstance(raw, list) else []
    )
    offered = [text for text in offered if runtime.context.telling.offers(text)]
    view = View(world, apply_changes(slots, kept))
    choices = merge(view, offered, state["number"], state["seed"])
    choices = [each for each in choices if not runtime.context.telling.topics.find(each["text"])]
    return SettleOutput(changes=kept, choices=choices, rejected=[*rejected, *refused])


def _safe_facts(telling: Telling, proposed: object) -> tuple[list[object], list[dict[str, str]]]:
    """A tail's facts without those that no narrator may say: a fact can come back in a later scene."""
    kept: list[object] = []
    refused: list[dict[str, str]] = []
    for fact in proposed[:8] if isinstance(proposed, list) else []:
        words = " ".join(str(value) for value in fact.values()) if isinstance(fact, dict) else ""
        if telling.offers(words.replace("_", " ")):
            kept.append(fact)
        else:
            refused.append({"slot": "*", "because": "narration", "reason": "no narrator may say that"})
    return kept, refused
