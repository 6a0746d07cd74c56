"""The classifier's weights: a small linear head per kind, over hashed words and a sentence embedding, in one file.

The file is a line of JSON (heads, scales, biases, the embedding's weights, what it was trained from), then one signed
byte per bucket and head. It is written the same way from the same numbers, so that a training can be compared byte
for byte.
"""

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from typing_extensions import TypedDict

from agents.errors import InvalidSetting
from agents.safety.features import BUCKETS, Features
from agents.safety.rule_file import CATEGORIES, safety_folder

FORMAT = 1

DIMENSIONS = 384
"""Of the embedding."""

CHEAP = ("cheap_danger", "cheap_asking")
"""Heads that see words alone: what both leave out is not looked at again."""

HEADS = (*CHEAP, "crisis", "concern", "prompt_injection", "harmful_request", *sorted(CATEGORIES))
"""`crisis`: explicit, current danger. `concern`: that or something that needs a question. The seven kinds of danger tell
which of them it is, of what is one."""

_CURE = "Restore it, or make it anew: tta safety train"


class Sources(TypedDict):
    """What the weights were trained from, for those who look."""

    examples: int
    corpus: str
    """SHA-256 of all examples, in order."""
    embedder: str


class Weights(NamedTuple):
    """All heads. The score of a head is its bias, plus its words' weights, plus the embedding's for those that see it."""

    words: "array[int]"
    """Signed bytes, bucket by bucket, a byte a head."""
    scales: tuple[float, ...]
    """What a head's bytes are to be multiplied with."""
    biases: tuple[float, ...]
    dense: tuple[tuple[float, ...], ...]
    """A head's weights for the embedding's dimensions; empty for one that sees words alone."""
    sources: Sources

    def cheap_scores(self, features: Features) -> list[float]:
        """Those of the cheap heads alone."""
        many, words = len(HEADS), self.words
        return [
            self.biases[head]
            + self.scales[head] * sum([words[bucket * many + head] * weight for bucket, weight in features])
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
        "sources": weights.sources,
    }
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + weights.words.tobytes()


def read_weights(path: Path | None = None) -> Weights:
    """The weights of a file. Raises InvalidSetting for one that is missing, cut short, or of another make."""
    where = path or weights_file()
    try:
        raw = where.read_bytes()
        first, _, rest = raw.partition(b"\n")
        head = json.loads(first)
        if (head["format"], tuple(head["heads"]), head["buckets"]) != (FORMAT, HEADS, BUCKETS):
            raise ValueError("another make")
        if len(rest) != BUCKETS * len(HEADS):
            raise ValueError("cut short")
        words = array("b")
        words.frombytes(rest)
        dense = tuple(tuple(map(float, weights)) for weights in head["dense"])
        if len(dense) != len(HEADS) or any(len(weights) not in (0, DIMENSIONS) for weights in dense):
            raise ValueError("another make")
        return Weights(words, tuple(head["scales"]), tuple(head["biases"]), dense, head["sources"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidSetting("The classifier's weights cannot be read", place=str(where), cure=_CURE) from error
