"""The last word on what changed: every change is checked against the world's hard rules before it is kept."""

import re

from agents.story import Change, Value, apply_changes, change
from agents.world.language import NOWHERE, PLAYER, all_hold
from agents.world.schema import World
from agents.world.view import View

MAX_SOFT = 3
"""Soft facts that one turn may add."""

MAX_SOFT_HELD = 60
"""Soft facts that hold at once; an older one gives way (history keeps it)."""

_SAFE = re.compile(r"^[\w' ,-]{1,60}$")


def check_changes(
    world: World, slots: dict[str, Value], changes: list[Change]
) -> tuple[list[Change], list[dict[str, str]]]:
    """The changes that may be kept, and those that break a rule of the world with the reason.

    `slots` are those before the turn. A change is checked in the state that the kept ones before it have made.
    """
    kept: list[Change] = []
    rejected: list[dict[str, str]] = []
    now = slots
    for item in changes:
        if reason := why_not(world, now, item):
            rejected.append({"slot": item["slot"], "because": item["because"], "reason": reason})
            continue
        kept.append(item)
        now = apply_changes(now, [item])
    for key, invariant in world.invariants.items():
        if all_hold(invariant.never, now) and not all_hold(invariant.never, slots):
            return [], [*rejected, {"slot": "*", "because": key, "reason": invariant.because}]
    return kept, rejected


def why_not(world: World, slots: dict[str, Value], item: Change) -> str:
    """The hard rule that the change would break, or empty."""
    subject, relation, value = item["subject"], item["relation"], item["value"]
    if relation != "in":
        return ""
    if value is None:
        return "everything is somewhere; use 'nowhere'"
    places = {*world.locations, *world.items, *world.characters, PLAYER, NOWHERE}
    if value not in places:
        return f"there is no place '{value}'"
    if subject == PLAYER and value not in world.locations:
        return "the player is in a location"
    if subject in world.characters and value not in world.locations and value != NOWHERE:
        return "a character is in a location"
    if subject in world.items and value in world.items:
        return _holder_problem(world, slots, subject, str(value))
    return ""


def _holder_problem(world: World, slots: dict[str, Value], subject: str, holder: str) -> str:
    item = world.items[holder]
    if not (item.container or item.surface):
        return "only containers and surfaces hold things"
    place: Value = holder
    for _ in range(8):
        if place == subject:
            return "nothing is inside itself"
        place = slots.get(f"{place}.in") if place in world.items else None
    return ""


def soft_changes(world: World, slots: dict[str, Value], proposed: object) -> tuple[list[Change], list[dict[str, str]]]:
    """The soft facts of a narrator's tail that fit the world's schema, and those that do not, with the reason.

    A soft fact is `{"subject": ..., "relation": ..., "value": ...}` about the player or a character in sight.
    """
    kept: list[Change] = []
    rejected: list[dict[str, str]] = []
    view = View(world, slots)
    for raw in proposed[:8] if isinstance(proposed, list) else []:
        fact = raw if isinstance(raw, dict) else {}
        subject, relation, value = (str(fact.get(k, "")).strip().lower() for k in ("subject", "relation", "value"))
        subject = _person_id(view, subject)
        reason = _soft_problem(view, subject, relation, value)
        if not reason and len(kept) >= MAX_SOFT:
            reason = f"at most {MAX_SOFT} soft facts a turn"
        if reason:
            rejected.append({"slot": f"{subject}.{relation}"[:80], "because": "narration", "reason": reason})
            continue
        many = world.relations[relation] == "many"
        member = value.replace(" ", "_") if many else None
        kept.append(change(subject, relation, True if many else value, "narration", member=member))
    return [*_make_room(world, slots, len(kept)), *kept], rejected


def _person_id(view: View, name: str) -> str:
    if name in (PLAYER, "you", "the player"):
        return PLAYER
    return next((k for k, c in view.world.characters.items() if name in (k, c.name.lower())), name)


def _soft_problem(view: View, subject: str, relation: str, value: str) -> str:
    if relation not in view.world.relations:
        return "this world has no such relation"
    if subject != PLAYER and subject not in view.people:
        return "soft facts are about the player or somebody here"
    return "" if _SAFE.match(value) else "a value is 1 to 60 letters"


def _make_room(world: World, slots: dict[str, Value], wanted: int) -> list[Change]:
    """Empties the oldest soft slots when there are too many; insertion order is age."""
    soft = [slot for slot in slots if slot.split(".", 1)[-1].split("=", 1)[0] in world.relations]
    excess = soft[: max(0, len(soft) + wanted - MAX_SOFT_HELD)]
    made: list[Change] = []
    for slot in excess:
        subject, rest = slot.split(".", 1)
        relation, _, member = rest.partition("=")
        made.append(change(subject, relation, None, "narration", member=member or None))
    return made
