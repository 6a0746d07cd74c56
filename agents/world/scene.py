"""The scene as a narrator gets it: everything it may speak of, as one JSON block in the prompt.

The block is the whole interface between the rules and the telling: the offline storyteller reads the same rendered
prompt as any language model does.
"""

from collections.abc import Sequence
from typing import NotRequired

from typing_extensions import TypedDict

from agents.characters import Introduced
from agents.story import Beat, GoalState, Outcome
from agents.world.view import View


class Person(TypedDict):
    name: str
    pronoun: str
    wants: str
    gestures: list[str]
    silent: NotRequired[bool]
    """Never speaks aloud; left out for those who do."""


class Way(TypedDict):
    direction: str
    place: NotRequired[str]
    """Named once the player has been there."""
    door: NotRequired[str]
    open: NotRequired[bool]


class Scene(TypedDict):
    """What is true after the action, as far as the player can see it."""

    title: str
    mood: str
    turn: int
    seed: int
    place: str
    where: NotRequired[str]
    """The place after `You are`: `on the landing slip`."""
    visits: int
    textures: list[str]
    """Small true things of the place to tell after the beats; mostly none."""
    exits: list[Way]
    items: list[str]
    carried: list[str]
    people: list[Person]
    goals: list[str]
    beats: list[Beat]
    status: str
    plural: NotRequired[list[str]]
    """Names in the beats that take a plural verb."""
    avoid: NotRequired[list[str]]
    """Topics that the player has asked to leave out."""
    player: NotRequired[Introduced]
    """Whom the player is, in the player's words."""


def build_scene(view: View, outcome: Outcome, *, number: int, seed: int, textures: Sequence[str] = ()) -> Scene:
    """The scene after the changes of the action; bounded by what one place can hold."""
    return Scene(
        title=view.world.title,
        mood=view.world.tone.mood,
        turn=number,
        seed=seed,
        place=view.location.name,
        where=view.whereabouts,
        visits=view.count(view.here, "visits"),
        textures=[*textures],
        exits=[_way(view, direction) for direction in view.exits],
        items=[view.name(key) for key in view.listed_here()][:20],
        carried=[view.name(key) for key in view.inventory],
        people=[_person(view, key, number, seed) for key in view.people],
        goals=[goal.title for key, goal in view.world.goals.items() if not view.get(key, "done")],
        beats=outcome["beats"],
        status=outcome["status"],
        plural=_plural(view, outcome["beats"]),
    )


def _plural(view: View, beats: list[Beat]) -> list[str]:
    names = [name for item in beats for name in [*item.get("names", {}).values(), *item.get("listed", [])]]
    return [name for name in dict.fromkeys(names) if len(name) < _LONGEST_NAME and view.is_plural(name)]


_LONGEST_NAME = 60


def _way(view: View, direction: str) -> Way:
    way = view.exits[direction]
    made = Way(direction=direction)
    if view.count(way.to, "visits"):
        made["place"] = view.world.locations[way.to].name
    if way.door:
        made["door"] = view.name(way.door)
        made["open"] = view.is_open(way.door)
    return made


def _person(view: View, key: str, number: int, seed: int) -> Person:
    character = view.world.characters[key]
    gestures = view.said(character.gestures)
    start = number + seed
    picked = [gestures[(start + i) % len(gestures)] for i in range(min(3, len(gestures)))]
    made = Person(name=character.name, pronoun=character.pronoun, wants=character.wants, gestures=picked)
    if character.silent:
        made["silent"] = True
    return made


def goal_states(view: View) -> list[GoalState]:
    """All goals of the world with whether they are reached."""
    return [
        GoalState(id=key, title=goal.title, done=bool(view.get(key, "done")), optional=goal.optional)
        for key, goal in view.world.goals.items()
    ]
