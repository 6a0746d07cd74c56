"""Play over a WebSocket: a message an action, and its events as they come, in the words of the event stream.

A client sends JSON objects: `{"type": "action", "action": "look"}`, `retry`, `resume` (a turn's events after an id), `ping`,
and `cancel` (the turn that is played, or that of a `turn_id`; answered with `cancelled`).
With a login it sends a token as a header, as a subprotocol (`["tta", "bearer.TOKEN"]`), or first of all, within seconds, as
`{"type": "auth", "token": TOKEN}`, which is answered with `welcome`. The token is looked at again with every message.
It gets `{"id", "event", "data", "turn_id", "ref"}`: of each turn `metadata` first and `end` last, as over an event stream.
What is refused is an `error` with a problem, then an `end`; the connection stays. While a turn is told the next message is
taken up already (`api.talk`), so frames of several may alternate: `turn_id` says of which turn one tells, and `ref` which
message it answers, where that had a `ref` (1 to 64 letters, digits, - and _). Either is empty where there is none. A client
that goes away cancels nothing: it connects again and resumes.
"""

import asyncio
import json
import re
from contextlib import suppress
from functools import partial
from typing import Any

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from agents.errors import StoryError, UnknownSession
from api.auth.caller import KEY
from api.auth.policy import admit_later
from api.bodies import hold_message
from api.messages import PlayAuth
from api.problems import find_help, problem
from api.refusals import Unauthorized
from api.schemas import ID_PATTERN
from api.talk import NOT_KNOWN, Talk, frame_of
from api.tolls import Toll, toll_of
from graphs.engine import StoryEngine

SEND_S = 15.0
"""Longest wait for a client to take an event. One that is slower is let go: the turn waits for nobody."""

AUTH_S = 10.0
"""Longest wait for the token of whoever connected without one."""

AUTH_CURE = 'Send {"type": "auth", "token": TOKEN} first.'

TOO_SLOW = TOO_MANY = 1013
"""Try again later (RFC 6455's registry of close codes)."""

router = APIRouter(tags=["turns"])


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
        toll = await toll_of(socket)
        if not await _has_room(socket, toll, session):
            return
        await Talk(socket, session, toll, partial(_send_json, socket)).listen(partial(_next, socket))


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
        await _send_json(socket, frame_of("welcome", {}))
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
    await _send_json(socket, frame_of("error", problem(error, socket.scope)))
    await _send_json(socket, frame_of("end", {}))


async def _next(socket: WebSocket) -> bytes:
    """The next message, as it was sent. Raises WebSocketDisconnect."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    return message["bytes"] if text is None else text.encode("utf-8", "surrogatepass")


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
