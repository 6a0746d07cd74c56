"""The classifier's weights: a small linear head per kind, over hashed words and a sentence embedding, in one file.

The file is a line of JSON (heads, scales, biases, the embedding's weights, what it was trained from), then one signed
byte per bucket and head, then the hashes of the words that it was taught. It is written the same way from the same
numbers, so that a training can be compared byte for byte.
"""

import json
import sys
from array import array
from collections.abc import Sequence
from operator import mul
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from typing_extensions import TypedDict

from agents.errors import InvalidSetting
from agents.safety.classifying.features import BUCKETS, Features, Windows
from agents.safety.rule_file import CATEGORIES, safety_folder

FORMAT = 3

KNOWN = 3
"""One word in so many must have been taught, before a text is more than noise."""

DIMENSIONS = 384
"""Of the embedding."""

CHEAP = ("cheap_danger", "cheap_asking")
"""Heads that see words alone: what both leave out is not looked at again."""

HEADS = (*CHEAP, "crisis", "concern", "asking_means", "prompt_injection", "harmful_request", *sorted(CATEGORIES))
"""`crisis`: explicit, current danger. `concern`: that or something that needs a question.
`asking_means`: a question for a way to harm oneself. The seven kinds of danger tell
which of them it is, of what is one."""

_CURE = "Restore it, or make it anew: tta safety train"


class Sources(TypedDict):
    """What the weights were trained from, for those who look."""

    examples: int
    corpus: str
    """SHA-256 of all examples, in order."""
    embedder: str
    network: str
    """SHA-256 of the network's file, which belongs to them."""


class Weights(NamedTuple):
    """All heads. The score of a head is its bias, plus its words' weights, plus the embedding's for those that see it."""

    words: "array[int]"
    """Signed bytes, bucket by bucket, a byte a head."""
    scales: tuple[float, ...]
    """What a head's bytes are to be multiplied with."""
    biases: tuple[float, ...]
    dense: tuple[tuple[float, ...], ...]
    """A head's weights for the embedding's dimensions; empty for one that sees words alone."""
    known: frozenset[int]
    """Hashes of the words that it was taught (`word_hash`)."""
    sources: Sources

    def known_windows(self, words: Windows) -> list[range]:
        """Those windows of which one in KNOWN of the words was taught. Of an id, a key, a hand on the keyboard none was,
        and what heads and embedding say of such a text is noise: it called one random id in seventy a cry for help.
        """
        taught, said = words.sums(self.taught), words.sums(lambda word: word != ".")

        def knows(span: range) -> bool:
            known = taught[span.stop] - taught[span.start]
            return known > 0 and known * KNOWN >= said[span.stop] - said[span.start]

        return [span for span in words.spans if knows(span)]

    def taught(self, word: str) -> bool:
        """Whether it was."""
        return is_word(word) and word_hash(word) in self.known

    def cheap_scores(self, features: Features) -> list[float]:
        """Those of the cheap heads alone."""
        many, words = len(HEADS), self.words
        places = [bucket * many for bucket, _ in features]
        seen = [weight for _, weight in features]
        return [
            self.biases[head] + self.scales[head] * sum(map(mul, [words[place + head] for place in places], seen))
            for head in range(len(CHEAP))
        ]

    def word_scores(self, features: Features) -> list[float]:
        """Bias and words of each head."""
        many, words = len(HEADS), self.words
        sums = [0.0] * many
        for bucket, weight in features:
            at = bucket * many
            for head, byte in enumerate(words[at : at + many]):
                if byte:
                    sums[head] += byte * weight
        return [bias + total * scale for bias, total, scale in zip(self.biases, sums, self.scales, strict=True)]

    def add_dense(self, scores: list[float], vector: Sequence[float]) -> dict[str, float]:
        """The whole scores, by head, of a text with that embedding."""
        return {
            head: score + sum(map(float.__mul__, weights, vector)) if weights else score
            for head, score, weights in zip(HEADS, scores, self.dense, strict=True)
        }


def is_word(word: str) -> bool:
    """Whether a word of the `words` view may be known at all: two letters or more, and letters alone."""
    return len(word) > 1 and word.isalpha()


def word_hash(word: str) -> int:
    """CRC-32, which is the same everywhere: 32 bits."""
    return crc32(word.encode())


def weights_file() -> Path:
    """Where the shipped weights are."""
    return safety_folder() / "classifier.bin"


def encode(weights: Weights) -> bytes:
    """The file's bytes."""
    head = {
        "format": FORMAT,
        "heads": HEADS,
        "buckets": BUCKETS,
        "scales": weights.scales,
        "biases": weights.biases,
        "dense": weights.dense,
        "known": len(weights.known),
        "sources": weights.sources,
    }
    known = _little(array("I", sorted(weights.known)))
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + weights.words.tobytes() + known.tobytes()


def _little(hashes: "array[int]") -> "array[int]":
    """The file's byte order is little-endian on every machine."""
    if sys.byteorder == "big":
        hashes.byteswap()
    return hashes


def read_weights(path: Path | None = None) -> Weights:
    """The weights of a file. Raises InvalidSetting for one that is missing, cut short, or of another make."""
    where = path or weights_file()
    try:
        raw = where.read_bytes()
        first, _, rest = raw.partition(b"\n")
        head = json.loads(first)
        if (head["format"], tuple(head["heads"]), head["buckets"]) != (FORMAT, HEADS, BUCKETS):
            raise ValueError("another make")
        size = BUCKETS * len(HEADS)
        words, known = array("b"), array("I")
        if len(rest) != size + head["known"] * known.itemsize:
            raise ValueError("cut short")
        words.frombytes(rest[:size])
        known.frombytes(rest[size:])
        dense = tuple(tuple(map(float, weights)) for weights in head["dense"])
        if len(dense) != len(HEADS) or any(len(weights) not in (0, DIMENSIONS) for weights in dense):
            raise ValueError("another make")
        if not isinstance(head["sources"]["network"], str):
            raise ValueError("another make")
        scales, biases = tuple(head["scales"]), tuple(head["biases"])
        return Weights(words, scales, biases, dense, frozenset(_little(known)), head["sources"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidSetting("The classifier's weights cannot be read", place=str(where), cure=_CURE) from error
