"""The words that steer the play itself (`undo`, `save NAME`, ...), told apart from what a player does in the story.

Whoever asks has screened the line already: the words of a person in danger are an action, whatever they begin with.
"""

import re
from typing import NamedTuple

from agents.errors import InvalidInput
from agents.safety.topics import is_named
from agents.world.vocabulary import ARTICLES, PREPOSITIONS, PRONOUNS

USAGE = {
    "undo": "Say `undo`, or `undo 3` for three turns.",
    "retry": "Say `retry` alone: it plays the last action once more.",
    "attempts": "Say `attempts` alone: it lists what the last action came to each time that it was tried.",
    "attempt": "Say `attempt 2`: it goes to that one of the `attempts` at the last turn.",
    "save": "Say `save NAME`: it keeps where you are as a branch of that name.",
    "load": "Say `load NAME`; `branches` lists the names.",
    "branches": "Say `branches` alone: it lists what was saved.",
    "avoid": "Say `avoid spiders, drowning`: the story leaves that out; `avoid` lists it, `avoid none` ends it.",
    "resume": "Say `resume` alone: it goes on with a story that is paused.",
    "quit": "Say `quit` alone: the story keeps your place.",
}
"""Each word, and how it is said."""

_TRIED = "`attempts` to list what it came to each time and `attempt 1` to go to one of those, "
STEERING = (
    f"Besides, you can type `undo` (or `undo 3`) to take turns back, `retry` to play the last one again, {_TRIED}"
    "`save NAME` and `load NAME` to keep a place and return to it, `branches` to list what was saved, "
    "`avoid spiders` to have something left out and `avoid none` to have it back, `resume` after a pause, and `quit`."
)
"""What `help` adds at a terminal: the words that a sitting knows beside the story's."""

STEERING_AFAR = STEERING.replace(_TRIED, "")
"""The same where the story is on a server: what HTTP does not have is not promised."""

_SAME = {"switch": "load", "exit": "quit", "q": "quit"}
_NAMED = ("save", "load")
_COUNTED = ("undo", "attempt")
_COUNT = re.compile(r"[0-9]{1,6}")


class Command(NamedTuple):
    """A steering word and what it was said with: a name, a number of turns, or nothing."""

    word: str
    rest: str


def _is_story(rest: str) -> bool:
    """Whether what follows a steering word makes it a sentence about something: `the knot`, `because it matters`."""
    words = rest.lower().split()
    return any(letter.isalpha() for letter in rest) and (words[0] in _OBJECTS or len(words) >= _SENTENCE)


_OBJECTS = frozenset({*ARTICLES, *PREPOSITIONS, *PRONOUNS})
_SENTENCE = 3
"""Words behind a steering word from which on they are a sentence of their own."""


def is_topics(line: str) -> bool:
    """Whether the line asks to leave out topics, by their plain names: none of them says anything of the player."""
    word, _, rest = line.partition(" ")
    return word.lower() == "avoid" and bool(rest) and all(map(is_named, rest.split(",")))


def read_command(line: str) -> Command | None:
    """The command, or None for an action. Raises InvalidInput, with how it is said, for a command that is none yet.

    `retry 2` and `quit now` are mistakes in a command: nobody who says them wants them played. `undo the knot`,
    `attempt escape` and `resume my walk` are things to do in a story.
    """
    first, *others = line.split(maxsplit=1)
    word, rest = _SAME.get(first.lower(), first.lower()), others[0].strip() if others else ""
    if word not in USAGE:
        return None
    if word == "avoid":
        return Command(word, rest) if "," in rest or not _is_story(rest) else None
    if word in _NAMED:
        if not rest:
            raise InvalidInput(f"`{word}` needs a name", cure=USAGE[word])
        return Command(word, rest)
    if word in _COUNTED and _COUNT.fullmatch(rest) and int(rest):
        return Command(word, rest)
    if not rest and word != "attempt":
        return Command(word, rest)
    if _is_story(rest) or (word == "attempt" and any(letter.isalpha() for letter in rest)):
        return None
    raise InvalidInput(f"`{word}` is not said like that", cure=USAGE[word])
