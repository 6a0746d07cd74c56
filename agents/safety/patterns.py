"""One pattern of a rule, and where it is tried: in most texts nowhere, in a sentence without end only here and there."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agents.safety.literals import Literals, literals_of, reach_of

LONG = 1_000
"""Characters of a sentence from which on a pattern is tried only about the strings that it cannot match without."""

UNKNOWN = 1 << 20
"""The reach of a pattern that nothing is known of: beyond any text."""


class Stretch(NamedTuple):
    """A sentence's place in a view (from its leading full stop), and those strings of a rule set that it holds."""

    start: int
    end: int
    held: Literals


class LazyPattern:
    """A pattern with the strings of which a text must hold one before it is worth trying (None: always).

    Compiled when it is first tried: most patterns never are in a sitting, and all of them take 0.15 s of its start.
    """

    __slots__ = ("_compiled", "_reach", "literals", "text")

    def __init__(self, text: str) -> None:
        """Raises re.error for a text that is no pattern."""
        self.text = text
        self.literals: Literals | None = literals_of(text)
        self._compiled: re.Pattern[str] | None = None
        self._reach: int | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        if self._compiled is None:
            self._compiled = re.compile(self.text)
        return self._compiled

    def warm(self) -> None:
        """Compiles it now."""
        _ = self.pattern

    def matches(self, view: str, stretch: Stretch) -> Iterator[re.Match[str]]:
        """Every place in a sentence from which on the pattern matches, one place a beginning."""
        for begin, last, end in self._regions(view, stretch):
            match = self.pattern.search(view, begin, end)
            while match is not None and match.start() <= last:
                yield match
                match = self.pattern.search(view, match.start() + 1, end)

    def _regions(self, view: str, stretch: Stretch) -> list[tuple[int, int, int]]:
        """Where to look: all of a sentence; of one without end what lies about its strings. Each from its first beginning of
        a match to its last, and to where such a match may look.
        """
        whole = [(stretch.start, stretch.end, stretch.end)]
        if stretch.end - stretch.start <= LONG or self.literals is None:
            return whole
        if self._reach is None:
            self._reach = reach_of(self.text) or UNKNOWN
        regions: list[tuple[int, int, int]] = []
        for place in sorted(_places(view, stretch, self.literals & stretch.held)):
            begin, end = max(stretch.start, place - self._reach), min(stretch.end, place + self._reach + 1)
            if regions and begin <= regions[-1][2]:
                begin = regions.pop()[0]
            regions.append((begin, place, end))
        return regions


def _places(view: str, stretch: Stretch, strings: Literals) -> Iterator[int]:
    """Where the strings stand in a sentence."""
    for own in strings:
        place = view.find(own, stretch.start, stretch.end)
        while place >= 0:
            yield place
            place = view.find(own, place + 1, stretch.end)
