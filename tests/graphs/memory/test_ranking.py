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


@pytest.mark.parametrize("at", ["2026-01-02T00:00+02:00", "2026-01-02", "long ago", ""])
def test_a_time_of_any_kind_is_borne(at: str) -> None:
    usual = found(2, "A bell rang.")
    assert len(rank("bell", [found(1, "A bell rang.")._replace(at=at), usual], 9, 2)) == 2


def test_a_common_word_of_which_few_are_candidates_is_no_rare_one() -> None:
    zebra, lanterns = found(1, "A zebra."), found(2, "A lantern in the wind.")
    query = "lantern wind zebra"
    assert rank(query, [zebra, lanterns], 900, 1)[0]["number"] == 2
    assert rank(query, [zebra, lanterns], 900, 1, {"lantern": 300, "wind": 300})[0]["number"] == 1
    # Of other lines, too: more than there are turns behind.
    assert [m["score"] >= 0 for m in rank(query, [zebra, lanterns], 9, 2, {"lantern": 300, "wind": 300})] == [
        True,
        True,
    ]


def test_how_often_and_among_how_many_words() -> None:
    twice, once = found(1, "A bell bell rang."), found(2, "A bell tree rang.")
    assert [m["number"] for m in rank("bell", [twice, once], 10_000, 2)] == [1, 2], (
        "a word said twice in a row counts twice"
    )
    short, long = found(1, "A bell."), found(2, "A bell, " + " ".join(f"filler{n}" for n in range(60)))
    assert [m["number"] for m in rank("bell", [short, long], 10_000, 2)] == [1, 2], (
        "a long moment says more of other things"
    )


def test_what_covers_the_question_comes_before_what_repeats_a_word() -> None:
    """Both words are as rare as each other, and by its counts alone the moment that repeats one would win."""
    long = " ".join(f"filler{n}" for n in range(100))
    moments = [found(5, "lamp " * 9), found(50, f"A lamp, a heron, {long}."), found(90, "A heron.")]
    assert rank("heron lamp", moments, 10_000, 1)[0]["number"] == 50


def test_the_turns_beside_lend_their_weight() -> None:
    """Alike, but that one stands beside the turn that answers best: it comes before the later one."""
    moments = [found(10, "The heron stood."), found(11, "A heron, said the keeper."), found(30, "The heron stood.")]
    assert [m["number"] for m in rank("heron keeper", moments, 1000, 2)] == [11, 10]


def test_a_sitting_that_was_much_found_is_believed() -> None:
    talk = [found(n, "We spoke of the heron and the reeds.", at="2026-01-01T10:00:00+00:00") for n in (3, 5, 7)]
    alone = found(50, "We spoke of the heron and the reeds.", at="2026-03-01T10:00:00+00:00")
    assert rank("heron reeds", [*talk, alone], 100, 4)[-1]["number"] == 50


def test_the_person_who_is_named_took_part() -> None:
    moments = [
        found(5, "A word about the boat.", people=("Maren",)),
        found(9, "A word about the boat.", people=("Old Tom",)),
    ]
    assert rank("what did Maren say of the boat", moments, 100, 1)[0]["number"] == 5
    assert rank("what did old Tom say of the boat", moments, 100, 1)[0]["number"] == 9
    both = rank("what did Maren and old Tom say of the boat", moments, 100, 2)
    assert [m["number"] for m in both] == [9, 5], "of equals the later"


def test_a_time_that_is_none_is_no_fault() -> None:
    assert rank("key", [found(1, "The key.", at="once upon a time"), found(2, "A key.", at="")], 3, 2)
