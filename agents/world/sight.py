"""What a player sees of where a story stands: names and ways out, and nothing that is not found out yet."""

from typing_extensions import TypedDict

from agents.story import GoalState
from agents.world.scene import goal_states
from agents.world.view import View


class Named(TypedDict):
    """A place, a person or a thing."""

    id: str
    name: str


class Way(TypedDict):
    """A way out. `to` is where it leads, by name; empty where the player has not been."""

    direction: str
    to: str


class Sight(TypedDict):
    """The place where the player is. `things` lie there to be seen; `inventory` is in the player's hands."""

    location: Named
    ways: list[Way]
    people: list[Named]
    things: list[Named]
    inventory: list[Named]
    goals: list[GoalState]
    won: bool


def sight_of(view: View) -> Sight:
    """What is seen of the world as it stands."""
    return Sight(
        location=Named(id=view.here, name=view.location.name),
        ways=[Way(direction=d, to=_known(view, way.to)) for d, way in view.exits.items()],
        people=_named(view, view.people),
        things=_named(view, view.listed_here()),
        inventory=_named(view, view.inventory),
        goals=goal_states(view),
        won=view.won,
    )


def _known(view: View, place: str) -> str:
    return view.world.locations[place].name if view.count(place, "visits") else ""


def _named(view: View, keys: list[str]) -> list[Named]:
    return [Named(id=key, name=view.name(key)) for key in keys]
