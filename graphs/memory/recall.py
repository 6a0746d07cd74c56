"""Which past moments matter now: full-text candidates, ranked here with the story's own word counts.

The index's own scores only choose the candidates: Lucene's know the words of all stories in the database, FalkorDB's
are plain TF-IDF.

A moment's words are its own, twice, and those of the turn before: an answer seldom repeats what it answers. To what its
words are worth come four priors, chosen on the development half of LoCoMo (evidence recall at 10 of `tta bench recall`
there: 72.6 in categories 1-4 and 86.3 in the adversarial one without them, 77.2 and 88.4 with them): how much of the
question it covers, whether the turns beside it were found too, whether its sitting was much found, and whether the one
person whom the question names took part.

Where moments have vectors, how alike they sound is added before the priors, both in standard deviations over the candidates:
what sounds no more alike than usual gets nothing for it. By what a deviation of likeness counts for one of words, evidence
recall at 10 there with MiniLM is (categories 1-4 and adversarial; of 128 candidates, the nearest found exactly): 78.6 and
91.4 at 0.4, 79.4 and 90.9 at 0.6, 79.7 and 91.8 at 0.8, 80.1 and 92.4 at 1, 79.7 and 92.0 at 1.2, 79.2 and 92.0 at 1.5.
Whichever of the five conversations is left out, the other four choose 1. By the store's own index, of 96 candidates, it is
79.6 and 92.0.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import fmean, pstdev
from typing import NamedTuple

from agents.story import Moment
from graphs.memory.words import stem, stems_of, words_of

K1, B = 0.9, 0.4
"""BM25's saturation and length normalisation: Anserini's defaults for short passages, and best on LoCoMo."""

COVERAGE = 0.5
"""A score is multiplied by the share of the question's weight that the moment covers, to this power."""
NEIGHBOUR = 0.3
"""The share of their scores that the turns just before and after lend a moment."""
SITTING, BEST_OF_SITTING = 1.0, 3
"""The sitting whose best three moments score most doubles the scores of its moments, the others by their share of it."""
PERSON = 0.4
"""How much more a moment counts in which the person took part whom the question names."""
PAUSE = timedelta(hours=6)
"""Turns that lie further apart belong to two sittings."""

ALIKE = 1.0
"""What a standard deviation of likeness counts for one of word scores."""
LEAST_ALIKE = 0.25
"""A moment without a word of the question is none below this cosine: that of any turn of LoCoMo and any question."""

RECENT_TURNS = 50
RECENCY = 0.15
"""A moment of just now counts this much more than one of long ago, half of it RECENT_TURNS turns later."""

MAX_TEXT = 300

_SENTENCE = re.compile(r"(?<=[.!?])[\"'\u201d\u2019]?\s+|\n")


class Found(NamedTuple):
    """A candidate as the store has it: `words` are stems, `people` the names of those who took part."""

    turn_id: str
    number: int
    text: str
    words: str
    at: str
    people: list[str]
    likeness: float | None = None
    """The cosine of its vector and the question's, where both have one."""


class Counted(NamedTuple):
    """How often a moment has each word that it shares with the question, and how many words it has at all."""

    of: dict[str, int]
    length: int


def rank(
    query: str, found: Sequence[Found], head: int, limit: int, common: Mapping[str, int] | None = None
) -> list[Moment]:
    """The best `limit` of the candidates, best first. `head` is the number of HEAD: so many turns lie behind.

    `common` says of stems that were left out of the search how many moments hold them at least: the candidates are few of
    those, and would make a common word look rare.
    """
    asked = words_of(query)
    wanted = {stem(word): word for word in asked}
    found = [moment for moment in found if _is_alike(moment, wanted)]
    sought = [(word, f" {word} ") for word in wanted]
    counts = [_count(moment.words, sought) for moment in found]
    weights = _rarity(wanted, counts, max(head, len(found)), common or {})
    plain = _with_likeness(_plain_scores(weights, counts), found)
    sittings = _sittings(found)
    near = _with_neighbours(plain, found, sittings)
    liked = _by_sitting(near, sittings)
    person = _named(asked, found)
    scored = [
        (
            score
            * liked[sittings[place]]
            * (1 + PERSON * (person in found[place].people))
            * (1 + RECENCY * 0.5 ** (max(0, head - found[place].number) / RECENT_TURNS)),
            found[place].number,
            place,
        )
        for place, score in enumerate(near)
    ]
    scored.sort(reverse=True)
    return [_moment(found[place], score, counts[place], wanted, weights) for score, _, place in scored[:limit]]


def _count(words: str, sought: Sequence[tuple[str, str]]) -> Counted:
    """`sought` are the words, each also with its spaces. Searching for a few is quicker than counting all there are."""
    padded, of = f" {words} ", dict[str, int]()
    for word, spaced in sought:
        at = padded.find(spaced)
        if at < 0:
            continue
        times, step = 0, len(spaced) - 1
        while at >= 0:
            times, at = times + 1, padded.find(spaced, at + step)
        of[word] = times
    return Counted(of, padded.count(" ") - 1 if words else 0)


def _rarity(
    wanted: dict[str, str], counts: Sequence[Counted], turns: int, common: Mapping[str, int]
) -> dict[str, float]:
    """BM25's inverse document frequency. Exact for words rare enough to have all their moments among the candidates."""
    frequency = {word: max(common.get(word, 0), sum(1 for count in counts if word in count.of)) for word in wanted}
    return {word: math.log(1 + max(0.0, turns - df + 0.5) / (df + 0.5)) for word, df in frequency.items()}


def _plain_scores(weights: dict[str, float], counts: Sequence[Counted]) -> list[float]:
    """BM25, times how much of the question is covered."""
    usual = max(1, sum(count.length for count in counts) / max(1, len(counts)))
    whole = sum(weights.values()) or 1.0
    scores: list[float] = []
    for count, length in counts:
        norm, score, held = K1 * (1 - B + B * length / usual), 0.0, 0.0
        for word, times in count.items():
            score += weights[word] * times * (K1 + 1) / (times + norm)
            held += weights[word]
        scores.append(score * (held / whole) ** COVERAGE)
    return scores


def _is_alike(moment: Found, wanted: dict[str, str]) -> bool:
    """Whether it has a word of the question, or sounds like it. Without vectors words have found it."""
    if moment.likeness is None or moment.likeness >= LEAST_ALIKE:
        return True
    return not wanted.keys().isdisjoint(moment.words.split())


def _with_likeness(scores: list[float], found: Sequence[Found]) -> list[float]:
    """Word scores in their standard deviations, plus likeness in its own above the mean. Without vectors, as they were."""
    alike = [moment.likeness for moment in found if moment.likeness is not None]
    if not alike:
        return scores
    mean, usual, spread = fmean(alike), pstdev(scores) or 1.0, pstdev(alike) or 1.0
    fused: list[float] = []
    for score, moment in zip(scores, found, strict=True):
        likeness = mean if moment.likeness is None else moment.likeness
        fused.append(score / usual + ALIKE * max(0.0, likeness - mean) / spread)
    return fused


def _sittings(found: Sequence[Found]) -> list[int]:
    """The sitting of each candidate, as a number: moments that lie close in time."""
    times = [_time(moment.at) for moment in found]
    sitting, last, numbers = 0, None, [0] * len(found)
    for place in sorted(range(len(found)), key=lambda place: (times[place], found[place].number)):
        if last is not None and times[place] - last > PAUSE:
            sitting += 1
        numbers[place], last = sitting, times[place]
    return numbers


def _time(at: str) -> datetime:
    try:
        return datetime.fromisoformat(at).replace(tzinfo=None)
    except ValueError:  # a store's own idea of a time: one sitting
        return datetime.min


def _with_neighbours(scores: list[float], found: Sequence[Found], sittings: list[int]) -> list[float]:
    at = {moment.number: place for place, moment in enumerate(found)}
    lent = [0.0] * len(found)
    for place, moment in enumerate(found):
        for number in (moment.number - 1, moment.number + 1):
            beside = at.get(number)
            if beside is not None and sittings[beside] == sittings[place]:
                lent[place] += NEIGHBOUR * scores[beside]
    return [score + more for score, more in zip(scores, lent, strict=True)]


def _by_sitting(scores: list[float], sittings: list[int]) -> dict[int, float]:
    """By what the scores of a sitting's moments are multiplied."""
    of: defaultdict[int, list[float]] = defaultdict(list)
    for score, sitting in zip(scores, sittings, strict=True):
        of[sitting].append(score)
    best = {sitting: sum(sorted(each, reverse=True)[:BEST_OF_SITTING]) for sitting, each in of.items()}
    most = max(best.values(), default=0.0) or 1.0
    return {sitting: 1 + SITTING * score / most for sitting, score in best.items()}


def _named(asked: Sequence[str], found: Sequence[Found]) -> str | None:
    """The one person of the candidates whom the question names; nobody where it names several."""
    words = set(asked)
    people = {person for moment in found for person in moment.people}
    named = [person for person in people if (name := set(words_of(person))) and name <= words]
    return named[0] if len(named) == 1 else None


def _moment(found: Found, score: float, count: Counted, wanted: dict[str, str], weights: dict[str, float]) -> Moment:
    named = sorted((word for word in wanted if word in count.of), key=lambda word: -weights[word])
    return Moment(
        turn_id=found.turn_id,
        number=found.number,
        text=_telling(found.text, weights),
        reason="mentions " + ", ".join(wanted[word] for word in named[:4]) if named else "sounds alike",
        score=round(score, 4),
    )


def _telling(text: str, weights: dict[str, float]) -> str:
    """The sentence that answers best; of equals the earliest, so that a moment goes before the prose it sums up."""
    best, best_score = "", -1.0
    for sentence in _SENTENCE.split(text):
        score = sum(weights.get(word, 0.0) for word in set(stems_of(sentence)))
        if sentence.strip() and score > best_score:
            best, best_score = sentence.strip(), score
    return best if len(best) <= MAX_TEXT else best[:MAX_TEXT].rsplit(" ", 1)[0] + " ..."
