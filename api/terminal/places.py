"""Where a sitting stands, as a screen shows it: of a story that is kept here, or of one that a server tells of."""

from typing import TYPE_CHECKING

from agents.world.schema import World
from agents.world.sight import Sight, sight_of
from agents.world.view import View

if TYPE_CHECKING:
    from graphs.memory.shapes import Position


class Place(Sight):
    """What the player sees, and the turn after which. `choices` are actions that could come next."""

    branch: str
    number: int
    choices: list[str]
    paused: bool


def place_in(world: World, position: "Position") -> Place:
    """The place of a branch's last turn."""
    return Place(
        **sight_of(View(world, position["slots"])),
        branch=position["branch"],
        number=position["number"],
        choices=position["choices"],
        paused=position["paused"],
    )
