"""How text becomes words, and how found moments are ordered."""

import pytest

from graphs.memory.recall import MAX_TEXT, Found, rank
from graphs.memory.words import MAX_TERMS, query_terms, stem, stems_of, words_of


def found(number: int, text: str, *, at: str = "2026-01-01T12:00:00+00:00", people: tuple[str, ...] = ()) -> Found:
    return Found(f"turn-{number}", number, text, " ".join(stems_of(text)), at, list(people))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The lamp, the KEY!", ["lamp", "key"]),
        ("“Ångström—lantern”", ["angstrom", "lantern"]),
        ("don't you x_y 3rd", ["x", "y", "3rd"]),
        ("鍵はどこ", ["鍵", "は", "ど", "こ"]),
        ("ﬁre Ⅻ", ["fire", "xii"]),
        ("🕯️ \0 \ud800", []),
        ("a" * 100, ["a" * 40]),
    ],
)
def test_words_are_lower_case_and_bare(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_query_keeps_its_longest_words() -> None:
    terms = query_terms("Where is the lantern, the old lantern? " + " ".join(f"w{n}" for n in range(99)))
    assert terms[0] == "lantern"
    assert len(terms) == len(set(terms)) == MAX_TERMS


@pytest.mark.parametrize("words", ["key keys", "carry carries carried", "walk walked walking walks", "stop stopped"])
def test_forms_of_a_word_share_a_stem(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    moments = [found(n, "The lamp burns low.") for n in range(1, 9)] + [found(9, "A heron passed.")]
    best = rank("heron lamp", moments, 100, 3)
    assert best[0]["number"] == 9
    assert best[0]["reason"] == "mentions heron"
    assert [m["number"] for m in best[1:]] == [8, 7]
    assert best[0]["score"] > best[1]["score"] > best[2]["score"] > 0


def test_the_sentence_that_answers_is_told() -> None:
    text = "You take the key.\nlook at the sea\nThe sea is grey. Maren hums. The key is cold in your hand."
    assert rank("maren", [found(1, text)], 1, 1)[0]["text"] == "Maren hums."
    assert rank("key", [found(1, text)], 1, 1)[0]["text"] == "You take the key."
    assert len(rank("word", [found(1, "word " * 300)], 1, 1)[0]["text"]) <= MAX_TEXT + 4


def test_nothing_found_is_nothing_ranked() -> None:
    assert rank("key", [], 0, 4) == []
