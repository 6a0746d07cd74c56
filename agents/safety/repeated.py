"""A phrase that is said a thousand times is read as if it were said a few times: it says no more, and takes no longer."""

import re
from collections.abc import Iterator
from itertools import groupby
from operator import eq

LONG = 500
"""Words of a text that is worth looking at."""

FEW = 0.1
"""Share of different words below which a text repeats itself."""

PHRASE = 16
"""Words of the longest phrase that is looked for."""

KEPT = 4
"""How often a phrase stays, so that what stands before the first and behind the last stands there still."""

_TOKEN = re.compile(r"\S+\s*")


def said_once(text: str) -> str:
    """The text, of each phrase that follows itself again and again a few. Linear in the text's length.

    Phrases are compared as they stand, with the spaces behind their words; what is said in other words is kept.
    """
    if len(text) < 2 * LONG:
        return text
    tokens = _TOKEN.findall(text)
    said = len(tokens)
    for length in range(1, PHRASE + 1):
        if len(tokens) < LONG or len(set(tokens)) > FEW * len(tokens):
            break
        tokens = list(_kept(tokens, length))
    return "".join(tokens) if len(tokens) < said else text


def _kept(tokens: list[str], length: int) -> Iterator[str]:
    """The tokens, without those that a phrase of so many has said KEPT times already."""
    at, more = 0, KEPT * length
    for same, run in groupby(map(eq, tokens, tokens[length:])):
        count = sum(1 for _ in run)
        # In a run of `count` the phrase has been said count / length times, and once more. Whole phrases go, so that no
        # word comes to stand beside one that it was not said with.
        stays = min(count, more + (count - more) % length) if same else count
        yield from tokens[at : at + stays]
        at += count
    yield from tokens[at:]
