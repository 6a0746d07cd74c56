"""Telling a scene: every beat in order, then a breath of the place.

Deterministic: the same scene gives the same prose. It differs between visits because the scene carries the turn's number,
how often each thing was told before, and what the place still has to say (`agents/world/breath.py`).
"""

import random
from collections.abc import Callable, Sequence
from typing import cast

from agents.models.storyteller import phrases
from agents.models.storyteller.phrasing import (
    Beat,
    Scene,
    capital,
    fill,
    is_many,
    listed_in,
    listing,
    names_of,
    one,
    with_list,
)


def tell(scene: Scene) -> str:
    """The prose of a turn, at least one sentence, never a fact that the scene does not hold."""
    beats = [cast(Beat, b) for b in scene.get("beats", []) if isinstance(b, dict)]
    chance = random.Random(f"{scene.get('seed', 0)}:{scene.get('turn', 0)}")
    told = [_tell_beat(beat, scene, chance, index) for index, beat in enumerate(beats)]
    lines = [line for line in told if line]
    lines += _breath(scene)
    return " ".join(lines) or one(phrases.WAITED, scene, chance)


def _tell_beat(beat: Beat, scene: Scene, chance: random.Random, index: int) -> str:
    teller = _TELLERS.get(str(beat.get("kind")), _plain)
    return teller(beat, {**scene, "turn": int(scene.get("turn", 0)) + index}, chance)


def _breath(scene: Scene) -> list[str]:
    """The small true things of the place, each a sentence of its own: a joint would claim that they hang together."""
    return [f"{capital(str(line))}." for line in scene.get("textures", [])]


def _plain(beat: Beat, scene: Scene, chance: random.Random) -> str:
    """Kinds whose whole text is the author's."""
    del scene, chance
    return str(beat.get("says") or "")


def _moved(choices: Sequence[str]) -> Callable[[Beat, Scene, random.Random], str]:
    def teller(beat: Beat, scene: Scene, chance: random.Random) -> str:
        said = one(choices, scene, chance, **names_of(beat))
        return f"{said} {beat['says']}" if beat.get("says") else said

    return teller


def _arrived(beat: Beat, scene: Scene, chance: random.Random) -> str:
    says = str(beat.get("says") or "") or one(phrases.ARRIVED, scene, chance, **names_of(beat))
    return f"{says} {with_list(phrases.LIES_HERE, listed_in(beat), scene, chance)}".strip()


def _looked(beat: Beat, scene: Scene, chance: random.Random) -> str:
    names = names_of(beat)
    if "direction" in names and "listed" not in beat:
        door = ""
        if "door" in names:
            door = fill(f" {capital(names['door'])} [is|are] {names['state']}.", {}, many=is_many(scene, names["door"]))
        return f"{capital(names['direction'])} from here is {names['place']}.{door}"
    if names.get("ways") == "short":
        return _glanced(beat, names, scene, chance)
    says = str(beat.get("says") or "") or f"This is {names.get('place', 'where you are')}."
    ways = _ways_out(scene, chance) if names.get("ways") else ""
    return " ".join(part for part in (says, with_list(phrases.LIES_HERE, listed_in(beat), scene, chance), ways) if part)


def _glanced(beat: Beat, names: dict[str, str], scene: Scene, chance: random.Random) -> str:
    """A look at what was described already: what is here, by name, and how to have the description again."""
    parts = [one(phrases.GLANCED, scene, chance, **names), with_list(phrases.LIES_HERE, listed_in(beat), scene, chance)]
    if details := names.get("details", "").split(", ") if names.get("details") else []:
        parts.append(one(phrases.WORTH_A_LOOK, scene, chance, list=listing(details, 0)))
    if ways := [str(way["direction"]) for way in scene.get("exits", [])]:
        parts.append(one(phrases.WAYS_SHORT, scene, chance, list=listing(ways, 0)))
    return " ".join(part for part in (*parts, phrases.LOOK_CLOSELY) if part)


def _ways_out(scene: Scene, chance: random.Random, *, named: bool = True) -> str:
    """All ways by direction, with the place where the player knows it."""
    to: dict[str, list[str]] = {}
    for way in scene.get("exits", []):
        place = str(way.get("place") or "") if named else ""
        to.setdefault(place or f"?{way['direction']}", []).append(str(way["direction"]))
    # Two ways to one place are one offer: `north or down to the halt platform`.
    ways = [listing(d, 0, "or") + ("" if place.startswith("?") else f" to {place}") for place, d in to.items()]
    choices = phrases.WAY if sum(map(len, to.values())) == 1 else phrases.WAYS
    joint = ", or" if any(len(d) > 1 for d in to.values()) else "or"
    return one(choices, scene, chance, list=listing(ways, 0, joint).replace(" ,", ",")) if ways else ""


def _present(beat: Beat, scene: Scene, chance: random.Random) -> str:
    """Who is here: the author's lines, then the names of those who have none left."""
    said, named = str(beat.get("says") or ""), listed_in(beat)
    if not said and not named:
        return one(phrases.NOBODY, scene, chance)
    return f"{said} {with_list(phrases.PRESENT, named, scene, chance, together=True)}".strip()


def _examined(beat: Beat, scene: Scene, chance: random.Random) -> str:
    names = names_of(beat)
    parts = [str(beat.get("says") or "") or one(phrases.EXAMINED_AGAIN, scene, chance, **names)]
    if state := names.get("state"):
        parts.append(one(phrases.STATE.get(state, ("",)), scene, chance))
    if "listed" in beat:
        on = names.get("holds") == "surface"
        full, bare = (phrases.BEARS, phrases.BEARS_NOTHING) if on else (phrases.HOLDS, phrases.HOLDS_NOTHING)
        parts.append(with_list(full, listed_in(beat), scene, chance) or one(bare, scene, chance))
    return " ".join(part for part in parts if part)


def _read(beat: Beat, scene: Scene, chance: random.Random) -> str:
    again = one(phrases.READ_AGAIN, scene, chance) + " " if beat.get("times") else ""
    return f"{again}{beat.get('says', '')}"


def _opened(beat: Beat, scene: Scene, chance: random.Random) -> str:
    said = one(phrases.OPENED, scene, chance, **names_of(beat))
    if "listed" not in beat:
        return said
    inside = with_list(phrases.HOLDS, listed_in(beat), scene, chance)
    return f"{said} {inside or one(phrases.HOLDS_NOTHING, scene, chance)}"


def _waited(beat: Beat, scene: Scene, chance: random.Random) -> str:
    how = set(str(beat["names"].get("verb", "")).split())
    slept = how & {"sleep", "asleep", "nap", "bed", "doze"}
    return one(phrases.SLEPT if slept else phrases.SAT if "sit" in how else phrases.WAITED, scene, chance)


def _gestured(beat: Beat, scene: Scene, chance: random.Random) -> str:
    names = names_of(beat)
    group = names.get("group") or names.get("verb", "")
    choices = phrases.GESTURED.get(group, phrases.GESTURED_OTHER)
    if not names.get("thing"):
        choices = [c for c in choices if "{" not in c] or phrases.GESTURED_OTHER
    elif group not in phrases.GESTURED:
        choices = phrases.GESTURED_WITH
    else:
        choices = [c for c in choices if "{" in c] or choices
    return one(choices, scene, chance, **names)


def _spoken(again: Sequence[str]) -> Callable[[Beat, Scene, random.Random], str]:
    def teller(beat: Beat, scene: Scene, chance: random.Random) -> str:
        names = names_of(beat)
        silent = any(p.get("name") == names.get("who") and p.get("silent") for p in scene.get("people", []))
        choices = [line for line in again if '"' not in line] if silent else again
        said = str(beat.get("says") or "") or one(
            choices, scene, chance, **names, their=_their(scene, names.get("who", ""))
        )
        topics = listed_in(beat)
        if topics and beat.get("kind") == "met":
            told = listing(topics, int(scene.get("turn", 0)), joint="or")
            said += " " + one(phrases.MIGHT_ASK, scene, chance, list=told)
        return said

    return teller


def _their(scene: Scene, who: str) -> str:
    pronoun = next((str(p.get("pronoun")) for p in scene.get("people", []) if p.get("name") == who), "they")
    return {"she": "her", "he": "his", "it": "its"}.get(pronoun, "their")


def _inventory(beat: Beat, scene: Scene, chance: random.Random) -> str:
    return with_list(phrases.CARRYING, listed_in(beat), scene, chance) or one(phrases.CARRYING_NOTHING, scene, chance)


def _goals(beat: Beat, scene: Scene, chance: random.Random) -> str:
    titles = listed_in(beat)
    if not titles:
        return one(phrases.GOALS_DONE, scene, chance)
    told = "; ".join(title[:1].lower() + title[1:] for title in titles)
    return one(phrases.GOALS_LEFT, scene, chance, list=told)


def _hint(beat: Beat, scene: Scene, chance: random.Random) -> str:
    return str(beat.get("says") or "") or one(phrases.GOALS_DONE, scene, chance)


def _help(beat: Beat, scene: Scene, chance: random.Random) -> str:
    own, names = listed_in(beat), names_of(beat)
    parts = [*phrases.HELP]
    if own:
        parts.append(f"Here you can also {listing(own, int(scene.get('turn', 0)), 'or')}.")
    if names.get("examples"):
        parts.append(one([phrases.FOR_EXAMPLE], scene, chance, **names))
    return " ".join(parts)


def _refused(beat: Beat, scene: Scene, chance: random.Random) -> str:
    if beat.get("says"):
        return str(beat["says"])
    names = names_of(beat)
    choices = phrases.REFUSED.get(names.get("why", ""), phrases.REFUSED["no_effect"])
    said = one(choices, scene, chance, **names)
    if names.get("why") in ("no_exit", "no_way", "nowhere_back", "which_way") and scene.get("exits"):
        said += " " + _ways_out(scene, chance, named=names["why"] == "which_way")
    if names.get("why") == "who" and listed_in(beat):
        said += f" {capital(listing(listed_in(beat), 0, 'or'))}?"
    if names.get("why") == "fits_nobody":
        said += " " + with_list(phrases.PRESENT[:1], listed_in(beat), scene, chance, together=True)
    return said


def _unclear(beat: Beat, scene: Scene, chance: random.Random) -> str:
    return one(phrases.UNCLEAR, scene, chance, list=listing(listed_in(beat), 0, joint="or"))


def _unknown(beat: Beat, scene: Scene, chance: random.Random) -> str:
    word = names_of(beat).get("word", "")
    said = one(phrases.UNKNOWN if word else phrases.NOT_UNDERSTOOD, scene, chance, word=word)
    ideas = [f"look at {thing}" for thing in scene.get("items", [])[:1]]
    ideas += [f"talk to {person['name']}" for person in scene.get("people", [])[:1]]
    ideas += [f"go {way['direction']}" for way in scene.get("exits", [])[:1]]
    return f"{said} {one(phrases.TRY, scene, chance, list=listing(ideas, 0, joint='or'))}" if ideas else said


_TELLERS: dict[str, Callable[[Beat, Scene, random.Random], str]] = {
    "arrived": _arrived,
    "looked": _looked,
    "examined": _examined,
    "present": _present,
    "bearing": lambda beat, scene, chance: one(phrases.BEARING, scene, chance, **names_of(beat)),
    "beside": lambda beat, scene, chance: one(phrases.BESIDE, scene, chance, **names_of(beat)),
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
    "breathed": lambda beat, scene, chance: one(phrases.BREATHED, scene, chance),
    "gestured": _gestured,
    "inventory": _inventory,
    "goals": _goals,
    "hint": _hint,
    "left": _moved(phrases.LEFT),
    "here": _moved(phrases.HERE),
    "held": _moved(phrases.HELD),
    "where_seen": _moved(phrases.WHERE_SEEN),
    "help": _help,
    "refused": _refused,
    "unclear": _unclear,
    "unknown": _unknown,
}
