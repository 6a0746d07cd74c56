"""A running story moved to another edition of its world: what is new comes in, what is gone goes, the rest stays as it is.

A session keeps what each upgrade changed. Which of them a state has been through is told by its slot `world.edition`, so
that a branch, or a turn that was gone back to, is brought along when it is played next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired

from typing_extensions import TypedDict

from agents.story import Change, Value, change
from agents.world.language import NOWHERE, PLAYER
from agents.world.schema import World
from agents.world.view import View, initial_slots, is_bookkeeping, where

EDITION = "world.edition"

MAX_UPGRADES = 64
"""Editions that one session may go through: each is kept with it."""


class Upgrade(TypedDict):
    """What one edition of a world has that the one before had not, and the other way round. Plain JSON."""

    to: str
    """The edition, as `edition` names it."""
    added: dict[str, Value]
    """Slots that a new story would begin with, and one of the old edition would not."""
    gone: list[str]
    """Things, people, places and goals that are no more."""
    dropped: list[str]
    """Slots of what is still there that the new edition does not know."""
    swapped: NotRequired[list[str]]
    """Ids that name something of another kind now: a place that is a thing, a thing that is somebody."""


@dataclass(frozen=True)
class Misfit:
    """Something of a state that does not fit the new edition, and what becomes of it."""

    slot: str
    value: Value
    becomes: Value
    because: str


def compare(old: World, new: World, fingerprint: str) -> Upgrade:
    """What changes from the old edition to the new one."""
    before, after = initial_slots(old), initial_slots(new)
    was, now = _kinds(old), _kinds(new)
    gone = sorted(was.keys() - now.keys())
    swapped = sorted(key for key in was.keys() & now.keys() if was[key] != now[key])
    upgrade = Upgrade(
        to=edition(fingerprint),
        added={slot: value for slot, value in after.items() if slot not in before},
        gone=gone,
        dropped=sorted(slot for slot in before.keys() - after.keys() if _subject(slot) not in gone),
    )
    return {**upgrade, "swapped": swapped} if swapped else upgrade


def fit(world: World, slots: Mapping[str, Value], upgrades: Sequence[Upgrade]) -> list[Change]:
    """The changes that bring a state to `world`, the edition of the last upgrade; none where it is there already."""
    pending = _pending(slots, upgrades)
    if not pending:
        return []
    because = f"world:{world.version}"
    initial, known = initial_slots(world), _kinds(world).keys()
    swapped = {key for upgrade in pending for key in upgrade.get("swapped", [])}
    gone = ({key for upgrade in pending for key in upgrade["gone"]} - known) | swapped
    # What lies in a thing that holds nothing any more could never be reached.
    closed = gone | {key for key, item in world.items.items() if not (item.container or item.surface)}
    dropped = {slot for upgrade in pending for slot in upgrade["dropped"]} - initial.keys()
    news: dict[str, Value] = {}
    for slot, value in slots.items():
        if _subject(slot) in gone or slot in dropped:
            news[slot] = None
        elif slot.endswith(".in") and value in closed:
            news[slot] = initial.get(slot, NOWHERE)
    anew = [slot for slot in initial if _subject(slot) in swapped]
    for slot in (*(slot for upgrade in pending for slot in upgrade["added"]), *anew):
        # A thing that was there, went, and came back is new again; a slot that holds is left alone.
        if slot in initial and (slot not in slots or news.get(slot, "") is None):
            news[slot] = initial[slot]
    changes = [_change(slot, value, because) for slot, value in news.items()]
    return [*changes, change("world", "edition", pending[-1]["to"], because)]


def misfits(old: World, slots: Mapping[str, Value], changes: Sequence[Change]) -> list[Misfit]:
    """Of the changes that `fit` makes, those that take something away, in words; `old` is the edition that knew it."""
    view = View(old, slots)
    found: list[Misfit] = []
    for item in changes:
        was, subject = slots.get(item["slot"]), item["subject"]
        if was is None or item["slot"] == EDITION or is_bookkeeping(item["relation"]):
            continue
        name = "you" if subject == PLAYER else view.name(subject)
        if item["relation"] == "in" and item["value"] is not None and was == NOWHERE:
            continue
        if item["relation"] == "in" and item["value"] is not None:
            because = f"{name} cannot be {_where(view, str(was))} any more"
        elif item["relation"] == "in":
            because = f"{name}{'' if was == NOWHERE else f', {_where(view, str(was))},'} is no more"
        else:
            because = f"{name}: '{item['relation']}' is no more"
        found.append(Misfit(item["slot"], was, item["value"], because))
    return found


def edition(fingerprint: str) -> str:
    """The name of an edition: short enough for a slot."""
    return fingerprint[:12]


def _pending(slots: Mapping[str, Value], upgrades: Sequence[Upgrade]) -> Sequence[Upgrade]:
    """The upgrades that a state has not been through; where an edition was come back to, the last time counts."""
    passed = [number for number, upgrade in enumerate(upgrades) if upgrade["to"] == slots.get(EDITION)]
    return upgrades[passed[-1] + 1 :] if passed else upgrades


def _where(view: View, place: str) -> str:
    """Where somebody or something is, in words."""
    if place in view.world.locations:
        return where(view.world.locations[place])
    if place in view.world.items:
        return f"{'in' if view.world.items[place].container else 'on'} {view.name(place)}"
    return "with you" if place == PLAYER else f"with {view.name(place)}"


def _kinds(world: World) -> dict[str, str]:
    """Everything that has an id, and what it is."""
    kinds = {"item": world.items, "character": world.characters, "location": world.locations, "goal": world.goals}
    return {key: kind for kind, held in kinds.items() for key in held}


def _subject(slot: str) -> str:
    return slot.partition(".")[0]


def _change(slot: str, value: Value, because: str) -> Change:
    subject, _, rest = slot.partition(".")
    relation, _, member = rest.partition("=")
    return change(subject, relation, value, because, member=member or None)
