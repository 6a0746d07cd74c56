"""Play over a WebSocket: a message an action, and its events as they come, in the words of the event stream.

A client sends JSON objects: `{"type": "action", "action": "look"}`, `retry`, `resume` (a turn's events after an id), `ping`.
It gets `{"id", "event", "data"}`: of each turn `metadata` first and `end` last, as over `text/event-stream`. What is refused
is an `error` with a problem, then an `end`; the connection stays. Messages are answered one after the other. A client that
goes away cancels nothing: it connects again and resumes.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from fastapi import APIRouter, WebSocket
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect

from agents.errors import StoryError, UnknownSession
from agents.story import Turn
from api.bodies import hold_message, kept
from api.problems import find_help, held, of_validation, problem
from api.schemas import ID_PATTERN, PlayAction, PlayMessage, PlayPing, PlayResume, PlayRetry
from api.streams import end_unfinished, read_along
from graphs.engine import StoryEngine
from graphs.events import Event

SEND_S = 15.0
"""Longest wait for a client to take an event. One that is slower is let go: the turn waits for nobody."""

TOO_SLOW = 1013
"""Try again later (RFC 6455's registry of close codes)."""

router = APIRouter(tags=["turns"])
_MESSAGE: TypeAdapter[PlayAction | PlayRetry | PlayResume | PlayPing] = TypeAdapter(PlayMessage)


@router.websocket("/api/v1/sessions/{session}/play")
async def play(socket: WebSocket, session: str) -> None:
    """Until the client leaves. Raises UnknownSession and StoreError before the connection is one."""
    engine: StoryEngine = socket.app.state.engine
    if not re.fullmatch(ID_PATTERN, session):
        raise UnknownSession("There is no such session")
    await engine.session(session)
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            raw = await _next(socket)
            try:
                await _answer(engine, socket, session, raw)
            except StoryError as error:
                if error.help is None:
                    error.help = await find_help(socket.scope, error)
                await _send(socket, Event(id="", kind="error", data=problem(error, socket.scope)))
                await _send(socket, Event(id="", kind="end", data={}))


async def _next(socket: WebSocket) -> bytes:
    """The next message, as it was sent. Raises WebSocketDisconnect."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    return message["bytes"] if text is None else text.encode("utf-8", "surrogatepass")


async def _answer(engine: StoryEngine, socket: WebSocket, session: str, raw: bytes) -> None:
    """Does what the message asks for. Raises what turns it away."""
    hold_message(socket.scope, raw)
    await held(socket.scope, kept(socket.scope))
    asked = _asked(raw)
    if isinstance(asked, PlayPing):
        await _send_json(socket, {"id": "", "event": "pong", "data": {}})
        return
    turn_id, task, after = await _begun(engine, session, asked)
    told = await read_along(engine, session, turn_id, after=after, task=task)
    if task is None:
        end_unfinished(socket.app.state.tasks, engine, session)
    await _tell(socket, told)


def _asked(raw: bytes) -> PlayAction | PlayRetry | PlayResume | PlayPing:
    """Raises InvalidRequest with each field that does not fit."""
    try:
        return _MESSAGE.validate_json(raw)
    except ValidationError as error:
        raise of_validation(RequestValidationError(error.errors())) from None


async def _begun(
    engine: StoryEngine, session: str, asked: PlayAction | PlayRetry | PlayResume
) -> "tuple[str, asyncio.Task[Turn] | None, str]":
    """The turn to be read along, its task where it runs here, and after which event. Raises what turns it away."""
    if isinstance(asked, PlayResume):
        return asked.turn_id, None, asked.after
    if isinstance(asked, PlayRetry):
        turn_id, task = await engine.start_retry(session, turn_id=asked.turn_id or "")
    else:
        turn_id, task = await engine.start(session, asked.action, turn_id=asked.turn_id or "")
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())  # told in its events
    return turn_id, task, ""


async def _tell(socket: WebSocket, told: AsyncGenerator[Event] | None) -> None:
    if told is None:
        await _send(socket, Event(id="", kind="end", data={}))
        return
    async with aclosing(told):
        async for event in told:
            await _send(socket, event)


async def _send(socket: WebSocket, event: Event) -> None:
    await _send_json(socket, {"id": event["id"], "event": event["kind"], "data": event["data"]})


async def _send_json(socket: WebSocket, frame: dict[str, Any]) -> None:
    """Raises WebSocketDisconnect for a client that has left, or that is let go because it takes nothing."""
    try:
        async with asyncio.timeout(SEND_S):
            await socket.send_text(json.dumps(frame, ensure_ascii=False))
    except TimeoutError:
        with suppress(Exception):
            async with asyncio.timeout(1):
                await socket.close(TOO_SLOW, "Too slow: connect again and resume the turn.")
        raise WebSocketDisconnect(TOO_SLOW) from None
