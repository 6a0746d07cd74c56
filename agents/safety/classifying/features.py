"""What the classifier sees of a text's words: hashed single words, pairs, and beginnings of words.

The words are those of the `words` view (`agents/safety/normalise.py`), so that a disguise is read as what it stands
for. A text of more than WINDOW words is seen in overlapping windows. Each full stop is a word of its own.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
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


def word_windows(words: str) -> list[tuple[str, ...]]:
    """The words of a `words` view, window by window; each once, however often it is repeated, and at least one."""
    read = words.split()
    if len(read) <= WINDOW:
        return [tuple(read)]
    halves = 2 if len(read) > MANY else 1
    size, shared = WINDOW // halves, OVERLAP // halves
    return list(
        dict.fromkeys(tuple(read[start : start + size]) for start in range(0, len(read) - shared, size - shared))
    )


def features(words: Sequence[str]) -> Features:
    """The features of one window."""
    marked = ["<", *words, ">"]
    names = [f"1{word}" for word in marked]
    names += [f"p{word[:BEGINNING]}" for word in marked]
    names += [f"2{first} {second}" for first, second in pairwise(marked)]
    counts = Counter([crc32(name.encode()) % BUCKETS for name in names])
    weights = [(bucket, _GROWTH[min(times, _MOST)]) for bucket, times in sorted(counts.items())]
    length = math.sqrt(sum([weight * weight for _, weight in weights]))
    return [(bucket, weight / length) for bucket, weight in weights]
