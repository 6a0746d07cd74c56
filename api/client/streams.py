"""A turn read along, however often the connection breaks: every event once, in order, until the turn's end."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import TypeAdapter, ValidationError

from agents.errors import StoreUnavailable, StoryError
from agents.story import Turn
from api.client.errors import ForeignAnswer, ServerGone, error_from, not_ours
from api.client.frames import Frame, Frames
from api.client.patience import Waits
from api.client.wire import Asked, Wire

EVENTS = "text/event-stream"
SILENCE_S = 30.0
"""Longest silence of a stream, three heartbeats of the server's (`api.streams.HEARTBEAT_S`): then it is taken up anew."""


@dataclass(frozen=True)
class Begun:
    """The turn has begun: first of all."""

    turn_id: str
    session: str
    branch: str
    id: str = ""


@dataclass(frozen=True)
class Sentence:
    """A sentence that was checked and is told; provisional until `Committed`."""

    text: str = field(repr=False)
    id: str = ""


@dataclass(frozen=True)
class Committed:
    """The turn as it is kept: last of all."""

    turn: Turn = field(repr=False)
    id: str = ""


TurnEvent = Begun | Sentence | Committed


class _Cut(Exception):
    """The stream broke off, for that reason."""

    def __init__(self, reason: StoryError) -> None:
        self.reason = reason


class Reader:
    """One turn's stream and how far it was read."""

    def __init__(self, wire: Wire, first: Asked, *, after: str = "") -> None:
        self._wire = wire
        self._first = first
        """What begins it: sent again as it is until the server has said where the turn is."""
        self._events = "" if first.method == "POST" else first.path
        self._last = after
        self._seen: set[str] = set()
        self._begun = bool(after)
        self._committed = False

    async def read(self) -> AsyncGenerator[TurnEvent]:
        """The events. Raises what the turn ended with, and ServerGone or ServerSilent when patience has ended."""
        waits = self._wire.patience.begin()
        while True:
            try:
                async with aclosing(self._connection(waits)) as events:
                    async for event in events:
                        yield event
                return
            except _Cut as cut:
                if not await waits.again():
                    raise cut.reason from None

    async def _connection(self, waits: Waits) -> AsyncGenerator[TurnEvent]:
        """The events of one connection, to the turn's end. Raises _Cut where it breaks before."""
        asked = Asked("GET", self._events) if self._events else self._first
        asked = asked.with_headers(Accept=EVENTS, Last_Event_ID=self._last)
        async with self._wire.opened(asked) as response:
            if response.status_code == HTTPStatus.NO_CONTENT:
                return  # nothing is left to read
            if not response.headers.get("content-type", "").startswith(EVENTS):
                raise not_ours(response)
            if place := response.headers.get("location", ""):
                self._events = f"{httpx.URL(place).path}/events"
            frames = Frames()
            try:
                async for chunk in response.aiter_bytes():
                    for frame in frames.feed(chunk):
                        if frame.retry_ms is not None:
                            waits.least_s = frame.retry_ms / 1000
                        if not frame.data and frame.retry_ms is None:
                            waits.start_over()  # a heartbeat: the server is there
                        if self._is_end(frame):
                            return
                        if event := self._event(frame):
                            waits.start_over()
                            yield event
            except httpx.HTTPError:
                pass  # broken in its midst or ended before its end: the same
        raise _Cut(ServerGone("The turn's stream broke off", cure="The turn goes on: look at the session."))

    def _is_end(self, frame: Frame) -> bool:
        return frame.kind == "end"

    def _event(self, frame: Frame) -> TurnEvent | None:
        """The event that a frame tells, if it is news. Raises what the turn ended with, or _Cut."""
        if not frame.data or frame.id in self._seen:
            return None
        data = _object(frame)
        if frame.kind == "error":
            error = error_from(data)
            if not frame.id and isinstance(error, StoreUnavailable) and not error.help:
                raise _Cut(error)  # reading along failed, and the turn goes on
            raise error
        event = self._told(frame, data)
        if frame.id:
            self._seen.add(frame.id)
            self._last = frame.id
        return event

    def _told(self, frame: Frame, data: dict[str, Any]) -> TurnEvent | None:
        if frame.kind == "metadata":
            begun, self._begun = self._begun, True  # one without an id comes anew with every connection
            names = (str(data.get(name, "")) for name in ("turn_id", "session", "branch"))
            return None if begun else Begun(*names, id=frame.id)
        if frame.kind == "sentence":
            return Sentence(str(data.get("text", "")), frame.id)
        if frame.kind == "committed":
            # Once its stream has expired, a turn's end comes under another id.
            committed, self._committed = self._committed, True
            return None if committed else Committed(_turn(data.get("turn")), frame.id)
        return None  # a kind that a newer server has


_TURN: TypeAdapter[Turn] = TypeAdapter(Turn)


def _turn(data: Any) -> Turn:
    with suppress(ValidationError):
        return _TURN.validate_python(data)
    raise ForeignAnswer("The server tells a turn that is none", cure="Is it as new as this client?")


def _object(frame: Frame) -> dict[str, Any]:
    with suppress(json.JSONDecodeError, RecursionError):
        found = json.loads(frame.data)
        if isinstance(found, dict):
            return found
    raise ForeignAnswer("The server tells an event that is none", cure="Is it as new as this client?")
