"""Every rule's own cases, and what a faulty file of rules is answered with."""

import re
from pathlib import Path

import pytest

from agents.errors import InvalidSetting
from agents.safety.cases import matches
from agents.safety.literals import literals_of
from agents.safety.normalise import views
from agents.safety.rule_file import CATEGORIES, RuleFile, safety_folder
from agents.safety.rules import ALWAYS, CompiledRule, RuleSet, load_rules

SETS = {name: load_rules(safety_folder() / f"{name}.yaml") for name in ("action", "narration")}

MUST = [
    pytest.param(name, compiled, text, id=f"{name}-{compiled.rule.id}-{number}")
    for name, rules in SETS.items()
    for compiled in rules.rules
    for number, text in enumerate(compiled.rule.must)
]
MUST_NOT = [
    pytest.param(name, compiled, text, id=f"{name}-{compiled.rule.id}-{number}")
    for name, rules in SETS.items()
    for compiled in rules.rules
    for number, text in enumerate(compiled.rule.must_not)
]

RULE = """
gate: action
version: 1
fragments: {animal: 'cat|dog'}
rules:
  - id: first_rule
    category: abuse
    tier: crisis
    any: ['\\b<animal> bites']
    must: [the cat bites, a dog bites]
    must_not: [the bird bites]
...
"""


@pytest.mark.parametrize(("name", "compiled", "text"), MUST)
def test_rule_matches_its_cases(name: str, compiled: CompiledRule, text: str) -> None:
    assert matches(SETS[name], compiled, text)


@pytest.mark.parametrize(("name", "compiled", "text"), MUST_NOT)
def test_rule_leaves_its_counter_cases(name: str, compiled: CompiledRule, text: str) -> None:
    assert not matches(SETS[name], compiled, text)


def test_no_pattern_is_tried_on_every_sentence() -> None:
    """One that needs no string would make each of hundreds of rules look at each sentence."""
    always = [one.rule.id for rules in SETS.values() for one in rules.rules if ALWAYS in one.literals]
    assert [name for name in always if name in {one.rule.id for one in SETS["action"].rules}] == []


def test_every_kind_of_danger_has_rules_and_the_severe_ones_a_crisis() -> None:
    rules = [compiled.rule for compiled in SETS["action"].rules]
    assert {rule.category for rule in rules if rule.tier} == CATEGORIES
    assert {rule.category for rule in rules if rule.tier == "crisis"} == CATEGORIES
    assert {rule.action for rule in rules if rule.action} == {"refuse"}
    assert {compiled.rule.action for compiled in SETS["narration"].rules} == {"rewrite"}


def test_a_rule_without_danger_says_nothing_unless_the_session_was_at_risk() -> None:
    rules = SETS["action"]
    assert rules(views("just kidding"), "none") == []
    assert [found.signal["id"] for found in rules(views("just kidding"), "check_in")] == ["after_risk"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("tier: crisis", "tier: terrible"), "first_rule"),
        (("tier: crisis", "tier: crisis\n    action: refuse"), "either a tier"),
        (("category: abuse", "category: weather"), "category"),
        (("id: first_rule", "id: First Rule"), "id"),
        (("tier: crisis", "tier: crisis\n    colour: red"), "colour"),
        (("bites']", "bites.*']"), "without a bound"),
        (("bites']", "bites.{3,}']"), "without a bound"),
        (("bites']", "bites.{0,500}']"), "without a bound"),
        (("bites']", "(bites']"), "not valid"),
        (("<animal> bites']", "<plant> bites']"), "no fragment <plant>"),
        (("must: [the cat bites, a dog bites]", "must: []"), "must"),
        (("version: 1", "version: [1"), "YAML"),
    ],
)
def test_a_faulty_file_is_named_with_its_rule(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "action.yaml"
    path.write_text(RULE.replace(*change), encoding="utf-8")
    with pytest.raises(InvalidSetting) as caught:
        load_rules(path)
    assert said in caught.value.cause
    assert caught.value.place.startswith(str(path))
    assert caught.value.cure


def test_a_syntax_error_has_its_line_and_a_missing_file_its_name(tmp_path: Path) -> None:
    path = tmp_path / "action.yaml"
    with pytest.raises(InvalidSetting) as missing:
        load_rules(path)
    assert missing.value.place == str(path)
    path.write_text("gate: action\nrules: [\n", encoding="utf-8")
    with pytest.raises(InvalidSetting) as broken:
        load_rules(path)
    assert re.search(r"action\.yaml:\d+$", broken.value.place)


def test_an_id_is_used_once() -> None:
    file = SETS["action"].file
    with pytest.raises(InvalidSetting, match="twice"):
        RuleSet(RuleFile(gate="action", version=1, fragments=file.fragments, rules=(file.rules[0], file.rules[0])))


def test_an_excuse_acts_on_its_own_place_only(tmp_path: Path) -> None:
    path = tmp_path / "action.yaml"
    path.write_text(RULE.replace("    must:", "    unless: ['cat bites the bread']\n    must:"), encoding="utf-8")
    rules = load_rules(path)
    assert rules(views("the cat bites the bread"), "none") == []
    assert rules(views("the cat bites the bread and the cat bites me"), "none")
    assert rules(views("cat bites the bread " * 40), "none"), "too many excuses hide something"


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        (r"\b(?:hang|drown)(?:ing)? me\b", {"hang", "drown"}),
        (r"suicid(?:e|al)", {"suicid"}),
        (r"(?:\w{1,8} ){0,3}die\b", {"die"}),
        (r"(?:kill){1,2}", {"kill"}),
        (r"\w{2}|die", None),
        (r"不(?:想|愿)活", {"不"}),
        (r"(?:die)?", None),
    ],
)
def test_what_a_pattern_needs_is_read_from_the_pattern(pattern: str, needed: set[str] | None) -> None:
    assert literals_of(pattern) == needed


@pytest.mark.parametrize("name", SETS)
def test_the_filter_hides_no_match(name: str) -> None:
    """Each pattern is found in a text only if the filter lets it be tried there."""
    texts = [
        views(text) for rules in SETS.values() for one in rules.rules for text in one.rule.must + one.rule.must_not
    ]
    for compiled in SETS[name].rules:
        for lazy in compiled.any:
            for text in texts:
                view: str = getattr(text, compiled.rule.view)
                if lazy.literals is not None and lazy.pattern.search(view):
                    assert any(literal in view for literal in lazy.literals)


@pytest.mark.parametrize("name", list(SETS))
def test_every_pattern_compiles(name: str) -> None:
    """They are compiled when they are first tried: here all of them are."""
    assert all(lazy.pattern.pattern == lazy.text for compiled in SETS[name].rules for lazy in compiled.any)


def test_what_is_read_again_is_found_again_and_by_nobody_else() -> None:
    rules, text = load_rules(safety_folder() / "action.yaml"), views("I want to end my life tonight")
    found = rules(text, "none")
    assert found
    assert rules(text, "none") == found
    rules(text, "none").clear()  # whoever was told may do with it what they like
    assert rules(text, "none") == found
    assert rules(views("I want to end my hunt tonight"), "none") == []


def test_what_is_read_again_is_read_with_the_risk_of_its_session() -> None:
    rules, text = load_rules(safety_folder() / "action.yaml"), views("just kidding")
    for _ in range(2):
        assert rules(text, "none") == []
        assert [found.signal["id"] for found in rules(text, "check_in")] == ["after_risk"]


def test_no_more_texts_are_known_than_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.safety.rules.MOST_KNOWN", 3)
    rules = load_rules(safety_folder() / "action.yaml")
    for number in range(50):
        rules(views(f"I count to {number}"), "none")
        assert len(rules._found) <= 3  # pyright: ignore[reportPrivateUsage]
