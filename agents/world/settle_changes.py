"""Node settle_changes: what the turn changed, checked for the last time, and what the player can do next."""

from typing import Any

from typing_extensions import TypedDict

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
    soft, refused = soft_changes(world, after, state["tail"].get("facts"))
    kept = [*kept, *soft]
    if state["tail_fault"]:
        refused.append({"slot": "*", "because": "narration", "reason": state["tail_fault"]})
    raw = state["tail"].get("choices")
    offered = [str(text) for text in raw[:5]] if isinstance(raw, list) else []
    view = View(world, apply_changes(slots, kept))
    choices = merge(view, offered, state["number"], state["seed"])
    return SettleOutput(changes=kept, choices=choices, rejected=[*rejected, *refused])
