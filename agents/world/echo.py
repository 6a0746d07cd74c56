"""What an answer may repeat of the player's own words: a noun as it was typed, a word that nothing here knows."""

import re

from agents.world.nouns import stem
from agents.world.schema import World
from agents.world.view import View
from agents.world.vocabulary import (
    ARTICLES,
    DIRECTIONS,
    GESTURES,
    LEAD_INS,
    LITTLE_WORDS,
    PREPOSITIONS,
    PRONOUNS,
    QUESTION_WORDS,
    VERBS,
)

_WORD = re.compile(r"[\w'-]+")
_CONTRACTED = re.compile(r"n't$|'(?:d|m|s|ll|ve|re)$")
_MOST_WORDS = 4
_MOST_LETTERS = 24

_SMALL = frozenset(
    {*ARTICLES, *PRONOUNS, *QUESTION_WORDS, *LITTLE_WORDS}
    | {word for phrase in (*PREPOSITIONS, *LEAD_INS) for word in phrase.split()}
)
_SENTENCE = frozenset({"is", "are", "was", "were", "am", "be", "not", "has", "have", "had", "will", "would", "can",
                       "could", "should", "must", "do", "does", "did", "please"})  # fmt: skip
_PARTICLES = frozenset({*PREPOSITIONS, "up", "down", "away", "back", "again", "out", "along", "and", "then"}) - {"of"}


def is_little(word: str) -> bool:
    """Whether a word means nothing by itself: `the`, `of`, `I'd`."""
    low = word.lower()
    return low in _SMALL or _CONTRACTED.sub("", low) in _SMALL


def noun_of(phrase: str) -> str:
    """The noun of a phrase that named nothing: `coat` of `up the coat`, `letter` of `letter off cliff`; empty for none."""
    kept: list[str] = []
    for word in _WORD.findall(phrase.replace("’", "'")):
        low = word.lower()
        if low in _PARTICLES:
            if kept:
                break
        elif kept and (low in _SENTENCE or (low in ARTICLES and kept[-1].lower() != "of")):
            break  # `isbel the lamp is ready` is no name of a thing
        elif low not in ARTICLES and (kept or low != "of"):
            kept.append(word)
    while kept and kept[-1].lower() == "of":
        kept.pop()
    return "" if all(is_little(word) for word in kept) else " ".join(kept[:_MOST_WORDS])


def as_typed(phrase: str, raw: str) -> str:
    """The phrase with its words as they stand in the player's line: `Maren` for `maren`."""
    typed = {word.lower(): word for word in reversed(_WORD.findall(raw.replace("’", "'")))}
    return _WORD.sub(lambda found: typed.get(found[0].lower(), found[0]), phrase)


def unknown_word(view: View, raw: str) -> str:
    """The first word of a line that carries meaning and that nothing in this world is called; empty where all are known."""
    known = _known_words(view.world)
    for word in _WORD.findall(raw.replace("’", "'")):
        if not is_little(word) and stem(word.lower()) not in known and any(letter.isalpha() for letter in word):
            return word[:_MOST_LETTERS]
    return ""


def _known_words(world: World) -> set[str]:
    """All words of verbs, ways and names, whether in sight or not: an answer must not call one of them unknown."""
    phrases = [spelling for group in (VERBS, GESTURES, DIRECTIONS) for ways in group.values() for spelling in ways]
    phrases += [text for verb, ways in world.verbs.items() for text in (verb, *ways)]
    for group in (world.items, world.characters, world.locations):
        phrases += [text for part in group.values() for text in (part.name, *part.aliases)]
    for place in world.locations.values():
        for name, detail in place.details.items():
            phrases += [name.replace("_", " "), *([] if isinstance(detail, str) else detail.aliases)]
    return {stem(word) for text in phrases for word in _WORD.findall(text.lower())}
