"""What happened in a stretch of turns, read off the changes that the turns made: the facts of a summary.

Kinds, each with where it happened (`where`, as one says it after a verb) and the names that telling it needs:

    arrived     names.place, seen for the first time
    met         names.who, names.pronoun
    talked      names.who, names.pronoun, names.topic
    took        names.thing                                 picked up, and still carried at the end
    got         names.thing, names.who, names.pronoun       from somebody; without `who`, come by in another way
    gave        names.thing, names.who, names.pronoun
    unlocked    names.thing, and still unlocked at the end
    reached     names.goal (its title), and still reached at the end
    moment      says: the author's words, told in the turn

Only what the rules decided is read, never the player's words nor the narrator's, so all of it is true and safe to tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NotRequired

from typing_extensions import TypedDict

from agents.safety.sentences import split_sentences
from agents.story import Change, Turn, Value, apply_changes
from agents.world.language import PLAYER
from agents.world.schema import World
from agents.world.view import View, is_bookkeeping, where

MOMENT_CHARS = (30, 160)
"""The shortest and the longest sentence of an author that is kept as a moment: a shorter one says little by itself."""

_GIVEN = ("gift", "topic")


class Happening(TypedDict):
    """One thing that happened. `where` is the place after a verb: `in the kitchen`; empty where the world has it no more."""

    turn: int
    kind: str
    where: str
    names: NotRequired[dict[str, str]]
    says: NotRequired[str]


def find_happenings(
    world: World, before: Mapping[str, Value], turns: Sequence[Turn], moments: Mapping[str, Sequence[str]]
) -> list[Happening]:
    """What the turns of a story (oldest first) came to, from the slots before them, in order.

    `moments` has by turn_id the sentences that a turn was committed with. Turns that are no story tell nothing.
    """
    found: list[Happening] = []
    slots = dict(before)
    played = [turn for turn in turns if turn["kind"] == "story"]
    for turn in played:
        start = View(world, slots)
        slots = apply_changes(slots, turn["changes"])
        found += _of_turn(start, View(world, slots), turn, moments.get(turn["turn_id"], ()))
    return _lasting(found, View(world, slots))


def _of_turn(before: View, after: View, turn: Turn, moments: Sequence[str]) -> Iterator[Happening]:
    place = _where(before if _asked_before_leaving(turn) else after)
    eventful = False
    for change in {change["slot"]: change for change in turn["changes"]}.values():
        if before.slots.get(change["slot"]) == change["value"]:
            continue
        eventful = eventful or not (is_bookkeeping(change["relation"]) or change["slot"] == f"{PLAYER}.in")
        if told := _of_change(before, after, change):
            kind, names = told
            yield Happening(
                turn=turn["number"], kind=kind, where=_where(after) if kind == "arrived" else place, names=names
            )
    if eventful and (says := _saying(moments)):
        yield Happening(turn=turn["number"], kind="moment", where=place, says=says)


def _where(view: View) -> str:
    """Where the player is; empty for a place that a later edition of the world no longer has."""
    return where(view.location) if view.here in view.world.locations else ""


def _asked_before_leaving(turn: Turn) -> bool:
    """Whether the player was moved by what they did, and so did it where they had been: not by walking."""
    return all(c["because"] != "verb:go" for c in turn["changes"] if c["slot"] == f"{PLAYER}.in")


def _of_change(before: View, after: View, change: Change) -> tuple[str, dict[str, str]] | None:
    """The kind and the names of what a change tells; None for one that tells nothing."""
    world, subject, relation, value = after.world, change["subject"], change["relation"], change["value"]
    if subject in world.items:
        return _of_item(before, after, change)
    if subject in world.characters:
        if relation == "met" and not before.get(subject, "met"):
            return "met", _person(after, subject)
        topic = relation.removeprefix("told_")
        if topic in world.characters[subject].topics and change["because"] == f"topic:{subject}" and value == 1:
            return "talked", {**_person(after, subject), "topic": _topic(after, subject, topic)}
    if subject in world.locations and relation == "visits" and value == 1:
        return "arrived", {"place": after.name(subject)}
    if subject in world.goals and relation == "done" and value is True:
        return "reached", {"goal": world.goals[subject].title}
    return None


def _person(view: View, who: str) -> dict[str, str]:
    return {"who": view.name(who), "pronoun": view.world.characters[who].pronoun}


def _topic(view: View, who: str, topic: str) -> str:
    """A topic as it is told to the player: `my letter` is theirs, and `bell` is a thing of the world, so `the bell`."""
    name = view.topic_name(who, topic)
    if name.startswith("my "):
        return f"your {name[3:]}"
    is_thing = any(item.name.split()[-1] == name for item in view.world.items.values())
    return f"the {name}" if is_thing else name


def _of_item(before: View, after: View, change: Change) -> tuple[str, dict[str, str]] | None:
    item, relation, value = change["subject"], change["relation"], change["value"]
    source, _, name = change["because"].partition(":")
    thing = {"thing": after.name(item)}
    if relation == "locked" and value is False and source == "verb":
        return "unlocked", thing
    if relation != "in":
        return None
    if value == PLAYER:
        if source in _GIVEN and name in after.world.characters:
            return "got", {**thing, **_person(after, name)}
        return ("took" if source == "verb" else "got"), thing
    if value in after.world.characters and before.carries(item):
        return "gave", {**thing, **_person(after, str(value))}
    return None


def _saying(moments: Sequence[str]) -> str:
    """The first sentence of what the turn's last moment said, where it is short and whole; else empty."""
    for text in reversed(moments):
        first = next(iter(split_sentences(text)), "")
        if MOMENT_CHARS[0] <= len(first) <= MOMENT_CHARS[1] and first[-1] in ".!?" and '"' not in first:
            return first
    return ""


def _lasting(found: list[Happening], end: View) -> list[Happening]:
    """Without what came to nothing: a thing that was put down again, a gift that came back, what was told before."""
    held = {end.name(key) for key in end.world.items if end.carries(key)}
    shut = {end.name(key) for key in end.world.items if end.get(key, "locked")}
    done = {goal.title for key, goal in end.world.goals.items() if end.get(key, "done")}
    kept: dict[tuple[str, ...], Happening] = {}
    for happening in found:
        kind, names = happening["kind"], happening.get("names", {})
        thing = names.get("thing", "")
        if kind in ("took", "got") and thing not in held:
            continue
        if (kind == "gave" and thing in held) or (kind == "unlocked" and thing in shut):
            continue
        if kind == "reached" and names["goal"] not in done:
            continue
        key = (
            "held" if kind in ("took", "got") else kind,
            *([thing] if thing else names.values()),
            happening.get("says", ""),
        )
        if thing:
            kept.pop(key, None)  # of a thing the last counts: it is where it was put last
        kept.setdefault(key, happening)
    return sorted(kept.values(), key=lambda happening: happening["turn"])
