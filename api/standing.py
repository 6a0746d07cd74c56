"""Where a session stands, as a client sees it: what `agents.world.sight` tells, with its branch and turn."""

from typing import Annotated

from pydantic import BaseModel, Field

from agents.story import GoalState


class Thing(BaseModel):
    """A place or an item, by id and name."""

    id: Annotated[str, Field(examples=["lamp_room"])]
    name: Annotated[str, Field(examples=["the lamp room"])]


class WayOut(BaseModel):
    """A way out of a place."""

    direction: Annotated[str, Field(examples=["north"])]
    to: Annotated[str, Field(description="Where it leads; empty where the player has not been.", examples=["the quay"])]


class Standing(BaseModel):
    """Where the active branch of a session stands."""

    branch: Annotated[str, Field(examples=["main"])]
    turn: Annotated[int, Field(ge=0, description="The number of the last turn; 0 at the beginning.", examples=[3])]
    turn_id: Annotated[str, Field(description="The id of the last turn; `root` at the beginning.")]
    location: Thing
    ways: list[WayOut]
    people: Annotated[list[Thing], Field(description="Who is there.")]
    things: Annotated[list[Thing], Field(description="What lies there to be seen.")]
    inventory: list[Thing]
    goals: list[GoalState]
    choices: Annotated[list[str], Field(description="Actions that the player could do next.")]
    won: bool
