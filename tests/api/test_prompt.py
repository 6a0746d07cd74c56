"""The line at which a player types: what it offers, and what it keeps."""

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from agents.safety.screen import Screen
from agents.world.load import load_world
from agents.world.view import View, initial_slots
from api.terminal.prompt import PrivateHistory, SightCompleter


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("exa", "examine"), ("und", "undo"), ("examine sta", "stained letter"), ("examine bo", "rowing boat")],
)
def test_verbs_come_first_and_names_in_sight_after_them(typed: str, offered: str) -> None:
    world = load_world("winter_light").world
    completer = SightCompleter()
    completer.see(View(world, {**initial_slots(world), f"{world.start}.visits": 1}))
    texts = [found.text for found in completer.get_completions(Document(typed), CompleteEvent())]
    assert any(offered in text for text in texts), texts


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("load ", ["main", "before the storm"]),
        ("load sto", ["before the storm"]),
        ("go ", ["north", "down", "east"]),
        ("ask ", []),
        ("take bra", []),
        ("drop ", ["brass lamp"]),
        ("drop x", []),
        ("res", ["resume"]),
        ("save ma", []),
        ("put brass lamp on oak", ["oak table"]),
    ],
)
def test_what_makes_sense_after_a_verb(typed: str, offered: list[str]) -> None:
    world = load_world(str(Path(__file__).parents[1] / "data" / "cottage.yaml")).world
    completer = SightCompleter()
    slots = {**initial_slots(world), "lamp.in": "player"}
    completer.see(View(world, slots), ["main", "before the storm"])
    assert [found.text for found in completer.get_completions(Document(typed), CompleteEvent())] == offered


def test_people_are_asked_and_not_taken() -> None:
    world = load_world(str(Path(__file__).parents[1] / "data" / "cottage.yaml")).world
    person, character = next(iter(world.characters.items()))
    completer = SightCompleter()
    completer.see(View(world, {**initial_slots(world), f"{person}.in": world.start}))
    texts = {
        typed: [found.text for found in completer.get_completions(Document(typed), CompleteEvent())]
        for typed in ("ask ", "take ")
    }
    assert texts["ask "] == [character.name]
    assert character.name not in texts["take "]


def test_what_was_typed_is_there_at_the_next_sitting_but_for_the_words_of_a_person_at_risk(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = PrivateHistory(str(path), Screen.load())
    history.append_string("look around")
    history.append_string("I want to end my life tonight")
    assert list(PrivateHistory(str(path), Screen.load()).load_history_strings()) == ["look around"]
    assert "tonight" not in path.read_text()
