"""Training the classifier: the corpus in, the weights' file out, the same bytes each time.

Each head is a logistic regression with L2 penalty (LIBLINEAR's trust region Newton method, by scikit-learn: one thread),
over hashed words and, but for the cheap ones, the embedding. The weights are rounded to signed bytes (words) and to four
decimals (embedding), far coarser than what two builds of the same solver differ by. The embedding is that of an int8 model,
whose last digits depend on the processor's instructions: so the bytes are the same on processors with the same ones.
"""

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from agents.errors import InvalidSetting
from agents.safety.classifying.classifier import EMBEDDED
from agents.safety.classifying.corpus import ASKING, MEANS, Example
from agents.safety.classifying.features import BUCKETS, WINDOW, features
from agents.safety.classifying.library import library
from agents.safety.classifying.weights import CHEAP, DIMENSIONS, HEADS, Sources, Weights, is_word, word_hash
from agents.safety.normalise import views
from agents.safety.rule_file import CATEGORIES

PENALTY = 30.0
"""Inverse strength of the L2 penalty (`C`): of 3, 10 and 30 the best on the measured curves, by a point or two."""

WEIGHTS = {"player_speech": 2.0, "counsel_questions": 2.0}
"""How much more a line of a source counts: what most play is like, and questions of which there are few."""

TAUGHT = 2
"""Examples that a word stands in, before it counts as taught: of the words that stand in one, many are misspelt."""

BATCH = 500
"""Texts that are embedded between two reports of progress."""

Embed = Callable[[Sequence[str]], list[list[float]]]
"""Vectors of texts, one each."""

Tell = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""

Matrix = Any
"""scipy.sparse.csr_matrix: a row an example."""


class Head(NamedTuple):
    """What a head learns: of which examples, which are its own."""

    of: Callable[[Example], bool]
    own: Callable[[Example], bool]


def _is_danger(example: Example) -> bool:
    return example.tier != "none"


def _is_clear(example: Example) -> bool:
    return example.tier != "check_in"


def _is_crisis(example: Example) -> bool:
    return example.tier == "crisis"


def _asks(example: Example) -> bool:
    return bool(ASKING.intersection(example.categories))


def _is_means_or_harmless(example: Example) -> bool:
    return MEANS in example.categories or example.tier == "none"


def _any(_example: Example) -> bool:
    return True


def _of(category: str) -> Callable[[Example], bool]:
    return lambda example: category in example.categories


LEARN: dict[str, Head] = {
    "cheap_danger": Head(_any, _is_danger),
    "cheap_asking": Head(_any, _asks),
    # What only needs a question is neither: it would blur the line on both sides.
    "crisis": Head(_is_clear, _is_crisis),
    "concern": Head(_any, _is_danger),
    # Dangers that are not asked for are neither here: the other two speak of them.
    MEANS: Head(_is_means_or_harmless, _of(MEANS)),
    **{name: Head(_any, _of(name)) for name in sorted(ASKING)},
    **{name: Head(_is_danger, _of(name)) for name in sorted(CATEGORIES)},
}


def train(examples: Sequence[Example], embed: Embed, *, embedder: str, network: str, tell: Tell) -> Weights:
    """The weights of all heads; `network` is the SHA-256 of what was tuned beside them. Raises InvalidSetting without the
    extra `train`, and for a corpus that lacks a kind.
    """
    words, dense = _words(examples), _dense(examples, embed, tell)
    both = library("scipy.sparse").hstack([words, dense]).tocsr()
    heads = {head: _fitted(head, examples, words if head in CHEAP else both, tell) for head in HEADS}
    rounded = [_rounded(heads[head][0][:BUCKETS]) for head in HEADS]
    rows = array("b", (rounded[head][0][bucket] for bucket in range(BUCKETS) for head in range(len(HEADS))))
    return Weights(
        words=rows,
        scales=tuple(scale for _, scale in rounded),
        biases=tuple(round(heads[head][1], 4) for head in HEADS),
        dense=tuple(tuple(round(weight, 4) for weight in heads[head][0][BUCKETS:]) for head in HEADS),
        known=known_words(examples),
        sources=Sources(examples=len(examples), corpus=fingerprint(examples), embedder=embedder, network=network),
    )


def known_words(examples: Sequence[Example]) -> frozenset[int]:
    """Hashes of the words that stand in TAUGHT examples or more."""
    times = Counter(word for example in examples for word in set(views(example.text).words.split()) if is_word(word))
    return frozenset(word_hash(word) for word, count in times.items() if count >= TAUGHT)


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 of a corpus: other examples, or another order, are another one."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps(example).encode() + b"\n")
    return digest.hexdigest()


def _words(examples: Sequence[Example]) -> Matrix:
    """The first words of each example, as many as are seen at once."""
    rows = [features(views(example.text).words.split()[:WINDOW]) for example in examples]
    pointers = [0]
    for row in rows:
        pointers.append(pointers[-1] + len(row))
    data = [weight for row in rows for _, weight in row]
    buckets = [bucket for row in rows for bucket, _ in row]
    return library("scipy.sparse").csr_matrix((data, buckets, pointers), shape=(len(rows), BUCKETS))


def _dense(examples: Sequence[Example], embed: Embed, tell: Tell) -> Matrix:
    texts = [views(example.text).raw[:EMBEDDED] for example in examples]
    vectors: list[list[float]] = []
    for start in range(0, len(texts), BATCH):
        tell("embedding", start, len(texts))
        vectors += embed(texts[start : start + BATCH])
    if any(len(vector) != DIMENSIONS for vector in vectors):
        raise InvalidSetting(f"The embedder's vectors have not {DIMENSIONS} dimensions")
    return library("scipy.sparse").csr_matrix(vectors)


def _fitted(head: str, examples: Sequence[Example], matrix: Matrix, tell: Tell) -> tuple[list[float], float]:
    """A head's weights and its bias."""
    tell(f"head {head}", HEADS.index(head), len(HEADS))
    learn = LEARN[head]
    chosen = [place for place, example in enumerate(examples) if learn.of(example)]
    own = [learn.own(examples[place]) for place in chosen]
    if not any(own) or all(own):
        raise InvalidSetting(f"The corpus has nothing for the head '{head}' to tell apart")
    regression = library("sklearn.linear_model").LogisticRegression(
        C=PENALTY, solver="liblinear", class_weight="balanced", random_state=0, max_iter=2_000
    )
    regression.fit(matrix[chosen], own, sample_weight=[weight_of(examples[place]) for place in chosen])
    return cast(list[float], regression.coef_[0].tolist()), float(regression.intercept_[0])


def weight_of(example: Example) -> float:
    return example.weight * WEIGHTS.get(example.source, 1.0)


def _rounded(weights: Sequence[float]) -> tuple[list[int], float]:
    """Weights as signed bytes, and what these are to be multiplied with."""
    scale = float(f"{max(map(abs, weights)) / 127:.4g}") or 1.0
    return [max(-127, min(127, round(weight / scale))) for weight in weights], scale
