"""The classifier's corpus: grammars that expand alike everywhere, faults told by their line, and one label a text."""

from pathlib import Path

import pytest

from agents.errors import InvalidSetting
from agents.safety.classifying.borrowed import SETS, is_training
from agents.safety.classifying.corpus import ASKING, MOST, expand, read_corpus
from agents.safety.rule_file import CATEGORIES

CORPUS = read_corpus()

GRAMMAR = """
about: a test
slots: {who: [cat, dog]}
groups:
  - categories: [abuse]
    tier: crisis
    lines: ["the {who} bites", "it bites"]
  - categories: []
    tier: none
    lines: ["the {who} sleeps"]
"""


def written(folder: Path, text: str) -> Path:
    (folder / "one.yaml").write_text(text)
    return folder


def test_slots_are_filled_and_share_a_line_s_weight(tmp_path: Path) -> None:
    read = read_corpus(written(tmp_path, GRAMMAR))
    assert [(one.text, one.tier, one.categories) for one in read] == [
        ("the cat bites", "crisis", ("abuse",)),
        ("the dog bites", "crisis", ("abuse",)),
        ("it bites", "crisis", ("abuse",)),
        ("the cat sleeps", "none", ()),
        ("the dog sleeps", "none", ()),
    ]
    assert [one.weight for one in read[:3]] == [0.707107, 0.707107, 1.0]


def test_of_many_combinations_the_same_few_are_taken() -> None:
    slots = {"a": tuple("abcdefgh"), "b": tuple("ijklmnop")}
    taken = expand("{a} {b}", slots)
    assert len(taken) == len(set(taken)) == MOST
    assert taken == expand("{a} {b}", slots)
    assert expand("{a} {a}", {"a": ("x", "y")}) == ["x x", "x y", "y x", "y y"]


@pytest.mark.parametrize(
    ("was", "becomes", "line", "says"),
    [
        ("tier: crisis", "tier: terrible", 6, "crisis"),
        ("[abuse]", "[anger]", 5, "no such category"),
        ("tier: crisis", "tier: none", 5, "a danger has a tier"),
        ("{who} sleeps", "{what} sleeps", 1, "no slot {what}"),
        ("about: a test", "about: a test\nwhat: else", 3, "Extra"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, was: str, becomes: str, line: int, says: str) -> None:
    with pytest.raises(InvalidSetting, match=says) as caught:
        read_corpus(written(tmp_path, GRAMMAR.replace(was, becomes, 1)))
    path, _, number = caught.value.place.rpartition(":")
    assert path == str(tmp_path / "one.yaml")
    assert abs(int(number) - line) <= 1


@pytest.mark.parametrize("text", ["{", '{"text": "a"}', '{"text": "", "categories": [], "tier": "none"}', "[]"])
def test_a_borrowed_line_that_is_none_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    written(tmp_path, GRAMMAR)
    (tmp_path / "borrowed").mkdir()
    good = '{"text": "go", "categories": [], "tier": "none"}\n'
    (tmp_path / "borrowed" / "set.jsonl").write_text(good + text + "\n")
    with pytest.raises(InvalidSetting) as caught:
        read_corpus(tmp_path)
    assert caught.value.place.endswith("set.jsonl:2")


def test_a_folder_without_a_corpus_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="no corpus"):
        read_corpus(tmp_path)


def test_no_text_is_taught_as_danger_and_as_none() -> None:
    tiers: dict[str, set[str]] = {}
    for one in CORPUS:
        tiers.setdefault(one.text.lower().strip(" .!"), set()).add(one.tier)
    assert [text for text, found in tiers.items() if "none" in found and len(found) > 1] == []


def test_every_kind_is_taught() -> None:
    taught = [category for one in CORPUS for category in one.categories]
    assert all(taught.count(category) >= 300 for category in CATEGORIES | ASKING)
    assert sum(one.tier == "none" for one in CORPUS) > 10_000


def test_nothing_that_is_held_out_is_taught() -> None:
    borrowed = [one for one in CORPUS if one.source in SETS]
    assert len(borrowed) > 5_000
    assert all(is_training(one.text) for one in borrowed)


def test_no_line_that_measures_is_taught() -> None:
    """Those in tests/data/safety were written by others than those who wrote the corpus."""
    import json  # noqa: PLC0415

    measures = {
        json.loads(line).get("text", "").lower().strip(" .!?")
        for path in Path("tests/data/safety").glob("*/*.jsonl")
        for line in path.read_text().splitlines()
    } - {""}
    assert len(measures) > 1_000
    taught = {one.text.lower().strip(" .!?") for one in CORPUS if len(one.text.split()) > 2}
    assert taught & measures == set()
