"""Which past moments matter now: full-text candidates, ranked here with the story's own word counts.

The index's own scores only choose the candidates: Lucene's know the words of all stories in the database, FalkorDB's
are plain TF-IDF.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from agents.story import Moment
from graphs.memory.words import stem, words_of

K1, B = 0.9, 0.4
"""BM25's saturation and length normalisation: Anserini's defaults for short passages, and best on LoCoMo."""

RECENT_TURNS = 50
RECENCY = 0.15
"""A moment of just now counts this much more than one of long ago, half of it RECENT_TURNS turns later."""

MAX_TEXT = 300

_SENTENCE = re.compile(r"(?<=[.!?])[\"'\u201d\u2019]?\s+|\n")

Found = Sequence[object]
"""A candidate: turn_id, number, text, words."""


def rank(terms: Sequence[str], found: Sequence[Found], head: int, limit: int) -> list[Moment]:
    """The best `limit` of the candidates, best first. `head` is the number of HEAD: so many turns lie behind."""
    wanted = {stem(term): term for term in terms}
    counts = [Counter(stem(word) for word in str(words).split()) for *_, words in found]
    weights = _rarity(wanted, counts, max(head, len(found)))
    usual = sum(count.total() for count in counts) / max(1, len(counts))
    scored: list[tuple[float, int, int]] = []
    for place, ((_, number, *_), count) in enumerate(zip(found, counts, strict=True)):
        assert isinstance(number, int)
        length = K1 * (1 - B + B * count.total() / max(1, usual))
        score = sum(weight * count[word] * (K1 + 1) / (count[word] + length) for word, weight in weights.items())
        score *= 1 + RECENCY * 0.5 ** (max(0, head - number) / RECENT_TURNS)
        scored.append((score, number, place))
    scored.sort(reverse=True)
    return [_moment(found[place], score, counts[place], wanted, weights) for score, _, place in scored[:limit]]


def _rarity(wanted: dict[str, str], counts: Sequence[Counter[str]], turns: int) -> dict[str, float]:
    """BM25's inverse document frequency. Exact for words rare enough to have all their moments among the candidates."""
    frequency = {word: sum(1 for count in counts if word in count) for word in wanted}
    return {word: math.log(1 + (turns - df + 0.5) / (df + 0.5)) for word, df in frequency.items()}


def _moment(
    found: Found, score: float, count: Counter[str], wanted: dict[str, str], weights: dict[str, float]
) -> Moment:
    turn_id, number, text, _ = found
    assert isinstance(number, int)
    named = sorted((word for word in wanted if word in count), key=lambda word: -weights[word])
    return Moment(
        turn_id=str(turn_id),
        number=number,
        text=_telling(str(text), weights),
        reason="mentions " + ", ".join(wanted[word] for word in named[:4]) if named else "sounds alike",
        score=round(score, 4),
    )


def _telling(text: str, weights: dict[str, float]) -> str:
    """The sentence that answers best; of equals the earliest, so that a moment goes before the prose it sums up."""
    best, best_score = "", -1.0
    for sentence in _SENTENCE.split(text):
        score = sum(weights.get(word, 0.0) for word in {stem(word) for word in words_of(sentence)})
        if sentence.strip() and score > best_score:
            best, best_score = sentence.strip(), score
    return best if len(best) <= MAX_TEXT else best[:MAX_TEXT].rsplit(" ", 1)[0] + " ..."
