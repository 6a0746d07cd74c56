"""What a text is to the heads: its windows, and the features of each."""

import math
import random

import pytest

from agents.safety.classifying.features import MANY, OVERLAP, WINDOW, Windows, features


def seen(words: list[str]) -> list[tuple[str, ...]]:
    windows = Windows(words)
    return [windows.words(span) for span in windows.spans]


@pytest.mark.parametrize("many", [WINDOW + 1, 3 * WINDOW, MANY, MANY + 1, 3 * MANY + 7])
def test_windows_cover_the_words_of_a_text_and_overlap(many: int) -> None:
    words = [str(number) for number in range(many)]
    cut = seen(words)
    size, shared = (WINDOW, OVERLAP) if many <= MANY else (WINDOW // 2, OVERLAP // 2)
    assert [*cut[0], *(word for part in cut[1:] for word in part[shared:])] == words
    assert {len(part) for part in cut[:-1]} == {size}


def test_a_short_text_is_one_window_and_what_is_repeated_is_seen_once() -> None:
    assert seen([]) == [()]
    assert seen(["a"] * WINDOW) == [("a",) * WINDOW]
    assert len(seen(["a", "b"] * 5_000)) <= 3


@pytest.mark.parametrize("many", [0, 1, 2, WINDOW, WINDOW + 1, MANY + 1])
def test_a_window_has_the_features_of_its_words_alone(many: int) -> None:
    dice = random.Random(many)
    windows = Windows([dice.choice(["the", "lamp", "is", "brass", "."]) for _ in range(many)])
    for span in windows.spans:
        assert sorted(windows.features(span)) == features(windows.words(span))


def test_features_are_a_vector_of_length_one_in_the_order_of_buckets() -> None:
    made = features(["the", "lamp", "is", "the", "lamp"])
    assert math.isclose(sum(weight**2 for _, weight in made), 1)
    assert [bucket for bucket, _ in made] == sorted({bucket for bucket, _ in made})
    assert features(["lamp", "the"]) != features(["the", "lamp"]), "pairs tell the order"
