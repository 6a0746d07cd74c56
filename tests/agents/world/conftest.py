"""A small world with one of everything, and a way to play it by its rules alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from told import Played

from agents.story import Beat, Outcome
from agents.world.load import load_text
from agents.world.schema import World

COTTAGE = Path(__file__).parents[2] / "data" / "cottage.yaml"


class Ruled(Played):
    """A play of which a test looks at the rules' own words."""

    def do(self, *actions: str) -> Outcome:
        """Plays the actions; the outcome of the last one."""
        for action in actions:
            self.step(action)
        return self.outcome

    def beat(self, kind: str) -> Beat:
        """The first beat of that kind in the last outcome."""
        return next(beat for beat in self.outcome["beats"] if beat["kind"] == kind)

    @property
    def kinds(self) -> list[str]:
        return [beat["kind"] for beat in self.outcome["beats"]]


@pytest.fixture
def cottage() -> World:
    return load_text(COTTAGE.read_text(), "cottage.yaml").world


@pytest.fixture
def play(cottage: World) -> Callable[..., Ruled]:
    """Begins a play of the cottage and does the given actions."""

    def begin(*actions: str) -> Ruled:
        played = Ruled(cottage)
        played.do(*actions)
        return played

    return begin
