"""Whom and what the player knows of already: only these are named in an answer when they are somewhere else."""

import re
from collections.abc import Iterator

from agents.world.language import NOWHERE
from agents.world.nouns import LAST_WORD, WHOLE_NAME, score, stem, words_of
from agents.world.view import View


def known_person(view: View, phrase: str) -> str:
    """The character elsewhere that the words name and that the player has met or read of; empty for anybody else."""
    wanted = words_of(phrase)
    for key, person in view.world.characters.items():
        met = bool(view.count(key, "met") or view.count(key, "seen") or _beheld(view, key))
        names = [person.name, *person.aliases] if met else [person.name]
        if (
            key not in view.people
            and score(wanted, names) >= (LAST_WORD if met else WHOLE_NAME)
            and (met or _read_of(view, person.name))
        ):
            return key
    return ""


def known_thing(view: View, phrase: str) -> str:
    """The item out of sight that the words name and that the player looked at or had in hand; empty for any other."""
    wanted = words_of(phrase)
    for key, item in view.world.items.items():
        handled = any(view.get(key, mark) for mark in ("seen", "moved", "told_read"))
        # What was used up is nowhere: it is not to be looked for.
        if handled and view.get(key, "in") != NOWHERE and score(wanted, [item.name, *item.aliases]) >= LAST_WORD:
            return key
    return ""


def is_described(view: View, phrase: str) -> bool:
    """Whether the place's own words speak of it though it is no thing and no detail: it is not to be denied.

    What bears the name of a thing or a person elsewhere is another matter: that one is not here.
    """
    wanted = {stem(word) for word in words_of(phrase) if len(word) > 1}
    doorless = [item for item in view.world.items.values() if not item.door]  # there are other doors than that one
    named = [*doorless, *view.world.characters.values()]
    if not wanted or any(score([*wanted], [one.name, *one.aliases]) for one in named):
        return False
    return wanted <= {stem(word) for text in _own_texts(view) for word in words_of(text)}


def _own_texts(view: View) -> Iterator[str]:
    place = view.location
    yield from (place.description, *place.textures, *place.again[: view.count(view.here, "visits")])
    yield from (detail.text for detail in view.details.values())


def _beheld(view: View, key: str) -> bool:
    """Whether the player has been where the character was, and was shown them."""
    return any(slot.startswith(f"{key}.told_present_") for slot in view.slots)


def _read_of(view: View, name: str) -> bool:
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return any(pattern.search(text) for text in _texts(view))


def _texts(view: View) -> Iterator[str]:
    """What the player has been told so far, as far as the world's slots remember it."""
    world = view.world
    yield from (world.opening, world.summary, *(goal.title for goal in world.goals.values()))
    for key, place in world.locations.items():
        if view.count(key, "visits"):
            yield place.description
    for key, item in world.items.items():
        if view.count(key, "seen"):
            yield item.description
        if item.read and view.count(key, "told_read"):
            yield item.read
    for key, person in world.characters.items():
        yield from person.greeting[: view.count(key, "met")]
        yield from (topic.says for name, topic in person.topics.items() if view.count(key, f"told_{name}"))
