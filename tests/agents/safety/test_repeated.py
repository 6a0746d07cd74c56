"""What is said a thousand times is read as if it were said a few times, and hides nothing."""

import pytest

from agents.safety.repeated import KEPT, LONG, PHRASE, said_once
from agents.safety.screen import Screen

SCREEN = Screen.load()
DANGER = "I want to end my life tonight"


@pytest.mark.parametrize(
    "phrase", ["la ", "go north. ", "a\nb\n", "one two three four five six seven eight nine ten\t"]
)
def test_a_phrase_stays_a_few_times_with_what_stands_around_it(phrase: str) -> None:
    read = said_once(f"before {phrase * LONG}behind")
    assert read.startswith(f"before {phrase}")
    assert read.endswith(f"{phrase}behind")
    assert KEPT <= read.count(phrase) <= KEPT + 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  look  ",
        "go north. " * 20,
        " ".join(f"word{number}" for number in range(5_000)),
        " ".join(f"{number % (PHRASE + 40)}" for number in range(5_000)),
    ],
)
def test_what_is_short_or_says_something_each_time_stays_as_it_is(text: str) -> None:
    assert said_once(text) == text


@pytest.mark.parametrize("rest", range(7))
def test_what_stands_behind_a_phrase_that_breaks_off_stands_behind_it_still(rest: int) -> None:
    """Whole phrases go: what is read around the end is what was said there, and no word comes to stand beside another."""
    phrase = ["one ", "two ", "three ", "four ", "five ", "six ", "seven "]
    read = said_once("".join(phrase * LONG + phrase[:rest]) + "END")
    assert read.endswith("".join(phrase * (KEPT - 1) + phrase[:rest]) + "END")


def test_two_phrases_are_each_read() -> None:
    read = said_once("x y " * 1_000 + "now z " * 1_000 + "end")
    assert len(read) < 60
    assert read.index("x y") < read.index("now z") < read.index("end")


@pytest.mark.parametrize("phrase", ["kill the goblin ", "i want to ", "la. ", "go north\n"])
def test_no_phrase_hides_a_cry_for_help(phrase: str) -> None:
    for text in (
        f"{DANGER}. {phrase * 2_000}",
        f"{phrase * 2_000}. {DANGER}",
        f"{phrase * 900}. {DANGER}. {phrase * 900}",
    ):
        assert SCREEN.action(text)["tier"] == "crisis"
    assert SCREEN.action("i want to " * 2_000 + "kill myself tonight")["tier"] == "crisis"
