"""What the classifier sees of a text's words: hashed single words, pairs, and beginnings of words.

The words are those of the `words` view (`agents/safety/normalise.py`), so that a disguise is read as what it stands
for. A text of more than WINDOW words is seen in overlapping windows. Of the full stops one is a word of its own.
"""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from zlib import crc32

BUCKETS = 1 << 16
"""Features are hashed into so many (CRC-32, which is the same everywhere); more gained nothing on the measured curves."""

WINDOW = 80
OVERLAP = 20
"""Words of a window, and words that two windows share."""

BEGINNING = 4
"""Letters of a word's beginning: `cutting` and `cutter` share theirs."""

_MOST = 3 * WINDOW + 8
_GROWTH = [0.0, *(1.0 + math.log(times) for times in range(1, _MOST + 1))]

Features = list[tuple[int, float]]
"""Buckets with their weights: 1 + ln(times), over the length of all of them (a vector of length 1)."""


def word_windows(words: str) -> Iterator[list[str]]:
    """The words of a `words` view, window by window; at least one window."""
    read = words.split()
    yield read[:WINDOW]
    for start in range(WINDOW - OVERLAP, len(read) - OVERLAP, WINDOW - OVERLAP):
        yield read[start : start + WINDOW]


def features(words: list[str]) -> Features:
    """The features of one window."""
    marked = ["<", *words, ">"]
    names = [f"1{word}" for word in marked]
    names += [f"p{word[:BEGINNING]}" for word in marked]
    names += [f"2{first} {second}" for first, second in pairwise(marked)]
    counts = Counter([crc32(name.encode()) % BUCKETS for name in names])
    weights = [(bucket, _GROWTH[min(times, _MOST)]) for bucket, times in sorted(counts.items())]
    length = math.sqrt(sum([weight * weight for _, weight in weights]))
    return [(bucket, weight / length) for bucket, weight in weights]
