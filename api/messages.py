"""The shapes of what a client may send over a socket."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from api.schemas import NewTurn, TurnId
from api.shapes import Request


class PlayAction(NewTurn):
    """Over a socket: as the body of a turn."""

    type: Literal["action"]


class PlayRetry(Request):
    """Over a socket: the last action once more."""

    type: Literal["retry"]
    turn_id: TurnId | None = None


class PlayResume(Request):
    """Over a socket: a turn's events from the one after `after`, running or finished."""

    type: Literal["resume"]
    turn_id: TurnId
    after: Annotated[str, Field(max_length=200)] = ""


class PlayPing(Request):
    """Over a socket: answered with `pong`, for clients that cannot see the protocol's own pings."""

    type: Literal["ping"]


class PlayAuth(Request):
    """Over a socket that was connected without one: the token, before anything else."""

    type: Literal["auth"]
    token: Annotated[str, Field(max_length=8192)]


PlayMessage = Annotated[PlayAction | PlayRetry | PlayResume | PlayPing, Field(discriminator="type")]
"""What a client may send over a socket."""

MESSAGE_TYPES = frozenset(
    name
    for model in (PlayAction, PlayRetry, PlayResume, PlayPing, PlayAuth)
    for name in get_args(model.model_fields["type"].annotation)
)
