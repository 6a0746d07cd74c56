"""A small world with one of everything, and a way to play it by its rules alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.story import Beat, Outcome, Value, apply_changes
from agents.world.load import load_text
from agents.world.resolve import resolve
from agents.world.schema import World
from agents.world.view import View, initial_slots

COTTAGE = Path(__file__).parents[2] / "data" / "cottage.yaml"


class Played:
    """A story told by the rules alone: no graph, no store, no model."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slots: dict[str, Value] = {**initial_slots(world), f"{world.start}.visits": 1}
        self.focus: list[str] = []
        self.number = 0
        self.outcome = Outcome(status="done", verb="", beats=[], focus=[])

    def do(self, *actions: str) -> Outcome:
        """Plays the actions; the outcome of the last one."""
        for action in actions:
            self.number += 1
            self.outcome, changes = resolve(self.world, self.slots, action, self.focus, self.number)
            self.slots = apply_changes(self.slots, changes)
            self.focus = self.outcome["focus"]
        return self.outcome

    def beat(self, kind: str) -> Beat:
        """The first beat of that kind in the last outcome."""
        return next(beat for beat in self.outcome["beats"] if beat["kind"] == kind)

    @property
    def kinds(self) -> list[str]:
        return [beat["kind"] for beat in self.outcome["beats"]]

    @property
    def view(self) -> View:
        return View(self.world, self.slots)


@pytest.fixture
def cottage() -> World:
    return load_text(COTTAGE.read_text(), "cottage.yaml").world


@pytest.fixture
def play(cottage: World) -> Callable[..., Played]:
    """Begins a play of the cottage and does the given actions."""

    def begin(*actions: str) -> Played:
        played = Played(cottage)
        played.do(*actions)
        return played

    return begin
