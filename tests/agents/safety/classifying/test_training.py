"""Training gives the same bytes each time, and heads that tell apart what they were taught."""

import hashlib
import importlib.util
import os
from collections.abc import Sequence

import pytest

from agents.errors import InvalidSetting
from agents.safety.classifying import library
from agents.safety.classifying.corpus import Example
from agents.safety.classifying.features import Windows, features
from agents.safety.classifying.training import fingerprint, train
from agents.safety.classifying.weights import DIMENSIONS, HEADS, Weights, encode
from agents.safety.rule_file import CATEGORIES


@pytest.fixture(autouse=True)
def _needs_the_extra() -> None:
    """Without the extra `train` these are skipped, unless TTA_REQUIRE_TRAIN=1 makes that a failure."""
    if importlib.util.find_spec("sklearn") is None:
        (pytest.fail if os.environ.get("TTA_REQUIRE_TRAIN") == "1" else pytest.skip)("the extra `train` is missing")


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Any vectors, the same everywhere."""
    digests = [hashlib.sha256(text.encode()).digest() for text in texts]
    return [[(digest[place % 32] - 128) / 2048 for place in range(DIMENSIONS)] for digest in digests]


def corpus() -> list[Example]:
    dangers = [
        Example(f"{category} {word} danger now", (category,), tier, 1.0, "dangers")
        for category in sorted(CATEGORIES)
        for word in ("red", "blue", "green")
        for tier in ("crisis", "check_in")
    ]
    asked = [
        Example(f"{category} {word} asked", (category,), "none", 1.0, "asked")
        for category in ("prompt_injection", "harmful_request")
        for word in ("one", "two", "three")
    ]
    means = [
        Example(f"which {word} way", ("suicide", "asking_means"), "crisis", 1.0, "means")
        for word in ("soft", "hard", "far")
    ]
    play = [Example(f"take the {word} lamp", (), "none", 1.0, "play") for word in ("old", "new", "brass", "small")]
    return [*dangers, *asked, *means, *play]


def made(examples: list[Example]) -> Weights:
    return train(examples, embed, embedder="none", network="", tell=lambda *_: None)


def test_the_same_corpus_gives_the_same_bytes() -> None:
    assert encode(made(corpus())) == encode(made(corpus()))


def test_another_corpus_gives_others_and_says_so() -> None:
    changed = [*corpus(), Example("drop it", (), "none", 1.0, "play")]
    assert encode(made(changed)) != encode(made(corpus()))
    assert fingerprint(changed) != fingerprint(corpus())
    assert fingerprint(corpus()[::-1]) != fingerprint(corpus())


def test_a_word_of_two_examples_is_known() -> None:
    weights = made(corpus())
    assert weights.known_windows(Windows(["xyzzy", "lamp"]))
    for words in ([], ["xyzzy"], ["brass"], ["1", "."]):
        assert not weights.known_windows(Windows(words))


def test_heads_tell_apart_what_they_were_taught() -> None:
    weights = made(corpus())

    def scores(text: str) -> dict[str, float]:
        return weights.add_dense(weights.word_scores(features(text.split())), embed([text])[0])

    danger, play = scores("abuse red danger now"), scores("take the old lamp")
    for head in ("cheap_danger", "crisis", "concern"):
        assert danger[head] > 0 > play[head]
    assert max(sorted(CATEGORIES), key=lambda name: danger[name]) == "abuse"
    assert scores("which soft way")["asking_means"] > 0 > play["asking_means"]
    assert scores("prompt_injection one asked")["prompt_injection"] > 0 > play["prompt_injection"]


def test_cheap_scores_are_those_of_the_words_alone() -> None:
    weights, seen = made(corpus()), features(["red", "danger"])
    assert weights.cheap_scores(seen) == pytest.approx(weights.word_scores(seen)[:2])
    assert [len(dense) for dense in weights.dense] == [0, 0, *[DIMENSIONS] * (len(HEADS) - 2)]


def test_a_corpus_that_lacks_a_kind_is_told() -> None:
    with pytest.raises(InvalidSetting, match="abuse"):
        made([one for one in corpus() if "abuse" not in one.categories])


def test_without_the_extra_it_is_one_line_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(library.importlib, "import_module", missing)
    with pytest.raises(InvalidSetting, match="extra `train`") as caught:
        library.check_libraries()
    assert "uv sync --extra train" in caught.value.cure
