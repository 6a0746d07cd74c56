"""A sentence that says what the world knows to be false is found; a true one, or an author's, is not."""

from pathlib import Path

import pytest

from agents.narrative.claims import contradiction, known_facts
from agents.story import apply_changes, change
from agents.world.load import load_text
from agents.world.view import View, initial_slots

WORLD = load_text((Path(__file__).parents[2] / "data" / "cottage.yaml").read_text(), "cottage.yaml").world


def facts(*changes: tuple[str, str, object], moved: bool = False, authored: str = "") -> object:
    made = [change(s, r, v, "test") for s, r, v in changes]  # pyright: ignore[reportArgumentType]
    view = View(WORLD, apply_changes(initial_slots(WORLD), made))
    return known_facts(view, moved=moved, authored=[authored])


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("Maren says that the rain will stop.", "speaks:maren"),
        ('"The rain," says Maren.', "speaks:maren"),
        ("You pick up the brass lamp.", "holds:brass lamp"),
        ("You are holding a hand bell.", "holds:hand bell"),
        ("The hand bell lies here.", "present:hand bell"),
        ("Maren stands nearby.", "present:maren"),
        ("The tin box is open.", "open:tin box"),
        ("The tin box is now unlocked.", "locked:tin box"),
        ("You walk north into the rain.", "goes:north"),
        ("You are in the garden now.", "place:garden"),
        ("You have won.", "won:story"),
    ],
)
def test_false_claims_are_found(sentence: str, wrong: str) -> None:
    assert contradiction(sentence, facts()) == wrong  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "sentence",
    [
        "The tin box is closed.",
        "The tin box is locked.",
        "The brass lamp stands on the table.",
        "You think of Maren.",
        'A voice in your memory: "Maren says you pick up the brass lamp."',
        "You look north.",
        "The kettle settles on its ring.",
        "",
    ],
)
def test_true_and_open_sentences_pass(sentence: str) -> None:
    assert contradiction(sentence, facts()) == ""  # pyright: ignore[reportArgumentType]


def test_the_facts_are_those_after_the_action() -> None:
    held = facts(("lamp", "in", "player"), ("player", "in", "garden"), moved=True)
    assert contradiction("You pick up the brass lamp.", held) == ""  # pyright: ignore[reportArgumentType]
    assert contradiction("You walk north.", held) == ""  # pyright: ignore[reportArgumentType]
    assert contradiction("Maren says nothing.", held) == ""  # pyright: ignore[reportArgumentType]


def test_the_authors_words_are_never_judged() -> None:
    told = facts(authored="You pick up the brass lamp.")
    assert contradiction("You pick up the brass lamp.", told) == ""  # pyright: ignore[reportArgumentType]
