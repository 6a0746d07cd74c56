"""A turn as server-sent events: `metadata`, `sentence`..., `committed` or `error`, `end`. Ids are `turn_id:sequence`.

The stream only reads along: a client that goes away cancels nothing, and takes it up again with `Last-Event-ID`.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from agents.errors import StoreUnavailable, StoryError, UnknownTurn
from agents.story import Turn
from api.logs import frames
from api.problems import problem
from graphs.ending import end
from graphs.engine import StoryEngine
from graphs.events import Event, error_in, sequence_of

T = TypeVar("T")

PROMPT_S = 2.0
"""How long an answer waits for its first event; then it begins without, so that a slow model looks like no dead server."""

HEARTBEAT_S = 10.0
"""Longest silence: then a comment is sent, so that proxies keep the connection and a dead client is noticed."""

MEDIA_TYPE = "text/event-stream"
_NEVER = re.compile(r"q=0(?:\.0*)?")
HEADERS = {"X-Accel-Buffering": "no"}


def wants_events(accept: str) -> bool:
    """Whether the Accept header asks for events. With `q=0` it says that they are not wanted (RFC 9110, 12.4.2)."""
    asked = (re.sub(r"\s", "", part).lower().split(";") for part in accept.split(","))
    return any(kind == MEDIA_TYPE and not any(map(_NEVER.fullmatch, more)) for kind, *more in asked)


def as_stream(told: AsyncGenerator[Event] | None, session: str, turn_id: str, *, status: int = 200) -> Response:
    """The response of what `read_along` gives; 204, which tells a client not to come back, where nothing is left to read."""
    if told is None:
        return Response(status_code=204)
    headers = {**HEADERS, "Location": f"/api/v1/sessions/{session}/turns/{turn_id}"}
    return StreamingResponse(with_heartbeats(_frames(told)), status, headers, MEDIA_TYPE)


async def read_along(
    engine: StoryEngine,
    tasks: "set[asyncio.Task[None]]",
    session: str,
    turn_id: str,
    *,
    after: str = "",
    task: "asyncio.Task[Turn] | None" = None,
    again: bool = False,
) -> AsyncGenerator[Event] | None:
    """The events of a turn from the one after `after`, `end` last; None where nothing is left to read.

    Raises UnknownSession, UnknownTurn, StoreError before the first event. `task` is the turn's own, where it runs here;
    `again`: it was committed before. A turn whose process died, or died between the commit and the telling, is ended: at
    once where it does not run here, else at the next silence; `tasks` are what the app waits for.
    """
    look = partial(_end_unfinished, tasks, engine, session)
    if task is None or again:
        look()
    events = _from(_watched(engine.events(session, turn_id), look), after)
    coming = asyncio.ensure_future(anext(events, None))
    try:
        await asyncio.wait({coming}, timeout=PROMPT_S)
    except asyncio.CancelledError:
        await end(coming)  # the generator behind it must not run when it is closed
        raise
    if not coming.done():
        return _told([], coming, events, task)
    try:
        first = coming.result()
    except UnknownTurn:
        if task is not None:
            await asyncio.shield(task)  # it failed before anything was out: its error is the answer
        raise
    if first is None:
        return None
    opening = (
        [] if after or first["kind"] == "metadata" else [_metadata(session, turn_id, await engine.session(session))]
    )
    return _told(opening, coming, events, task)


async def _watched(events: AsyncGenerator[Event], look: Callable[[], None]) -> AsyncGenerator[Event]:
    """The events; in each silence somebody looks whether whoever plays the turn has died."""
    async with aclosing(_with_silences(events)) as found:
        async for event in found:
            if event is None:
                look()
            else:
                yield event


def _end_unfinished(tasks: "set[asyncio.Task[None]]", engine: StoryEngine, session: str) -> None:
    recovering = asyncio.create_task(_recover(engine, session))
    tasks.add(recovering)
    recovering.add_done_callback(tasks.discard)


async def _recover(engine: StoryEngine, session: str) -> None:
    """Ends a turn whose process died; where it is running, or cannot be ended now, its stream says what there is."""
    try:
        await engine.recover(session)
    except StoryError:
        return


def _metadata(session: str, turn_id: str, record: Any) -> Event:
    """For a turn whose stream has expired: what it would have begun with, without an id of its own."""
    return Event(id="", kind="metadata", data={"turn_id": turn_id, "session": session, "branch": record["branch"]})


async def _from(events: AsyncGenerator[Event], after: str) -> AsyncGenerator[Event]:
    """The events later than `after`. A turn's stream is short: it is read from its beginning, so it always ends.

    Raises UnknownSession, UnknownTurn, StoreError.
    """
    last = sequence_of(after)
    try:
        async with aclosing(events):
            async for event in events:
                here = sequence_of(event["id"])
                # A sequence of 0 belongs to a stored turn whose stream has expired: its end is news to everybody else.
                if here > last or (here[0] == 0 and last[0] > 0):
                    yield event
    except StoryError:
        raise
    except Exception as fault:
        # The turn goes on; what failed is reading along. What the fault says may quote the story: it is not told.
        structlog.get_logger("tta.api").error("stream", error=type(fault).__name__, frames=frames(fault))
        raise StoreUnavailable("The turn cannot be read along", cure="Take it up again with Last-Event-ID.") from None


async def _told(
    opening: list[Event],
    coming: "asyncio.Future[Event | None]",
    events: AsyncGenerator[Event],
    task: "asyncio.Task[Turn] | None",
) -> AsyncGenerator[Event]:
    """Each event. A fault on the way becomes an `error` event, for the status has long been sent."""
    ended = False
    try:
        async with aclosing(events), aclosing(_chained(coming, events)) as chained:
            for event in opening:
                yield event
            async for event in chained:
                ended = event["kind"] == "end"
                yield _complete(event, task)
    except StoryError as error:
        yield Event(id="", kind="error", data=problem(error))
    if not ended:
        yield Event(id="", kind="end", data={})


async def _frames(told: AsyncGenerator[Event]) -> AsyncGenerator[str]:
    yield "retry: 1000\n\n"
    async with aclosing(told):
        async for event in told:
            yield frame(event)


async def _chained(coming: "asyncio.Future[Event | None]", events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    """The event that is awaited already, and those behind it."""
    try:
        first = await asyncio.shield(coming)
    finally:
        await end(coming)  # the generator behind it must not run when it is closed
    if first is None:
        return
    yield first
    async for event in events:
        yield event


def _complete(event: Event, task: "asyncio.Task[Turn] | None") -> Event:
    """An `error` event as a whole problem: that of the turn's own task where it is ours, else by its code."""
    if event["kind"] != "error":
        return event
    data = event["data"]
    error = task.exception() if task and task.done() and not task.cancelled() else None
    if isinstance(error, StoryError):
        return Event(id=event["id"], kind="error", data=problem(error))
    known = error_in(data)
    return Event(id=event["id"], kind="error", data=problem(known)) if known.code == data.get("code") else event


def frame(event: Event) -> str:
    """One event on the wire. JSON escapes line breaks, so the data is one line."""
    name = f"id: {event['id']}\n" if event["id"] else ""
    return f"{name}event: {event['kind']}\ndata: {json.dumps(event['data'], ensure_ascii=False)}\n\n"


async def with_heartbeats(told: AsyncGenerator[str], every_s: float | None = None) -> AsyncIterator[str]:
    """The frames, with a comment after each silence of `every_s` (default: HEARTBEAT_S)."""
    async with aclosing(_with_silences(told, every_s)) as frames_told:
        async for text in frames_told:
            yield ": still here\n\n" if text is None else text


async def _with_silences(told: AsyncGenerator[T], every_s: float | None = None) -> AsyncGenerator[T | None]:
    """What is told, and None after each silence of so many seconds."""
    silence = HEARTBEAT_S if every_s is None else every_s
    coming = asyncio.ensure_future(anext(told, None))
    try:
        while True:
            await asyncio.wait({coming}, timeout=silence)
            if not coming.done():
                yield None
                continue
            found = coming.result()
            if found is None:
                return
            coming = asyncio.ensure_future(anext(told, None))
            yield found
    finally:
        with suppress(asyncio.CancelledError):
            await end(coming)
        await told.aclose()
