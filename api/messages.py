"""The shapes of what a client may send over a socket."""

import re
from typing import Annotated, Literal, get_args

from pydantic import Field

from api.schemas import NewTurn, TurnId
from api.shapes import Request

REF = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a client may call a message."""

Ref = Annotated[str, Field(pattern=f"^{REF.pattern}$")]


class PlayAction(NewTurn):
    """Over a socket: as the body of a turn."""

    type: Literal["action"]
    ref: Ref | None = None


class PlayRetry(Request):
    """Over a socket: the last action once more."""

    type: Literal["retry"]
    ref: Ref | None = None
    turn_id: TurnId | None = None


class PlayResume(Request):
    """Over a socket: a turn's events from the one after `after`, running or finished."""

    type: Literal["resume"]
    ref: Ref | None = None
    turn_id: TurnId
    after: Annotated[str, Field(max_length=200)] = ""


class PlayPing(Request):
    """Over a socket: answered with `pong`, for clients that cannot see the protocol's own pings."""

    type: Literal["ping"]
    ref: Ref | None = None


class PlayCancel(Request):
    """Over a socket: stops the turn that is played, or the one of that id, as `DELETE .../turns/{turn_id}` does."""

    type: Literal["cancel"]
    ref: Ref | None = None
    turn_id: TurnId | None = None


class PlayAuth(Request):
    """Over a socket that was connected without one: the token, before anything else."""

    type: Literal["auth"]
    token: Annotated[str, Field(max_length=8192)]


PlayMessage = Annotated[PlayAction | PlayRetry | PlayResume | PlayCancel | PlayPing, Field(discriminator="type")]
"""What a client may send over a socket."""

MESSAGE_TYPES = frozenset(
    name
    for model in (PlayAction, PlayRetry, PlayResume, PlayCancel, PlayPing, PlayAuth)
    for name in get_args(model.model_fields["type"].annotation)
)
