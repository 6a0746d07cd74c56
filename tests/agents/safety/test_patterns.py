"""Looking only where something can be found finds what looking everywhere does."""

import random
import re

import pytest

from agents.safety.literals import FEW, Sought, reach_of
from agents.safety.normalise import views
from agents.safety.patterns import LONG, LazyPattern, Stretch
from agents.safety.rule_file import safety_folder
from agents.safety.rules import RuleSet, load_rules

SETS = [load_rules(safety_folder() / f"{name}.yaml") for name in ("action", "narration")]
LETTERS = "abи死\ud800. "


def everywhere(text: str, own: str) -> list[int]:
    return [place for place in range(len(text)) if text.startswith(own, place)]


@pytest.mark.parametrize("many", [3, FEW + 200])
def test_strings_are_found_wherever_they_stand(many: int) -> None:
    dice = random.Random(many)
    strings = {"".join(dice.choices(LETTERS, k=dice.randint(1, 7))) for _ in range(many)}
    sought = Sought(strings)
    for _ in range(50):
        text = "".join(dice.choices(LETTERS, k=dice.randint(0, 90)))
        expected = sorted((place, own) for own in strings for place in everywhere(text, own))
        assert sorted(sought.places(text)) == expected


@pytest.mark.parametrize(
    ("pattern", "reach"),
    [
        ("kill", 4),
        ("a(?:bc|d){0,3}e", 8),
        (r"\bkill\b", 6),
        (r"kill(?= \.|$)", 6),
        ("[^.]{0,30}x", 31),
        (r"(?P<one>a)\1", None),
    ],
)
def test_a_pattern_looks_no_further_than_its_reach(pattern: str, reach: int | None) -> None:
    assert reach_of(pattern) == reach


def test_every_shipped_pattern_has_a_reach() -> None:
    assert [lazy.text for rules in SETS for one in rules.rules for lazy in one.any if reach_of(lazy.text) is None] == []


def test_a_reach_that_is_not_known_has_all_be_looked_at() -> None:
    text = f"{'x ' * LONG}abba{' x' * LONG}abba"
    found = LazyPattern(r"ab(b)\1{0,1}a").matches(text, Stretch(0, len(text), frozenset(["ab"])))
    assert [match.start() for match in found] == everywhere(text, "abba")


@pytest.mark.parametrize("rules", SETS, ids=["action", "narration"])
def test_in_a_sentence_without_end_a_pattern_matches_where_it_would(rules: RuleSet) -> None:
    """The rules' own cases, one after the other and far apart, in a sentence of thousands of words."""
    dice = random.Random(1)
    cases = [
        re.sub(r"[.!?;:\s]+", " ", case) for one in rules.rules if one.rule.view == "words" for case in one.rule.must
    ]
    for filler in (1, 60):
        said = [f"{'la di da ' * dice.randint(0, filler)}{case}" for case in dice.sample(cases, 60)]
        reading = rules.reading(views(" ".join(said)).words, "words")
        assert max(one.end - one.start for one in reading.stretches) > LONG
        for lazy in (lazy for one in rules.rules if one.rule.view == "words" for lazy in one.any):
            for stretch in reading.stretches:
                held = stretch._replace(held=stretch.held & lazy.literals if lazy.literals else stretch.held)
                found = [match.span() for match in lazy.matches(reading.text, held)]
                assert found == spans(lazy, reading.text, stretch), lazy.text


def spans(lazy: LazyPattern, text: str, stretch: Stretch) -> list[tuple[int, int]]:
    """Where a pattern matches, tried from every place."""
    found: list[tuple[int, int]] = []
    match = lazy.pattern.search(text, stretch.start, stretch.end)
    while match is not None:
        found.append(match.span())
        match = lazy.pattern.search(text, match.start() + 1, stretch.end)
    return found


def test_a_sentence_that_ends_twice_is_two() -> None:
    reading = SETS[0].reading("kill . . kill . kill myself . kill", "words")
    assert [reading.text[one.start : one.end] for one in reading.stretches] == ["kill", " . kill", " . kill myself"]
