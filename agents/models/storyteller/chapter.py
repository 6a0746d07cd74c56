"""Telling what happened in a stretch of turns, without a model: past, plain, in order, place by place.

In the boat shed you picked up the oil can. In the keeper's kitchen you met Isbel, gave her the letter and ...
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from agents.safety.sentences import split_sentences

CHAPTER_CHARS = 600
"""Longest summary of a chapter."""

SO_FAR_CHARS = 1_200
"""Longest summary of a story up to a turn, however long the story."""

MANAGED, REMEMBER = "You managed to ", "You remember: "

_WEIGHTS = {
    "reached": 9,
    "gave": 6,
    "met": 5,
    "got": 4,
    "took": 3,
    "unlocked": 3,
    "talked": 3,
    "arrived": 2,
    "moment": 1,
}
_QUIET = "Nothing much changed, and time went by."
_OBJECT = {"she": "her", "he": "him", "they": "them", "it": "it"}
_TOPICS = 3
"""Topics that are named of one conversation."""


def tell_chapter(happenings: Sequence[Mapping[str, Any]], limit: int = CHAPTER_CHARS) -> str:
    """The happenings as prose of at most `limit` characters; what weighs least is left out, of equals the earlier.

    At most one moment is told, the last. Empty for no happenings and a `limit` that leaves no room.
    """
    kept = _one_moment(happenings)
    while len(told := _told(kept)) > limit:
        least = min(range(len(kept)), key=lambda i: (_WEIGHTS.get(str(kept[i]["kind"]), 0), i))
        kept = [*kept[:least], *kept[least + 1 :]]
        if not kept:
            return ""
    return told or (_QUIET if len(_QUIET) <= limit else "")


def tell_so_far(so_far: str, text: str, limit: int = SO_FAR_CHARS) -> str:
    """A summary of everything up to now from the one before and what came since: at most `limit` characters.

    What was reached and whom one met is kept longest; of equals the later.
    """
    fresh = list(dict.fromkeys(split_sentences(text)))
    old = [sentence for sentence in dict.fromkeys(split_sentences(so_far)) if sentence not in fresh]
    kept = [sentence for sentence in (*old, *fresh) if sentence != _QUIET] or fresh
    while kept and len(" ".join(kept)) > limit:
        recent = set(kept[-len(fresh) :])
        least = min(range(len(kept)), key=lambda i: (_lasts(kept[i]) + 2 * (kept[i] in recent), i))
        kept.pop(least)
    return " ".join(kept)


def _lasts(sentence: str) -> int:
    """How long a sentence of ours is worth keeping."""
    if sentence.startswith(MANAGED):
        return 3
    return 0 if sentence.startswith(REMEMBER) else 1 + (" met " in sentence)


def _one_moment(happenings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last moment of a turn in which something was reached, or else the last."""
    reached = {h["turn"] for h in happenings if h["kind"] == "reached"}
    moments = [h for h in happenings if h["kind"] == "moment"]
    chosen = next((h for h in reversed(moments) if h["turn"] in reached), moments[-1] if moments else None)
    return [h for h in happenings if h["kind"] != "moment" or h is chosen]


def _told(happenings: Sequence[Mapping[str, Any]]) -> str:
    sentences: list[str] = []
    seen: list[str] = []
    for where, group in groupby(happenings, key=lambda h: h["where"]):
        here = list(group)
        clauses = _clauses([h for h in here if h["kind"] not in ("arrived", "reached", "moment")])
        new = [h["names"]["place"] for h in here if h["kind"] == "arrived"]
        if clauses:
            sentences += [*_passing(seen), _sentence(f"{where} you {_and(clauses)}.".strip())]
            seen = []
        else:
            seen += new
        if goals := [h["names"]["goal"] for h in here if h["kind"] == "reached"]:
            sentences += [*_passing(seen), MANAGED + _and([_lower(goal) for goal in goals]) + "."]
            seen = []
        sentences += [REMEMBER + f"“{h['says']}”" for h in here if h["kind"] == "moment"]
    return " ".join([*sentences, *_passing(seen)])


def _passing(places: Sequence[str]) -> list[str]:
    """Places where nothing else happened."""
    return [f"You found your way to {_and(list(dict.fromkeys(places)))}."] if places else []


def _clauses(happenings: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was done at one place, of one kind in one clause; somebody is named once as long as nobody else comes in."""
    told: list[str] = []
    last = ""
    for (kind, who), group in groupby(_introduced(happenings), key=_kind_and_who):
        names = [h["names"] for h in group]
        again = who if who != last else _OBJECT.get(names[0].get("pronoun", ""), who)
        told.append(_clause(kind, again, names, pronoun=again != who))
        last = who or last
    return told


def _kind_and_who(happening: Mapping[str, Any]) -> tuple[str, str]:
    return str(happening["kind"]), str(happening["names"].get("who", ""))


def _clause(kind: str, who: str, names: Sequence[Mapping[str, str]], *, pronoun: bool) -> str:
    things = _and([name["thing"] for name in names if "thing" in name])
    match kind:
        case "met":
            return f"met {who}"
        case "talked":
            return f"talked with {who} about {_and([name['topic'] for name in names][:_TOPICS])}"
        case "gave":
            return f"gave {who} {things}" if pronoun else f"gave {things} to {who}"
        case "got":
            return f"got {things} from {who}" if who else f"came by {things}"
        case _:
            return f"{'picked up' if kind == 'took' else 'unlocked'} {things}"


def _introduced(happenings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One meets somebody before anything else is told of them: rules may count a greeting later than a gift."""
    ordered = list(happenings)
    for meeting in [h for h in happenings if h["kind"] == "met"]:
        first = next(i for i, h in enumerate(ordered) if h["names"].get("who") == meeting["names"]["who"])
        ordered.remove(meeting)
        ordered.insert(first, meeting)
    return ordered


def _and(things: Sequence[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}" if things else ""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
