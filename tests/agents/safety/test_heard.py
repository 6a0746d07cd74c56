"""What was said in earlier turns is read with what is said now: a plan in pieces is found, play in pieces is not."""

import pytest

from agents.safety.heard import FORGET_AFTER, HEARD_CHARS, MAX_HEARD, older, together, with_text
from agents.safety.normalise import Views
from agents.safety.rules import Finding
from agents.safety.screen import Screen
from agents.story import Heard, Tier


def silent(_text: Views, _risk: Tier) -> list[Finding]:
    return []


def pieces(text: Views, _risk: Tier) -> list[Finding]:
    """Keeps a text that has a piece in mind."""
    signal = {"source": "classifier", "id": "heard", "category": "suicide", "confidence": 0.4}
    return [Finding(signal, keep=True)] if "piece" in text.words else []  # type: ignore[arg-type]


def three(text: Views, _risk: Tier) -> list[Finding]:
    """A crisis where three pieces are read together."""
    signal = {"source": "classifier", "id": "together_crisis", "category": "suicide", "confidence": 0.9}
    return [Finding(signal, "crisis")] if text.raw.count("piece") >= 3 else []  # type: ignore[arg-type]


SCREEN = Screen([pieces], [silent], [three])


def play(*actions: str, risk: Tier = "none") -> tuple[list[str], list[Heard]]:
    heard: list[Heard] = []
    tiers: list[str] = []
    for action in actions:
        verdict, heard, _ = SCREEN.screen(action, risk=risk, heard=heard)
        tiers.append(verdict["tier"])
    return tiers, heard


def test_a_plan_told_over_three_turns_is_found_by_the_third() -> None:
    assert play("piece one", "look", "piece two", "go north", "piece three")[0] == [*["none"] * 4, "crisis"]


def test_what_is_found_together_says_so_in_its_signal() -> None:
    heard = [Heard(text="piece one", age=1), Heard(text="piece two", age=0)]
    verdict = SCREEN.screen("piece three", heard=heard).verdict
    assert [signal["id"] for signal in verdict["signals"]] == ["together_crisis"]
    assert verdict["categories"] == ["suicide"]


def test_plain_play_after_the_pieces_is_read_alone() -> None:
    assert play("piece one", "piece two", "look", "look")[0] == ["none"] * 4


def test_the_words_of_somebody_at_risk_are_not_kept() -> None:
    _, heard = play("piece one", "piece two", "piece three")
    assert [one["text"] for one in heard] == ["piece one", "piece two"]


def test_a_text_that_is_only_kept_in_mind_is_no_signal() -> None:
    verdict = SCREEN.screen("piece one").verdict
    assert (verdict["action"], verdict["signals"], verdict["categories"], verdict["signal_level"]) == (
        "allow",
        [],
        [],
        0,
    )


def test_a_retry_says_nothing_twice() -> None:
    assert play("piece one", "piece two", "piece two", "piece two")[0] == ["none"] * 4


def test_it_is_forgotten_after_so_many_actions_and_not_before() -> None:
    play_on = ["look"] * (FORGET_AFTER - 2)
    assert play("piece one", "piece two", *play_on, "piece three")[0][-1] == "crisis"
    assert play("piece one", "piece two", *play_on, "look", "piece three")[0][-1] == "none"


def test_it_is_bounded() -> None:
    heard: list[Heard] = []
    for number in range(9):
        heard = with_text(heard, f"{number}" * 1_000)
    assert [one["text"][0] for one in heard] == ["5", "6", "7", "8"]
    assert len(heard) == MAX_HEARD
    assert {len(one["text"]) for one in heard} == {HEARD_CHARS}


@pytest.mark.parametrize("age", [0, 1, FORGET_AFTER - 1])
def test_each_action_makes_it_older(age: int) -> None:
    assert older([Heard(text="piece", age=age)]) == [Heard(text="piece", age=age + 1)]


def test_together_they_are_one_text_in_order() -> None:
    heard = [Heard(text="one", age=2), Heard(text="two", age=1)]
    assert together(heard, "three") == "one. two. three"
    assert together(heard, "two") == "one. two"


def doubtful(text: Views, _risk: Tier) -> list[Finding]:
    """A rule that knows a denial, and leaves no room."""
    signal = {"source": "rule", "id": "denied", "category": "suicide", "confidence": 0.7}
    return [Finding(signal, "check_in")] if "denied" in text.words else []  # type: ignore[arg-type]


def concerned(_text: Views, _risk: Tier) -> list[Finding]:
    signal = {"source": "classifier", "id": "concern", "category": "suicide", "confidence": 0.6}
    return [Finding(signal, "check_in", keep=True)]  # type: ignore[arg-type]


def test_a_rule_that_knows_a_short_text_says_nothing_of_what_was_said_before_it() -> None:
    screen = Screen([doubtful, pieces], [silent], [three])
    heard = [Heard(text="piece one", age=1), Heard(text="piece two", age=0)]
    assert screen.screen("piece three, denied", heard=heard).verdict["tier"] == "crisis"
    assert screen.screen("piece three, denied").verdict["tier"] == "check_in"


@pytest.mark.parametrize(("risk", "unsure"), [("none", True), ("check_in", True), ("crisis", False)])
def test_after_a_crisis_nobody_is_asked_whether_it_is_one(risk: Tier, unsure: bool) -> None:
    """A judge that failed or let it pass would be less careful than the session's own risk."""
    screened = Screen([concerned], [silent]).screen("anything", risk=risk)
    assert screened.unsure is unsure
    assert screened.verdict["tier"] == ("crisis" if risk == "crisis" else "check_in")
