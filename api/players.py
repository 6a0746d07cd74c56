"""The shapes of players."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agents.story import Change, Turn
from api.schemas import ActionText, Preferences
from api.shapes import Changes, Request
from graphs.profiles import StoryProgress


class PlayerChanges(Changes):
    """What can be changed of a player."""

    name: Annotated[str | None, Field(max_length=120, description="What the player is called.")] = None
    preferences: Preferences | None = None


class PlayerAction(Request):
    """What the player does in the session that was played last."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "look around"}]})

    action: ActionText


class PlayerAnswer(BaseModel):
    """A player. `created` and `changed` are empty for who has no profile yet."""

    player: Annotated[str, Field(examples=["ada"])]
    name: str
    preferences: dict[str, Any]
    created: str
    changed: str


class ProgressPage(BaseModel):
    """How far stories have come, those begun last first. `cursor` asks for the next page; null where there is none."""

    stories: list[StoryProgress]
    cursor: str | None


class ActionAnswer(Turn):
    """A turn, and beside it the names that clients of the older TTA know."""

    success: bool
    narrative_update: str
    state_changes: list[Change]
