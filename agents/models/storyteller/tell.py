"""Telling a scene: every beat in order, then a breath of the place.

Deterministic: the same scene gives the same prose. It differs between visits because the scene carries the turn's number,
how often each thing was told before, and what the place still has to say (`agents/world/breath.py`).
"""

import random
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from agents.models.storyteller import phrases

Beat = dict[str, Any]
Scene = dict[str, Any]

SHORT = 8
"""Words up to which a sentence may come back without sounding like a machine."""


def tell(scene: Scene) -> str:
    """The prose of a turn, at least one sentence, never a fact that the scene does not hold."""
    beats = [cast(Beat, b) for b in scene.get("beats", []) if isinstance(b, dict)]
    chance = random.Random(f"{scene.get('seed', 0)}:{scene.get('turn', 0)}")
    told = [_tell_beat(beat, scene, chance, index) for index, beat in enumerate(beats)]
    lines = [line for line in told if line]
    lines += _breath(scene)
    return " ".join(lines) or _one(phrases.WAITED, scene, chance)


def _tell_beat(beat: Beat, scene: Scene, chance: random.Random, index: int) -> str:
    teller = _TELLERS.get(str(beat.get("kind")), _plain)
    return teller(beat, {**scene, "turn": int(scene.get("turn", 0)) + index}, chance)


def _breath(scene: Scene) -> list[str]:
    """The small true things of the place, each a sentence of its own: a joint would claim that they hang together."""
    return [f"{_capital(str(line))}." for line in scene.get("textures", [])]


def _one(choices: Sequence[str], scene: Scene, chance: random.Random, **names: str) -> str:
    """One of the phrases, moving through them with the turns so that neighbours differ."""
    del chance
    many = names.pop("many", "") or _is_many(scene, names.get("thing", "") or names.get("door", ""))
    turn = int(scene.get("turn", 0)) + int(scene.get("seed", 0))
    pattern = choices[turn % len(choices)]
    said = _fill(pattern, names, many=bool(many))
    if len(said.split()) > SHORT and len(names.get("thing", "").split()) > 2:
        # A long name in a stock phrase would come back word for word: the player knows what is meant.
        said = _fill(pattern, {**names, "thing": "that"})
    return said


def _is_many(scene: Scene, name: str) -> bool:
    return name in scene.get("plural", [])


def _fill(pattern: str, names: dict[str, str], *, many: bool = False) -> str:
    """The phrase with its names, and of `[stays|stay]` the form that agrees with them."""
    words = {**names, **{key.capitalize(): _capital(value) for key, value in names.items()}}
    agreed = re.sub(r"\[([^|\]]*)\|([^\]]*)\]", lambda found: found[2 if many else 1], pattern)
    return _capital(agreed.format_map(_Blank(words)))


class _Blank(dict[str, str]):
    """A name that a model left out of a beat becomes `it`: the story goes on."""

    def __missing__(self, key: str) -> str:
        return "It" if key[:1].isupper() else "it"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listing(things: Sequence[str], turn: int, joint: str = "and") -> str:
    """`a lamp, some rope and a stool`, beginning at another one from turn to turn."""
    start = turn % len(things) if things else 0
    turned = [*things[start:], *things[:start]]
    return turned[0] if len(turned) == 1 else f"{', '.join(turned[:-1])} {joint} {turned[-1]}"


def _names(beat: Beat) -> dict[str, str]:
    return {str(k): str(v) for k, v in (beat.get("names") or {}).items()}


def _listed(beat: Beat) -> list[str]:
    return [str(item) for item in beat.get("listed") or []]


def _with_list(choices: Sequence[str], things: list[str], scene: Scene, chance: random.Random) -> str:
    if not things:
        return ""
    turn = int(scene.get("turn", 0))
    first = things[turn % len(things)]
    pattern = choices[(turn + int(scene.get("seed", 0))) % len(choices)]
    # Before its list a verb agrees with the list's first thing, after it with all of them.
    after = pattern.lower().startswith("{list}")
    many = (after and len(things) > 1) or first.startswith("some ") or _is_many(scene, first)
    return _one([pattern], scene, chance, list=_listing(things, turn), many="yes" if many else "")


def _plain(beat: Beat, scene: Scene, chance: random.Random) -> str:
    """Kinds whose whole text is the author's."""
    del scene, chance
    return str(beat.get("says") or "")


def _moved(choices: Sequence[str]) -> Callable[[Beat, Scene, random.Random], str]:
    def teller(beat: Beat, scene: Scene, chance: random.Random) -> str:
        said = _one(choices, scene, chance, **_names(beat))
        return f"{said} {beat['says']}" if beat.get("says") else said

    return teller


def _arrived(beat: Beat, scene: Scene, chance: random.Random) -> str:
    says = str(beat.get("says") or "") or _one(phrases.ARRIVED, scene, chance, **_names(beat))
    return f"{says} {_with_list(phrases.LIES_HERE, _listed(beat), scene, chance)}".strip()


def _looked(beat: Beat, scene: Scene, chance: random.Random) -> str:
    names = _names(beat)
    if "direction" in names and "listed" not in beat:
        door = ""
        if "door" in names:
            door = _fill(
                f" {_capital(names['door'])} [is|are] {names['state']}.", {}, many=_is_many(scene, names["door"])
            )
        return f"{_capital(names['direction'])} from here is {names['place']}.{door}"
    if names.get("ways") == "short":
        return _glanced(beat, names, scene, chance)
    says = str(beat.get("says") or "") or f"This is {names.get('place', 'where you are')}."
    ways = _ways_out(scene, chance) if names.get("ways") else ""
    return " ".join(part for part in (says, _with_list(phrases.LIES_HERE, _listed(beat), scene, chance), ways) if part)


def _glanced(beat: Beat, names: dict[str, str], scene: Scene, chance: random.Random) -> str:
    """A look at what was described already: what is here, by name, and how to have the description again."""
    parts = [_one(phrases.GLANCED, scene, chance, **names), _with_list(phrases.LIES_HERE, _listed(beat), scene, chance)]
    if details := names.get("details", "").split(", ") if names.get("details") else []:
        parts.append(_one(phrases.WORTH_A_LOOK, scene, chance, list=_listing(details, 0)))
    if ways := [str(way["direction"]) for way in scene.get("exits", [])]:
        parts.append(_one(phrases.WAYS_SHORT, scene, chance, list=_listing(ways, 0)))
    return " ".join(part for part in (*parts, phrases.LOOK_CLOSELY) if part)


def _ways_out(scene: Scene, chance: random.Random, *, named: bool = True) -> str:
    """All ways by direction, with the place where the player knows it."""
    ways = [f"{way['direction']} to {way['place']}" if named and way.get("place") else str(way["direction"])
            for way in scene.get("exits", [])]  # fmt: skip
    choices = phrases.WAY if len(ways) == 1 else phrases.WAYS
    return _one(choices, scene, chance, list=_listing(ways, 0, "or" if len(ways) > 1 else "and")) if ways else ""


def _present(beat: Beat, scene: Scene, chance: random.Random) -> str:
    """Who is here: the author's lines, then the names of those who have none left."""
    said, named = str(beat.get("says") or ""), [_capital(name) for name in _listed(beat)]
    if not said and not named:
        return _one(phrases.NOBODY, scene, chance)
    return f"{said} {_with_list(phrases.PRESENT, named, scene, chance)}".strip()


def _examined(beat: Beat, scene: Scene, chance: random.Random) -> str:
    names = _names(beat)
    parts = [str(beat.get("says") or "") or _one(phrases.EXAMINED_AGAIN, scene, chance, **names)]
    if state := names.get("state"):
        parts.append(_one(phrases.STATE.get(state, ("",)), scene, chance))
    if "listed" in beat:
        on = names.get("holds") == "surface"
        full, bare = (phrases.BEARS, phrases.BEARS_NOTHING) if on else (phrases.HOLDS, phrases.HOLDS_NOTHING)
        parts.append(_with_list(full, _listed(beat), scene, chance) or _one(bare, scene, chance))
    return " ".join(part for part in parts if part)


def _read(beat: Beat, scene: Scene, chance: random.Random) -> str:
    again = _one(phrases.READ_AGAIN, scene, chance) + " " if beat.get("times") else ""
    return f"{again}{beat.get('says', '')}"


def _opened(beat: Beat, scene: Scene, chance: random.Random) -> str:
    said = _one(phrases.OPENED, scene, chance, **_names(beat))
    if "listed" not in beat:
        return said
    inside = _with_list(phrases.HOLDS, _listed(beat), scene, chance)
    return f"{said} {inside or _one(phrases.HOLDS_NOTHING, scene, chance)}"


def _waited(beat: Beat, scene: Scene, chance: random.Random) -> str:
    how = str(beat["names"].get("verb", "")).split(" ")[0]
    return _one(
        {"sit": phrases.SAT, "sleep": phrases.SLEPT, "nap": phrases.SLEPT}.get(how, phrases.WAITED), scene, chance
    )


def _gestured(beat: Beat, scene: Scene, chance: random.Random) -> str:
    names = _names(beat)
    group = names.get("group") or names.get("verb", "")
    choices = phrases.GESTURED.get(group, phrases.GESTURED_OTHER)
    if not names.get("thing"):
        choices = [c for c in choices if "{" not in c] or phrases.GESTURED_OTHER
    elif group not in phrases.GESTURED:
        choices = phrases.GESTURED_WITH
    else:
        choices = [c for c in choices if "{" in c] or choices
    return _one(choices, scene, chance, **names)


def _spoken(again: Sequence[str]) -> Callable[[Beat, Scene, random.Random], str]:
    def teller(beat: Beat, scene: Scene, chance: random.Random) -> str:
        names = _names(beat)
        silent = any(p.get("name") == names.get("who") and p.get("silent") for p in scene.get("people", []))
        choices = [line for line in again if '"' not in line] if silent else again
        said = str(beat.get("says") or "") or _one(choices, scene, chance, **names)
        topics = _listed(beat)
        if topics and beat.get("kind") == "met":
            listing = _listing(topics, int(scene.get("turn", 0)), joint="or")
            said += " " + _one(phrases.MIGHT_ASK, scene, chance, list=listing)
        return said

    return teller


def _inventory(beat: Beat, scene: Scene, chance: random.Random) -> str:
    return _with_list(phrases.CARRYING, _listed(beat), scene, chance) or _one(phrases.CARRYING_NOTHING, scene, chance)


def _goals(beat: Beat, scene: Scene, chance: random.Random) -> str:
    titles = _listed(beat)
    if not titles:
        return _one(phrases.GOALS_DONE, scene, chance)
    listing = "; ".join(title[:1].lower() + title[1:] for title in titles)
    return f"{_one(phrases.GOALS_LEFT, scene, chance, list=listing)} {beat.get('says', '')}".strip()


def _help(beat: Beat, scene: Scene, chance: random.Random) -> str:
    del chance
    own = _listed(beat)
    extra = f" Here you can also {_listing(own, int(scene.get('turn', 0)), 'or')}." if own else ""
    return " ".join(phrases.HELP) + extra


def _refused(beat: Beat, scene: Scene, chance: random.Random) -> str:
    if beat.get("says"):
        return str(beat["says"])
    names = _names(beat)
    choices = phrases.REFUSED.get(names.get("why", ""), phrases.REFUSED["no_effect"])
    said = _one(choices, scene, chance, **names)
    if names.get("why") in ("no_exit", "no_way") and scene.get("exits"):
        said += " " + _ways_out(scene, chance, named=False)
    if names.get("why") == "who" and _listed(beat):
        said += f" {_capital(_listing(_listed(beat), 0, 'or'))}?"
    return said


def _unclear(beat: Beat, scene: Scene, chance: random.Random) -> str:
    return _one(phrases.UNCLEAR, scene, chance, list=_listing(_listed(beat), 0, joint="or"))


def _unknown(beat: Beat, scene: Scene, chance: random.Random) -> str:
    said = _one(phrases.UNKNOWN, scene, chance, word=_names(beat).get("word") or "that")
    ideas = [f"look at {thing}" for thing in scene.get("items", [])[:1]]
    ideas += [f"talk to {person['name']}" for person in scene.get("people", [])[:1]]
    ideas += [f"go {way['direction']}" for way in scene.get("exits", [])[:1]]
    return f"{said} {_one(phrases.TRY, scene, chance, list=_listing(ideas, 0, joint='or'))}" if ideas else said


_TELLERS: dict[str, Callable[[Beat, Scene, random.Random], str]] = {
    "arrived": _arrived,
    "looked": _looked,
    "examined": _examined,
    "present": _present,
    "beside": lambda beat, scene, chance: _one(phrases.BESIDE, scene, chance, **_names(beat)),
    "read": _read,
    "took": _moved(phrases.TOOK),
    "dropped": _moved(phrases.DROPPED),
    "put": _moved(phrases.PUT),
    "gave": _spoken(phrases.GAVE),
    "closed": _moved(phrases.CLOSED),
    "locked": _moved(phrases.LOCKED),
    "unlocked": _moved(phrases.UNLOCKED),
    "opened": _opened,
    "met": _spoken(phrases.MET_AGAIN),
    "told": _spoken(phrases.TOLD_AGAIN),
    "unsure": _spoken(phrases.UNSURE_AGAIN),
    "handed_back": _spoken(phrases.HANDED_BACK),
    "ruled": _spoken(phrases.RULED_AGAIN),
    "waited": _waited,
    "breathed": lambda beat, scene, chance: _one(phrases.BREATHED, scene, chance),
    "gestured": _gestured,
    "inventory": _inventory,
    "goals": _goals,
    "help": _help,
    "refused": _refused,
    "unclear": _unclear,
    "unknown": _unknown,
}
