"""What holds in a world, and who made it so: slots with their provenance.

A ledger is kept as JSON at every keyframe and brought up to date with the changes of the at most 31 turns since.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from agents.story import FOREVER, Change, Fact, Value

Entry = list[Any]
"""value, since (turn number), turn_id, because; then subject and relation, where the slot's name does not tell them."""

Ledger = dict[str, Entry]

Step = Sequence[Any]
"""A turn on the way from a keyframe: turn_id, number, its changes as JSON."""


def opening_ledger(slots: dict[str, Value], changes: list[Change], turn_id: str) -> Ledger:
    """The ledger of a new story: all slots are the opening's doing."""
    ledger = play({}, changes, 0, turn_id)
    return settle(ledger, slots, 0, turn_id)


def play(ledger: Ledger, changes: Iterable[Change], number: int, turn_id: str) -> Ledger:
    """The ledger after one more turn. A slot that ends as it was keeps its provenance. Changes its argument."""
    for slot, change in _net(changes).items():
        value = change["value"]
        if value is None:
            ledger.pop(slot, None)
        elif slot not in ledger or not same(ledger[slot][0], value):
            entry: Entry = [value, number, turn_id, change["because"]]
            named = (change["subject"], change["relation"])
            ledger[slot] = entry if named == _names(slot) else [*entry, *named]
    return ledger


def settle(ledger: Ledger, slots: dict[str, Value], number: int, turn_id: str) -> Ledger:
    """The ledger with exactly the values of `slots`; what differs is put down to the turn that gave them."""
    return {
        slot: ledger[slot] if slot in ledger and same(ledger[slot][0], value) else [value, number, turn_id, ""]
        for slot, value in slots.items()
        if value is not None
    }


def replay(snapshot: str, walk: Iterable[Step]) -> Ledger:
    """The ledger of a keyframe, and the turns since in any order."""
    ledger: Ledger = json.loads(snapshot)
    for turn_id, number, changes, *_ in sorted(steps(walk), key=lambda step: step[1]):
        if changes:
            play(ledger, json.loads(changes), number, turn_id)
    return ledger


def steps(walk: Iterable[Step]) -> list[Step]:
    """The walk without the empty step that an OPTIONAL MATCH leaves."""
    return [step for step in walk if step[0] is not None]


def values(ledger: Ledger) -> dict[str, Value]:
    return {slot: entry[0] for slot, entry in ledger.items()}


def facts(ledger: Ledger, until: dict[str, int], about: str | None = None) -> list[Fact]:
    """The ledger as facts, sorted by slot; `until` has the ends that are known. `about` a subject, or a value."""
    found: list[Fact] = []
    for slot, (value, since, turn_id, because, *named) in sorted(ledger.items()):
        subject, relation = named or _names(slot)
        if about is None or about in (subject, value, _member(slot)):
            found.append(
                Fact(
                    slot=slot,
                    subject=subject,
                    relation=relation,
                    value=value,
                    since=since,
                    until=until.get(slot, FOREVER),
                    turn_id=turn_id,
                    because=because,
                )
            )
    return found


def ends(ledger: Ledger, later: Iterable[Step]) -> dict[str, int]:
    """For each slot the number of the first of the `later` turns that replaced its value."""
    found: dict[str, int] = {}
    for _, number, changes in sorted(steps(later), key=lambda step: step[1]):
        for slot, change in _net(json.loads(changes)).items():
            if slot in ledger and slot not in found and not same(ledger[slot][0], change["value"]):
                found[slot] = number
    return found


def same(one: Value, other: Value) -> bool:
    """Equal and of one type: 1 is not true."""
    return one == other and type(one) is type(other)


def _net(changes: Iterable[Change]) -> dict[str, Change]:
    """What a turn comes to: the last change of each slot."""
    return {change["slot"]: change for change in changes}


def _names(slot: str) -> tuple[str, str]:
    subject, _, rest = slot.partition("=")[0].partition(".")
    return subject, rest


def _member(slot: str) -> str | None:
    return slot.partition("=")[2] or None
