"""Play over a WebSocket: a message an action, and its events as they come, in the words of the event stream.

A client sends JSON objects: `{"type": "action", "action": "look"}`, `retry`, `resume` (a turn's events after an id), `ping`.
With a login it sends a token as a header, as a subprotocol (`["tta", "bearer.TOKEN"]`), or first of all, within seconds, as
`{"type": "auth", "token": TOKEN}`, which is answered with `welcome`. The token is looked at again with every message.
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
from api.auth.caller import KEY
from api.auth.policy import admit_again, admit_later
from api.bodies import hold_message, kept
from api.messages import PlayAction, PlayAuth, PlayMessage, PlayPing, PlayResume, PlayRetry
from api.problems import find_help, held, of_validation, problem
from api.refusals import Unauthorized
from api.schemas import ID_PATTERN
from api.streams import end_unfinished, read_along
from api.tolls import Toll, toll_of
from graphs.engine import StoryEngine
from graphs.events import Event
from graphs.metering import Permit

SEND_S = 15.0
"""Longest wait for a client to take an event. One that is slower is let go: the turn waits for nobody."""

AUTH_S = 10.0
"""Longest wait for the token of whoever connected without one."""

AUTH_CURE = 'Send {"type": "auth", "token": TOKEN} first.'

NOT_KNOWN = 3000
"""Unauthorized (in the same registry)."""

TOO_SLOW = TOO_MANY = 1013
"""Try again later (RFC 6455's registry of close codes)."""

router = APIRouter(tags=["turns"])
_MESSAGE: TypeAdapter[PlayAction | PlayRetry | PlayResume | PlayPing] = TypeAdapter(PlayMessage)


@router.websocket("/api/v1/sessions/{session}/play")
async def play(socket: WebSocket, session: str) -> None:
    """Until the client leaves. Raises UnknownSession and StoreError before the connection is one."""
    engine: StoryEngine = socket.app.state.engine
    if not re.fullmatch(ID_PATTERN, session):
        raise UnknownSession("There is no such session")
    known = KEY in socket.scope
    if known:  # to whoever is not, nothing is told of a session
        await engine.session(session)
    await socket.accept("tta" if "tta" in socket.scope.get("subprotocols", ()) else None)
    with suppress(WebSocketDisconnect):
        if not known and not await _welcomed(socket, session):
            return
        toll = toll_of(socket)
        if not await _has_room(socket, toll, session):
            return
        while True:
            raw = await _next(socket)
            try:
                await _answer(engine, socket, session, raw, toll)
            except StoryError as error:
                await _refuse(socket, error)
                if isinstance(error, Unauthorized):
                    await socket.close(NOT_KNOWN, "Log in again, then connect again.")
                    return


async def _welcomed(socket: WebSocket, session: str) -> bool:
    """Whether the first message let its sender in. Who sends none, or another one, is let go."""
    try:
        async with asyncio.timeout(AUTH_S):
            raw = await _next(socket)
        hold_message(socket.scope, raw)
        try:
            asked = PlayAuth.model_validate_json(raw)
        except ValidationError:
            raise Unauthorized("The first message must be the token", cure=AUTH_CURE) from None
        await admit_later(socket.scope, asked.token, session)
        await socket.app.state.engine.session(session)
        await _send_json(socket, {"id": "", "event": "welcome", "data": {}})
        return True
    except TimeoutError:
        await socket.close(NOT_KNOWN, "The token did not come.")
    except StoryError as error:
        await _refuse(socket, error)
        await socket.close(NOT_KNOWN, "That lets nobody in.")
    return False


async def _has_room(socket: WebSocket, toll: Toll, session: str) -> bool:
    """Whether the player may have one more connection. If not, what is said first is read before that is: it may be a
    call for help.
    """
    try:
        await toll.stream(await socket.app.state.engine.session(session))
        return True
    except StoryError as error:
        with suppress(TimeoutError, StoryError):
            async with asyncio.timeout(AUTH_S):
                hold_message(socket.scope, await _next(socket))
        await _refuse(socket, error)
        await socket.close(TOO_MANY, "Close another connection first.")
        return False


async def _refuse(socket: WebSocket, error: StoryError) -> None:
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


async def _answer(engine: StoryEngine, socket: WebSocket, session: str, raw: bytes, toll: Toll) -> None:
    """Does what the message asks for. Raises what turns it away."""
    hold_message(socket.scope, raw)
    await toll.request()
    await admit_again(socket.scope, session)
    await held(socket.scope, kept(socket.scope))
    asked = _asked(raw)
    if isinstance(asked, PlayPing):
        await _send_json(socket, {"id": "", "event": "pong", "data": {}})
        return
    turn_id, task, after = await _begun(engine, session, asked, toll.turn)
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
    engine: StoryEngine, session: str, asked: PlayAction | PlayRetry | PlayResume, permit: Permit
) -> "tuple[str, asyncio.Task[Turn] | None, str]":
    """The turn to be read along, its task where it runs here, and after which event. Raises what turns it away."""
    if isinstance(asked, PlayResume):
        return asked.turn_id, None, asked.after
    if isinstance(asked, PlayRetry):
        turn_id, task = await engine.start_retry(session, turn_id=asked.turn_id or "", permit=permit)
    else:
        strategy = asked.multitask_strategy
        turn_id, task = await engine.send(
            session, asked.action, turn_id=asked.turn_id or "", strategy=strategy, permit=permit
        )
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
