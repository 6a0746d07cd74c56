"""What a text must contain before a pattern can possibly match it: plain strings, cheap to look for.

Hundreds of patterns over every action would cost tens of milliseconds; looking for a few hundred short strings costs
a tenth of one. The strings are derived from the pattern itself and not written by its author, so that a rule cannot be
silenced by a forgotten keyword: `\\b(?:hang|drown)(?:ing)? my ?self\\b` needs `hang` or `drown`.

The parse tree is that of the standard library's own `re` compiler. It is not a public interface: wherever the tree is
not as expected, no strings are derived and the pattern is simply always tried (slower, never wrong).
"""

import importlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

MOST = 120
"""A pattern that needs one of more strings than this is always tried."""

FOUR = 4
"""Letters of a string that are looked up as one number."""

FEW = 32
"""Strings up to which it is quicker to look for each by itself."""

Literals = frozenset[str]


_ONE = frozenset(["LITERAL", "NOT_LITERAL", "IN", "ANY", "AT"])
"""Parts of a pattern that look at one character at most."""


class Sought:
    """Strings that are looked for in texts: in the time that it takes to read a text once, however many they are.

    The first four letters of each are looked up among all fours of a text, each four as a number.
    """

    def __init__(self, strings: Iterable[str]) -> None:
        known = sorted(strings)
        self._alone = [own for own in known if len(own) < FOUR or len(known) <= FEW]
        """Those that are looked for one by one."""
        self._by_beginning: dict[int, list[str]] = {}
        for own in known:
            if own not in self._alone:
                self._by_beginning.setdefault(_fours(own[:FOUR])[0][0], []).append(own)

    def places(self, text: str) -> Iterator[tuple[int, str]]:
        """Where they stand in a text: each place, with the string."""
        ways = self._by_beginning
        for offset, fours in enumerate(_fours(text) if ways else ()):
            for number, four in [(number, four) for number, four in enumerate(fours) if four in ways]:
                place = offset + FOUR * number
                for own in ways[four]:
                    if text.startswith(own, place):
                        yield place, own
        for own in self._alone:
            place = text.find(own)
            while place >= 0:
                yield place, own
                place = text.find(own, place + 1)


def _fours(text: str) -> list[list[int]]:
    """All fours of letters of a text as numbers, those that begin with its first letter, its second, third, and fourth. Of a
    letter the lowest byte counts: two fours may have one number, one four never has two.
    """
    low = memoryview(text.encode() if text.isascii() else text.encode("utf-32-le", "surrogatepass")[::4])
    return [low[at : at + (len(low) - at) // FOUR * FOUR].cast("I").tolist() for at in range(min(FOUR, len(low)))]


def reach_of(pattern: str) -> int | None:
    """How many characters from its beginning on a match can be long or look at, at most; None when that cannot be said.

    Raises re.error for a pattern that cannot be parsed.
    """
    try:
        tree: Any = importlib.import_module("re._parser").parse(pattern)
        return _reach(list(tree))
    except re.error:
        raise
    except Exception:  # an unexpected tree: all is looked at
        return None


def _reach(items: list[Any]) -> int:
    """Raises ValueError for a part that is not known here."""
    total = 0
    for part, value in items:
        kind = str(part)
        if kind in _ONE:
            total += 1
        elif kind == "SUBPATTERN":
            total += _reach(list(value[3]))
        elif kind in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            total += int(value[1]) * _reach(list(value[2]))
        elif kind == "BRANCH":
            total += max(_reach(list(way)) for way in value[1])
        elif kind in {"ASSERT", "ASSERT_NOT"}:
            total += _reach(list(value[1]))
        else:
            raise ValueError(kind)
    return total


def literals_of(pattern: str) -> Literals | None:
    """Strings of which every match contains at least one; None when nothing useful can be said.

    Raises re.error for a pattern that cannot be parsed.
    """
    try:
        tree: Any = importlib.import_module("re._parser").parse(pattern)
        found = _of_sequence(list(tree))
    except re.error:
        raise
    except Exception:  # an unexpected tree: the pattern is always tried
        return None
    return found if found and len(found) <= MOST and _worth(found) >= 2 else None


def _worth(found: Literals) -> int:
    """How telling the weakest of the strings is. A letter of another script tells as much as two: texts in it are few."""
    return min(len(text.strip()) * (1 if text.isascii() else 2) for text in found)


def _of_sequence(items: list[Any]) -> Literals | None:
    """The most telling of what a sequence's parts need; letters side by side are one string."""
    best: Literals | None = None
    run = ""
    for kind, value in items:
        if str(kind) == "LITERAL":
            run += chr(value)
            continue
        best, run = _better(best, _of_run(run)), ""
        best = _better(best, _of_part(str(kind), value))
    return _better(best, _of_run(run))


def _of_run(letters: str) -> Literals | None:
    return frozenset([letters]) if letters.strip() else None


def _of_part(kind: str, value: Any) -> Literals | None:
    """What one part of a sequence needs."""
    if kind == "SUBPATTERN":
        return _of_sequence(list(value[3]))
    if kind in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"} and value[0] >= 1:
        return _of_sequence(list(value[2]))
    if kind == "BRANCH":
        ways = [_of_sequence(list(way)) for way in value[1]]
        if all(way is not None for way in ways):
            return frozenset(text for way in ways if way is not None for text in way)
    return None


def _better(one: Literals | None, other: Literals | None) -> Literals | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda found: (min(_worth(found), 5), -len(found)))
