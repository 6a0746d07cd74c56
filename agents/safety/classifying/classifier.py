"""The local classifier: what rules have no words for. Always on, no network, read from disk when it is first needed.

Cheap first: two heads over a text's words alone leave out what is plainly play (most actions). What they do not leave
out is looked at again with a sentence embedding, and by a network that was tuned to tell a crisis (`tuning.py`).
`prompts/safety/classifier.yaml` holds the thresholds, with what was measured there. A score is a distance from a line, not
a probability and no clinical measure; `confidence` in a signal is its logistic.
"""

import hashlib
import math
import re
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from agents.safety.classifying.features import Windows
from agents.safety.classifying.network import TUNED_HEADS, check_network
from agents.safety.classifying.weights import CHEAP, HEADS, Sources, Weights, read_weights
from agents.safety.normalise import Views
from agents.safety.rule_file import CATEGORIES, RuleAction, read_model, safety_folder
from agents.safety.rules import Finding
from agents.story import Signal, Tier


class Embedded(NamedTuple):
    """A text as the embedder reads it."""

    vector: list[float]
    crisis: float | None = None
    """What the network says of it; None without one."""


Embed = Callable[[Sequence[str]], list[Embedded]]
"""Of texts, one each."""

LONG = 4_000
"""Characters of a text that is read once: the `words` view reads a text several times, against disguises, and rules read
all of that."""

PIECES = 128
"""Word pieces that the embedder reads: what a window of words comes to, and a bound for what is none."""

PIECES_OF_TWO = 104
"""Word pieces of each, where two windows of a text are read: what 80 words of English come to (83 to 115 were counted). A
piece takes 0.2 to 0.4 ms, so that two windows of nothing but signs took 100 ms by themselves.
"""

EMBEDDED = 1_200
"""Characters of a window that are embedded; the embedder reads PIECES of them."""

if TYPE_CHECKING:
    from agents.models.tuned import TunedLayers

_WORD = re.compile(r"[a-z0-9]{1,40}|[.!?]")

Score = Annotated[float, Field(ge=-50, le=50)]


class Thresholds(BaseModel):
    """The operating point: a head speaks where its score is at least this."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cheap_danger: Score
    cheap_asking: Score
    crisis: Score
    check_in: Score
    """Of the head `concern`."""
    asking_means: Score
    """From here on it is a question for a way to harm oneself, and has the tier check_in."""
    keep: Score
    """Of the head `concern`: from here on a text is kept in mind, though it is nothing by itself."""
    together_crisis: Score
    together_check_in: Score
    """The same for what was kept in mind, read as one text."""
    prompt_injection: Score
    harmful_request: Score


def read_thresholds(path: Path | None = None) -> Thresholds:
    """Raises InvalidSetting with the line."""
    return read_model(path or safety_folder() / "classifier.yaml", Thresholds, "thresholds")


class Classifier:
    """A detector of the action gate. Safe to share between threads."""

    def __init__(self, embed: Embed, *, thresholds: Thresholds, weights: Callable[[], Weights] = read_weights) -> None:
        self._embed = embed
        self.at = thresholds
        """The operating point."""
        self._read = weights
        self._weights: Weights | None = None
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """The corpus of the weights and a digest of the thresholds: `classifier-80284dad-5f0c2e1a`. Reads nothing: before
        the weights are read, which no verdict of theirs is, `unread` stands for them.
        """
        corpus = self._weights.sources["corpus"][:8] if self._weights else "unread"
        return f"classifier-{corpus}-{hashlib.sha256(self.at.model_dump_json().encode()).hexdigest()[:8]}"

    def __call__(self, text: Views, risk: Tier) -> list[Finding]:
        """What the heads say of a text. Raises what the weights or the embedder raise: the screen fails closed."""
        found = self._scores(text)
        return (
            []
            if found is None
            else [*self._danger(text, found, self.at.crisis, self.at.check_in, ""), *self._asking(found)]
        )

    def together(self, text: Views, risk: Tier) -> list[Finding]:
        """What they say of several texts that were said one after the other, read as one."""
        found = self._scores(text)
        if found is None:
            return []
        return self._danger(text, found, self.at.together_crisis, self.at.together_check_in, "together_")

    @property
    def sources(self) -> Sources:
        """What its weights were trained from. Raises InvalidSetting."""
        return self._loaded().sources

    def warm(self) -> None:
        """Reads weights and model now, so that the first action does not wait for them."""
        self._loaded()
        self._embed(["look around"])

    def scores(self, text: Views) -> dict[str, float]:
        """The highest score of each head in any window that is looked at; of the cheap ones alone, where they end it; none
        at all of a text without a word that was taught.
        """
        weights = self._loaded()
        windows = Windows(_once(text).split())
        spans = weights.known_windows(windows)
        if not spans:
            return {}
        cheaply = [weights.cheap_scores(windows.features(span)) for span in spans]
        cheap = {head: max(scores[place] for scores in cheaply) for place, head in enumerate(CHEAP)}
        if cheap["cheap_danger"] < self.at.cheap_danger and cheap["cheap_asking"] < self.at.cheap_asking:
            return cheap
        # The worst for each of the cheap heads; mostly that is one.
        places = sorted({max(range(len(spans)), key=lambda place: cheaply[place][head]) for head in range(len(CHEAP))})
        worst = [spans[place] for place in places]
        texts = [text.raw if len(spans) == 1 else " ".join(windows.words(span)) for span in worst]
        embedded = self._embed([text[:EMBEDDED] for text in texts])
        scored = [weights.word_scores(windows.features(span)) for span in worst]
        full = [
            _whole(weights.add_dense(scores, one.vector), one) for scores, one in zip(scored, embedded, strict=True)
        ]
        return {head: max(one[head] for one in full) for head in HEADS} | cheap

    def _scores(self, text: Views) -> dict[str, float] | None:
        """All scores; None for what is left out."""
        found = self.scores(text)
        return found if len(found) > len(CHEAP) else None

    def _danger(
        self, text: Views, found: dict[str, float], crisis: float, check_in: float, prefix: str
    ) -> list[Finding]:
        if text.native:
            return []  # of other scripts it was taught little: their rules speak
        category = max(sorted(CATEGORIES), key=lambda name: found[name])
        if found["crisis"] >= crisis:
            return [_finding(f"{prefix}crisis", category, found["crisis"] - crisis, "crisis")]
        if found["asking_means"] >= self.at.asking_means:
            beyond = found["asking_means"] - self.at.asking_means
            return [_finding(f"{prefix}asking_means", category, beyond, "check_in", keep=True)]
        if found["concern"] >= check_in:
            return [_finding(f"{prefix}concern", category, found["concern"] - check_in, "check_in", keep=True)]
        if found["concern"] >= self.at.keep:
            return [_finding(f"{prefix}heard", category, found["concern"] - check_in, "none", keep=True)]
        return []

    def _asking(self, found: dict[str, float]) -> list[Finding]:
        limits = {"prompt_injection": self.at.prompt_injection, "harmful_request": self.at.harmful_request}
        return [
            _finding(head, head, found[head] - limit, "none", action="refuse")
            for head, limit in limits.items()
            if found[head] >= limit
        ]

    def _loaded(self) -> Weights:
        if self._weights is None:
            with self._lock:
                self._weights = self._weights or self._read()
        return self._weights


@cache
def shipped_classifier() -> Classifier:
    """The one that this process shares, with the shipped weights. Raises InvalidSetting for broken thresholds."""
    return Classifier(_minilm, thresholds=read_thresholds())


def _minilm(texts: Sequence[str]) -> list[Embedded]:
    from agents.models.embedding import minilm  # noqa: PLC0415 - the models' package knows the screen

    states = minilm().states_now(texts, most=PIECES if len(texts) == 1 else PIECES_OF_TWO)
    scores = _tuned().scores_now(states)
    place = TUNED_HEADS.index("crisis")
    return [Embedded(vector, score[place]) for vector, score in zip(states.vectors, scores, strict=True)]


@cache
def _tuned() -> "TunedLayers":
    from agents.models.tuned import TunedLayers  # noqa: PLC0415

    return TunedLayers(lambda: check_network(shipped_classifier().sources["network"]))


def _whole(scores: dict[str, float], embedded: Embedded) -> dict[str, float]:
    """The scores of a text: a crisis is told by the head and the network together, half and half.

    Raises ValueError for what is no number, which is less than no threshold and more than none.
    """
    whole = scores if embedded.crisis is None else scores | {"crisis": (scores["crisis"] + embedded.crisis) / 2}
    if not all(map(math.isfinite, whole.values())):
        raise ValueError("a score is no number")
    return whole


def _once(text: Views) -> str:
    """The words to be classified."""
    return text.words if len(text.raw) <= LONG else " ".join(_WORD.findall(text.raw.replace("'", "")))


def _finding(
    id_: str, category: str, beyond: float, tier: Tier, *, keep: bool = False, action: RuleAction | None = None
) -> Finding:
    confidence = round(1 / (1 + math.exp(-max(-30.0, min(30.0, beyond)))), 3)
    return Finding(Signal(source="classifier", id=id_, category=category, confidence=confidence), tier, action, keep)
