"""Rules as data: `prompts/safety/action.yaml` and `narration.yaml`, read strictly and compiled once.

A rule matches when one of its `any` patterns is found and no `unless` pattern overlaps that very place; an excuse
elsewhere in the text excuses nothing, so a joke before or a retraction after clears no danger. Patterns are written
for the `words` view (`agents/safety/normalise.py`), a sentence at a time, unless the rule says `view: native` (scripts
other than Latin; the patterns are read like the text, so authors write them as people do) or `view: raw`. They may
use the file's `fragments` as `<name>`, and must be bounded: no `*`, no `+`, no open `{n,}`. A pattern is only tried on
a text that holds one of the strings that it cannot match without (`agents/safety/literals.py`), which keeps hundreds
of patterns cheap.

`must` and `must_not` are the rule's own cases. `tests/agents/safety/test_rules.py` runs all of them.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar, get_args

from agents.errors import InvalidSetting
from agents.safety.literals import Literals, Sought
from agents.safety.native import native
from agents.safety.normalise import View, Views
from agents.safety.patterns import LazyPattern, Stretch
from agents.safety.rule_file import Rule, RuleAction, RuleFile, read_rule_file, rule_fault
from agents.story import Signal, Tier

_T = TypeVar("_T")

MAX_HITS = 16
"""Places of one pattern looked at in one text. A text with more excused places than this counts as a match."""

MOST_KNOWN = 4096
"""Texts of which it is known what was found in them, some hundred bytes each."""

ALWAYS = ""
"""Stands among the strings that a sentence holds, for patterns that are always tried."""

_STOP = re.compile(r" \.(?= )")
_FRAGMENT = re.compile(r"<([a-z_0-9]+)>")
_ESCAPED_OR_CLASS = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]")
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")
_BOUND = re.compile(r"\{(?:\d+,)?(\d+)\}")
_MOST_REPEATS = 80


class Finding(NamedTuple):
    """What a detector says of a text: the signal, and the tier or the action that it asks for."""

    signal: Signal
    tier: Tier = "none"
    action: RuleAction | None = None
    keep: bool = False
    """Whether the text is to be kept in mind, though it is nothing by itself (`agents/safety/heard.py`)."""


class Reading(NamedTuple):
    """One view of a text, cut where no pattern reaches across. The raw view is one stretch."""

    text: str
    stretches: tuple[Stretch, ...]


_NOTHING = Reading("", ())


class CompiledRule(NamedTuple):
    """A rule with its patterns compiled."""

    rule: Rule
    any: tuple[LazyPattern, ...]
    unless: tuple[re.Pattern[str], ...]
    literals: Literals

    def hits(self, reading: Reading) -> Iterator[re.Match[str]]:
        """Every place that matches and is not excused."""
        for stretch in reading.stretches:
            if self.literals.isdisjoint(stretch.held):
                continue
            for lazy in self.any:
                if lazy.literals is None or not lazy.literals.isdisjoint(stretch.held):
                    yield from self._hits(lazy, reading.text, stretch)

    def _hits(self, lazy: LazyPattern, view: str, stretch: Stretch) -> Iterator[re.Match[str]]:
        """The places of one pattern in one sentence. Too many excused ones count as a match: somebody is hiding it."""
        excuses: list[tuple[int, int]] | None = None
        for looked_at, match in enumerate(lazy.matches(view, stretch), start=1):
            if excuses is None:
                found = (each.finditer(view, stretch.start, stretch.end) for each in self.unless)
                excuses = [at.span() for excuse in found for at in excuse]
            first, last = match.span()
            if looked_at > MAX_HITS or not any(start < last and first < end for start, end in excuses):
                yield match
            if looked_at > MAX_HITS:
                return


def _digest(text: Views) -> bytes:
    """No view holds a null: it is a control character."""
    return hashlib.blake2b("\0".join(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


class RuleSet:
    """A file of rules, compiled: the first detector of a gate. Pure; safe to share between threads."""

    def __init__(self, file: RuleFile, *, place: str = "rules", lines: Mapping[str, int] | None = None) -> None:
        """Raises InvalidSetting for a pattern that does not compile, is unbounded or uses an unknown fragment.

        `lines` are those of the rules in the file `place`, by their ids.
        """
        self.file = file
        self._place = place
        self._lines = lines or {}
        ids = [rule.id for rule in file.rules]
        twice = next((name for name in ids if ids.count(name) > 1), None)
        if twice is not None:
            raise self.fault(twice, "the id is used twice")
        self.rules = tuple(self._compiled(rule) for rule in file.rules)
        self._sought = {view: Sought(self._strings(view)) for view in get_args(View)}
        self._tireless = any(ALWAYS in compiled.literals for compiled in self.rules)
        self._frames = tuple(self._made(re.compile, "frames", text) for text in file.frames.any)
        self._breaks = tuple(self._made(re.compile, "frames", text) for text in file.frames.broken_by)
        self._found: dict[tuple[bytes, Tier], tuple[Finding, ...]] = {}
        """By digests, no texts: what a story reminds its narrator of is read again with every turn."""

    @cached_property
    def version(self) -> str:
        """Gate, the file's own version and a digest of all that it says: `action-1-0f3a9c21`."""
        digest = hashlib.sha256(self.file.model_dump_json().encode("utf-8", "surrogatepass")).hexdigest()
        return f"{self.file.gate}-{self.file.version}-{digest[:8]}"

    def __call__(self, text: Views, risk: Tier) -> list[Finding]:
        """What the rules find in a text, given the risk that the session carries."""
        key = (_digest(text), risk)
        found = self._found.get(key)
        if found is None:
            found = tuple(self._read(text, risk))
            if len(self._found) >= MOST_KNOWN:
                self._found.clear()
            self._found[key] = found
        return list(found)

    def _read(self, text: Views, risk: Tier) -> list[Finding]:
        findings: list[Finding] = []
        readings = {view: self.reading(getattr(text, view), view) for view in get_args(View)}
        held = {view: frozenset().union(*(each.held for each in one.stretches)) for view, one in readings.items()}
        for compiled in self.rules:
            if compiled.literals.isdisjoint(held[compiled.rule.view]):
                continue
            tier = self.strongest(compiled, readings[compiled.rule.view], risk)
            if tier is not None:
                rule = compiled.rule
                signal = Signal(source="rule", id=rule.id, category=rule.category, confidence=rule.confidence)
                findings.append(Finding(signal, tier, rule.action))
        return findings

    def warm(self) -> None:
        """Compiles what is otherwise compiled when it is first tried. A text that touched all of it would take 0.3 s."""
        for compiled in self.rules:
            for lazy in compiled.any:
                lazy.warm()

    def fault(self, owner: str, what: str) -> InvalidSetting:
        """The error for one of the rules, at its line."""
        place = f"{self._place}:{self._lines[owner]}" if owner in self._lines else self._place
        return rule_fault(place, owner, what)

    def reading(self, text: str, view: View) -> Reading:
        """A view of a text as `strongest` takes it."""
        if not text and view == "native":
            return _NOTHING
        sought = self._sought[view]
        if view == "raw":
            held = frozenset([ALWAYS, *(own for _, own in sought.places(text))])
            return Reading(text, (Stretch(0, len(text), held),))
        spans = _sentences(text)
        ends = list(accumulate(map(len, spans)))
        inside: dict[int, set[str]] = {}
        for place, own in sought.places("".join(spans)):
            number = bisect_right(ends, place)
            if place + len(own) <= ends[number]:
                inside.setdefault(number, {ALWAYS}).add(own)
        none: set[str] = {ALWAYS} if self._tireless else set()
        stretches = (
            Stretch(begin, begin + len(sentence), frozenset(held))
            for number, (sentence, begin) in enumerate(spans.items())
            if (held := inside.get(number, none))
        )
        return Reading(text, tuple(stretches))

    def strongest(self, compiled: CompiledRule, reading: Reading, risk: Tier) -> Tier | None:
        """The highest tier of a rule's hits; None when it has nothing to say."""
        rule = compiled.rule
        full: Tier | None = rule.at_risk if risk != "none" and rule.at_risk else rule.tier
        if full is None and rule.action is None:
            return None
        found: Tier | None = None
        for hit in compiled.hits(reading):
            if full != "crisis" or rule.firm or not self._in_fiction(reading.text, hit.start()):
                return full or "none"
            found = "check_in"
        return found

    def _in_fiction(self, view: str, at: int) -> bool:
        """Whether the same sentence frames this place as fiction and has not stepped out of it since."""
        before = view[max(view.rfind(".", 0, at), at - 200, 0) : at]
        framed = max((found.end() for frame in self._frames for found in frame.finditer(before)), default=-1)
        return framed >= 0 and not any(stop.search(before, framed) for stop in self._breaks)

    def _strings(self, view: View) -> set[str]:
        """Those that a view's patterns need."""
        return {text for one in self.rules if one.rule.view == view for text in one.literals} - {ALWAYS}

    def _compiled(self, rule: Rule) -> CompiledRule:
        patterns = tuple(self._made(LazyPattern, rule.id, text) for text in self._texts(rule, rule.any))
        return CompiledRule(
            rule,
            patterns,
            tuple(self._made(re.compile, rule.id, text) for text in self._texts(rule, rule.unless)),
            frozenset(text for pattern in patterns for text in pattern.literals or {ALWAYS}),
        )

    def _texts(self, rule: Rule, texts: Sequence[str]) -> list[str]:
        return [native(text) if rule.view == "native" else text for text in texts]

    def _made(self, make: Callable[[str], _T], owner: str, text: str) -> _T:
        """The pattern with its fragments, made by `make`. Raises InvalidSetting for one that is not valid."""
        full = text
        for _ in range(4):
            full = _FRAGMENT.sub(lambda use: self._fragment(owner, use[1]), full)
        bare = _ESCAPED_OR_CLASS.sub("a", full)
        if _UNBOUNDED.search(bare) or any(int(bound) > _MOST_REPEATS for bound in _BOUND.findall(bare)):
            raise self.fault(owner, f"a pattern repeats without a bound of at most {_MOST_REPEATS}")
        try:
            return make(full)
        except re.error as error:
            raise self.fault(owner, f"a pattern is not valid: {error.msg}") from error

    def _fragment(self, owner: str, name: str) -> str:
        if name not in self.file.fragments:
            raise self.fault(owner, f"there is no fragment <{name}>")
        return f"(?:{self.file.fragments[name]})"


def _sentences(text: str) -> dict[str, int]:
    """The sentences of a `words` view, each from its leading full stop on, with their places. What is repeated without end
    says no more: each is there once.
    """
    places = [0, *(stop.start() for stop in _STOP.finditer(text, 1)), len(text)]
    spans: dict[str, int] = {}
    for begin, end in pairwise(places):
        spans.setdefault(text[begin:end], begin)
    return spans


def check_gate(rules: RuleSet, gate: str, place: str) -> None:
    """Raises InvalidSetting for rules that are those of another gate."""
    if rules.file.gate != gate:
        cause = f"The rules are for the gate '{rules.file.gate}', not '{gate}'"
        raise InvalidSetting(cause, place=place, cure="Put them into the other file, or correct `gate:`.")


def load_rules(path: Path) -> RuleSet:
    """The rules of one file, compiled. Raises InvalidSetting with the file, the line and the rule's id."""
    file, lines = read_rule_file(path)
    return RuleSet(file, place=str(path), lines=lines)
