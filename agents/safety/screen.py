"""The two gates of a story: what a player does, and what the narrator says. Pure, deterministic, fails closed.

    screen = Screen.load()
    screen.action("I attack the goblin")["tier"]                  -> "none"
    screen.action("I want to end my life tonight")["tier"]        -> "crisis"
    screen.narration("Help is on its way to you.")["action"]      -> "rewrite"

A screen asks its detectors in order and keeps the most careful answer: crisis before check-in before refusal. A detector
that raises never passes a text as safe: the action's verdict is `check_in`, the sentence's `rewrite`, with the signal
`detector_failed`. Verdicts hold names of rules, never words of the player. (The tiers: the project's design, "Safety".)
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from agents.errors import InvalidSetting
from agents.safety.classifying.classifier import shipped_classifier
from agents.safety.heard import older, together, with_text
from agents.safety.live import LiveRules
from agents.safety.normalise import Views, views
from agents.safety.repeated import said_once
from agents.safety.rule_file import GATES, safety_folder
from agents.safety.rules import Finding, check_gate
from agents.story import Heard, Signal, Tier, Verdict

MAX_READ = 65_536
"""Characters that are read of one text. Of a longer one the first half of them is read, and the last."""

SHORT = 12
"""Words of a text that a rule sees as a whole."""

UNSURE, SURE = 0.6, 0.84
"""The confidence of a rule that leaves room, and that of a classifier that takes it."""

MAX_SIGNALS = 12
"""Signals that a verdict keeps, strongest first: a verdict is stored with its turn and stays small."""

LEVELS: dict[Tier, int] = {"none": 0, "check_in": 2, "crisis": 3}
"""The `signal_level` of a tier."""

_REFUSED = 1
_FAILED = Signal(source="limit", id="detector_failed", category="limit", confidence=1.0)


class Detector(Protocol):
    """Reads one window of a text. The risk is the session's from earlier turns. It may raise; the screen copes."""

    def __call__(self, text: Views, risk: Tier, /) -> list[Finding]: ...


class Screened(NamedTuple):
    """What a screening came to: the verdict, and what the session is to keep in mind from now on."""

    verdict: Verdict
    heard: list[Heard]
    unsure: bool = False
    """Whether nothing but the classifier's concern decided it: then a judge may be asked (`agents/safety/judge.py`)."""


class Screen:
    """Both gates over their detectors. Holds nothing of what it reads; safe to share between threads and tasks."""

    def __init__(
        self,
        actions: Sequence[Detector],
        narrations: Sequence[Detector],
        conversations: Sequence[Detector] = (),
    ) -> None:
        """`conversations` read an action together with what was kept in mind before it.

        Raises InvalidSetting for a gate without detectors: it would let everything pass.
        """
        if not actions or not narrations:
            raise InvalidSetting("A safety gate has no detectors", cure="Give each gate at least its rules.")
        self._actions = tuple(actions)
        self._narrations = tuple(narrations)
        self._conversations = tuple(conversations)
        self.warmth: Literal["cold", "warming", "warm", "failed"] = "cold"
        """Whether the detectors that read from disk have done so: a screen answers in any case, and waits for them."""

    @property
    def version(self) -> str:
        """What is in force: `action-1-0f3a9c21 classifier-80284dad-5f0c2e1a narration-1-77e0b4d9`. A detector without a
        version is its type.
        """
        detectors = [*self._actions, *self._narrations]
        return " ".join(str(getattr(one, "version", type(one).__name__)) for one in detectors)

    @classmethod
    def load(cls, folder: Path | None = None) -> "Screen":
        """The gates with the rules of a folder (default: the shipped ones) and the classifier. Raises InvalidSetting."""
        rules, classifier = cls.of_rules(folder), shipped_classifier()
        return cls([*rules._actions, classifier], rules._narrations, [classifier.together])

    @classmethod
    def of_rules(cls, folder: Path | None = None) -> "Screen":
        """The gates with the rules alone. Raises InvalidSetting."""
        where = folder or safety_folder()
        gates = {name: LiveRules(where / f"{name}.yaml") for name in GATES}
        for name, live in gates.items():
            check_gate(live.rules, name, str(where / f"{name}.yaml"))
        return cls([gates["action"]], [gates["narration"]])

    def warm(self) -> None:
        """Has detectors read from disk and compile now what they need, so that the first action does not wait for it."""
        self.warmth = "warm" if self.warmth == "warm" else "warming"
        try:
            for one in (*self._actions, *self._narrations):
                getattr(one, "warm", lambda: None)()
        except Exception:
            self.warmth = "failed"
            raise
        self.warmth = "warm"

    def warm_soon(self) -> None:
        """As `warm`, meanwhile. What fails there fails again where it is asked. A process that ends waits for it, a third
        of a second: the engine of the embedding cannot be left in its midst.
        """

        def warm() -> None:
            with suppress(Exception):
                self.warm()

        threading.Thread(target=warm, name="tta-safety-warm").start()

    @property
    def faults(self) -> list[InvalidSetting]:
        """Why files of rules that were changed are not in force: the last good ones are. Empty where all is well."""
        return [one.fault for one in self._live() if one.fault is not None]

    def reload(self) -> None:
        """Reads the files that have changed now, instead of at the next screening."""
        for one in self._live():
            one.reload()

    def _live(self) -> list[LiveRules]:
        return [one for one in (*self._actions, *self._narrations) if isinstance(one, LiveRules)]

    def action(self, text: str, *, risk: Tier = "none") -> Verdict:
        """What an action of a player asks for, read by itself: as `screen`, of a session that keeps nothing in mind."""
        return self.screen(text, risk=risk).verdict

    def screen(self, text: str, *, risk: Tier = "none", heard: Sequence[Heard] = ()) -> Screened:
        """What an action of a player asks for, of any length, after what was heard of that player before.

        `risk` is the tier that the session carries from earlier turns. It makes rules with `at_risk` listen, and after
        a crisis it turns every check-in into a crisis. It is not the tier of harmless text: a paused session is the
        session's own state. `signal_level` is 0 nothing, 1 refused or risk carried, 2 check-in, 3 crisis.
        """
        findings = _as_rules_say(_asked(self._actions, text, risk), text)
        kept, keep = older(heard), any(finding.keep for finding in findings)
        if keep and kept:
            findings = _strongest([*findings, *_asked(self._conversations, together(kept, text), risk)])
        verdict = _action_verdict(findings, risk)
        decided = any(not finding.keep and (finding.tier != "none" or finding.action) for finding in findings)
        # The words of somebody at risk are kept nowhere: that they are at risk is.
        heard = with_text(kept, text) if keep and verdict["action"] == "allow" else kept
        return Screened(verdict, heard, unsure=keep and not decided and verdict["tier"] != "crisis")

    def recalled(self, text: str) -> Verdict:
        """What the rules for actions say of a text that is to stand in a prompt. Each turn asks it of many, so only them."""
        return _action_verdict(_asked(self._actions[:1], text, "none"), "none")

    def narration(self, sentence: str) -> Verdict:
        """Whether a sentence (or a whole passage) of the narrator may be shown: `allow`, else `rewrite`."""
        findings = _asked(self._narrations, sentence, "none")
        return Verdict(
            gate="narration",
            tier="none",
            action="rewrite" if findings else "allow",
            categories=_categories(findings),
            signals=_signals(findings),
            signal_level=_REFUSED if findings else 0,
        )


def _as_rules_say(findings: list[Finding], text: str) -> list[Finding]:
    """In a short text that a rule knows for a check-in (a denial, a fiction, the past) that is what it is: the classifier,
    which sees the same words without their order, raises only what says more; or what the rule itself is not sure of, where
    it is surer.
    """
    ruled = [finding for finding in findings if finding.signal["source"] == "rule" and finding.tier != "none"]
    if not ruled or any(finding.tier == "crisis" for finding in ruled) or len(text.split()) > SHORT:
        return findings
    sure = max(finding.signal["confidence"] for finding in ruled)

    def holds(finding: Finding) -> bool:
        own = finding.signal
        return finding.tier != "crisis" or own["source"] == "rule" or (sure <= UNSURE and own["confidence"] >= SURE)

    return [finding if holds(finding) else finding._replace(tier="check_in") for finding in findings]


def _action_verdict(findings: Sequence[Finding], risk: Tier) -> Verdict:
    tier = highest(finding.tier for finding in findings)
    if tier == "check_in" and risk == "crisis":
        tier = "crisis"
    refused = any(finding.action == "refuse" for finding in findings)
    speaking = [finding for finding in findings if finding.tier != "none" or finding.action]
    return Verdict(
        gate="action",
        tier=tier,
        action=tier if tier != "none" else "refuse" if refused else "allow",
        categories=_categories(speaking),
        signals=_signals(speaking),
        signal_level=max(LEVELS[tier], _REFUSED if refused or risk != "none" else 0),
    )


def windows(text: str) -> list[str]:
    """What is read of a text: all of it; of one beyond MAX_READ its head and its tail, each by itself."""
    half = MAX_READ // 2
    return [text] if len(text) <= MAX_READ else [text[:half], text[-half:]]


def _asked(detectors: Sequence[Detector], text: str, risk: Tier) -> list[Finding]:
    """What all detectors find in all of a text, one finding a signal, the most careful first."""
    return _strongest(finding for window in windows(text) for finding in _read(detectors, window, risk))


def _strongest(findings: Iterable[Finding]) -> list[Finding]:
    """One finding a signal, the most careful first."""
    found: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = (finding.signal["source"], finding.signal["id"])
        if key not in found or LEVELS[finding.tier] > LEVELS[found[key].tier]:
            found[key] = finding
    return sorted(found.values(), key=lambda finding: (-LEVELS[finding.tier], finding.signal["id"]))


def _read(detectors: Sequence[Detector], window: str, risk: Tier) -> Iterator[Finding]:
    """The findings in one window. A failure is a finding too, and stops no other detector."""
    try:
        read = views(said_once(window))
    except Exception:  # whatever broke, the text was not read
        yield Finding(_FAILED, "check_in", "rewrite")
        return
    for detector in detectors:
        try:
            yield from detector(read, risk)
        except Exception:
            yield Finding(_FAILED, "check_in", "rewrite")


def highest(tiers: Iterable[Tier]) -> Tier:
    """The most careful of some tiers; none of none."""
    found: list[Tier] = [*tiers, "none"]
    return max(found, key=lambda tier: LEVELS[tier])


def _categories(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.signal["category"] for finding in findings))


def _signals(findings: Sequence[Finding]) -> list[Signal]:
    return [finding.signal for finding in findings[:MAX_SIGNALS]]
