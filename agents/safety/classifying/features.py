"""What the classifier sees of a text's words: hashed single words, pairs, and beginnings of words.

The words are those of the `words` view (`agents/safety/normalise.py`), so that a disguise is read as what it stands
for. A text of more than WINDOW words is seen in overlapping windows. Each full stop is a word of its own.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from operator import mul
from zlib import crc32

BUCKETS = 1 << 16
"""Features are hashed into so many (CRC-32, which is the same everywhere); more gained nothing on the measured curves."""

WINDOW, OVERLAP = 80, 20
"""Words that are seen at once, and words that two windows share."""

MANY = 640
"""Words of a text from which on a window is half as long: half as many word pieces for the embedding, which is what a long
text costs. In shorter ones, such as letters, it would make more false alarms.
"""

BEGINNING = 4
"""Letters of a word's beginning: `cutting` and `cutter` share theirs."""

_MOST = 3 * WINDOW + 8
_GROWTH = [0.0, *(1.0 + math.log(times) for times in range(1, _MOST + 1))]

Features = list[tuple[int, float]]
"""Buckets with their weights: 1 + ln(times), over the length of all of them (a vector of length 1)."""


class Windows:
    """The words of a `words` view, window by window: each word is hashed once, however many windows see it."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    @cached_property
    def spans(self) -> list[range]:
        """The places of each window's words; each window once, however often it is repeated, and at least one."""
        many = len(self._words)
        if many <= WINDOW:
            return [range(many)]
        halves = 2 if many > MANY else 1
        size, shared = WINDOW // halves, OVERLAP // halves
        once: dict[tuple[str, ...], range] = {}
        for start in range(0, many - shared, size - shared):
            span = range(start, min(start + size, many))
            once.setdefault(self.words(span), span)
        return list(once.values())

    def words(self, span: range) -> tuple[str, ...]:
        """Those of a window."""
        return tuple(self._words[span.start : span.stop])

    def sums(self, counts: Callable[[str], bool]) -> list[int]:
        """How many words before each place count."""
        told = {word: counts(word) for word in set(self._words)}
        return list(accumulate(map(told.__getitem__, self._words), initial=0))

    def features(self, span: range) -> Features:
        """Those of a window, in no order."""
        words, beginnings, pairs = self._hashed
        begin, end = span.start, span.stop
        inside = pairs[begin : end - 1] if span else []
        counts = Counter([*words[begin:end], *beginnings[begin:end], *inside, *self._edges(span)])
        grown = [_GROWTH[times] for times in counts.values()]
        length = math.sqrt(sum(map(mul, grown, grown)))
        return [(bucket, weight / length) for bucket, weight in zip(counts, grown, strict=True)]

    def _edges(self, span: range) -> list[int]:
        """A window's beginning and its end are words, too."""
        marked = ["<", *([self._words[span.start], self._words[span.stop - 1]] if span else []), ">"]
        return [*_EDGES, *(_bucket(f"2{marked[at]} {marked[at + 1]}") for at in ((0, 2) if span else (0,)))]

    @cached_property
    def _hashed(self) -> tuple[list[int], list[int], list[int]]:
        """Buckets of each word, of its beginning, and of it with the next one."""
        words = {word: _bucket(f"1{word}") for word in set(self._words)}
        beginnings = {word: _bucket(f"p{word[:BEGINNING]}") for word in words}
        pairs = [crc32(f"2{first} {second}".encode()) % BUCKETS for first, second in pairwise(self._words)]
        return [words[word] for word in self._words], [beginnings[word] for word in self._words], pairs


def features(words: Sequence[str]) -> Features:
    """The features of one window, of at most WINDOW words, in the order of their buckets."""
    return sorted(Windows(words).features(range(len(words))))


def _bucket(name: str) -> int:
    return crc32(name.encode()) % BUCKETS


_EDGES = tuple(_bucket(f"{kind}{edge}") for kind in "1p" for edge in "<>")
