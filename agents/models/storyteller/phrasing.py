"""Making a phrase into a sentence: its names, its list, the form of the verb that agrees with them."""

import random
import re
from collections.abc import Sequence
from typing import Any

Beat = dict[str, Any]
Scene = dict[str, Any]

SHORT = 8
"""Words up to which a sentence may come back without sounding like a machine."""


def one(choices: Sequence[str], scene: Scene, chance: random.Random, **names: str) -> str:
    """One of the phrases, moving through them with the turns so that neighbours differ."""
    del chance
    many = names.pop("many", "") or is_many(scene, names.get("thing", "") or names.get("door", ""))
    turn = int(scene.get("turn", 0)) + int(scene.get("seed", 0))
    pattern = choices[turn % len(choices)]
    said = fill(pattern, names, many=bool(many))
    if len(said.split()) > SHORT and len(names.get("thing", "").split()) > 2:
        # A long name in a stock phrase would come back word for word: the player knows what is meant.
        said = fill(pattern, {**names, "thing": "that"})
    return said


def is_many(scene: Scene, name: str) -> bool:
    return name in scene.get("plural", [])


def fill(pattern: str, names: dict[str, str], *, many: bool = False) -> str:
    """The phrase with its names, and of `[stays|stay]` the form that agrees with them."""
    words = {**names, **{key.capitalize(): capital(value) for key, value in names.items()}}
    agreed = re.sub(r"\[([^|\]]*)\|([^\]]*)\]", lambda found: found[2 if many else 1], pattern)
    return capital(agreed.format_map(_Blank(words)))


class _Blank(dict[str, str]):
    """A name that a model left out of a beat becomes `it`: the story goes on."""

    def __missing__(self, key: str) -> str:
        return "It" if key[:1].isupper() else "it"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def listing(things: Sequence[str], turn: int, joint: str = "and") -> str:
    """`a lamp, some rope and a stool`, beginning at another one from turn to turn."""
    start = turn % len(things) if things else 0
    turned = [*things[start:], *things[:start]]
    return turned[0] if len(turned) == 1 else f"{', '.join(turned[:-1])} {joint} {turned[-1]}"


def names_of(beat: Beat) -> dict[str, str]:
    return {str(k): str(v) for k, v in (beat.get("names") or {}).items()}


def listed_in(beat: Beat) -> list[str]:
    return [str(item) for item in beat.get("listed") or []]


def with_list(
    choices: Sequence[str], things: list[str], scene: Scene, chance: random.Random, *, together: bool = False
) -> str:
    """A phrase about the things, or nothing about none. Of people the verb is `together`: here are Isbel and Dod."""
    if not things:
        return ""
    turn = int(scene.get("turn", 0))
    first = things[turn % len(things)]
    pattern = choices[(turn + int(scene.get("seed", 0))) % len(choices)]
    # Before its list a verb agrees with the list's first thing, after it with all of them.
    after = pattern.lower().startswith("{list}")
    many = ((after or together) and len(things) > 1) or first.startswith("some ") or is_many(scene, first)
    return one([pattern], scene, chance, list=listing(things, turn), many="yes" if many else "")
