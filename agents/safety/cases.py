"""Each rule's own cases, run: what it must and what it must not match."""

from collections.abc import Iterator
from typing import NamedTuple

from agents.safety.normalise import views
from agents.safety.rules import CompiledRule, RuleSet
from agents.story import Tier


class Failure(NamedTuple):
    """A case that does not hold. `text` is the author's, out of the file."""

    rule: str
    text: str
    must: bool


def matches(rules: RuleSet, compiled: CompiledRule, text: str) -> bool:
    """Whether a rule has something to say of a text; one that listens only to a session at risk is asked in such a one."""
    rule = compiled.rule
    risk: Tier = "check_in" if rule.tier is None and rule.at_risk is not None else "none"
    return rules.strongest(compiled, rules.reading(getattr(views(text), rule.view), rule.view), risk) is not None


def failures(rules: RuleSet) -> Iterator[Failure]:
    """The cases that do not hold, in the file's order."""
    for compiled in rules.rules:
        for must, texts in ((True, compiled.rule.must), (False, compiled.rule.must_not)):
            for text in texts:
                if matches(rules, compiled, text) is not must:
                    yield Failure(compiled.rule.id, text, must)


def check_cases(rules: RuleSet) -> None:
    """Raises InvalidSetting with the first case that does not hold."""
    for failure in failures(rules):
        wanted = "does not match its case" if failure.must else "matches what it must not"
        raise rules.fault(failure.rule, f"it {wanted}: {failure.text!r}")
