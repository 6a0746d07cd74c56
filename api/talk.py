"""What is said over one socket: each message is taken up while those before it are told, and answered by itself.

Messages are taken up in their order; a `ping` and a cry for help wait for none. At most `MOST` are under way; one more is
refused, and a client that takes nothing is read no further. Each has a scope of its own, so that the words, the price and
the audit of one are never those of another. Once a message has come it is taken up, though its sender may have left.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import WebSocket
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.types import Scope
from starlette.websockets import WebSocketDisconnect

from agents.errors import StoryError
from agents.story import Turn
from api.acceptance import play, retry
from api.auth.policy import admit_again
from api.bodies import hold_message, kept
from api.intime import in_time
from api.messages import REF, PlayAction, PlayCancel, PlayMessage, PlayPing, PlayResume, PlayRetry
from api.problems import find_help, held, of_validation, problem
from api.refusals import HeldText, TooManyMessages, Unauthorized
from api.streams import read_along
from api.tolls import Toll
from graphs.engine import StoryEngine
from graphs.events import Event

MOST = 8
"""Messages that may be under way at once."""

NOT_KNOWN = 3000
"""Unauthorized (RFC 6455's registry of close codes)."""

Frame = dict[str, Any]
Asked = PlayAction | PlayRetry | PlayResume | PlayCancel | PlayPing

_MESSAGE: TypeAdapter[Asked] = TypeAdapter(PlayMessage)


@dataclass
class Said:
    """One message. `scope` is a copy of the socket's; `turn_id` is known once a turn is."""

    raw: bytes
    scope: Scope
    toll: Toll
    ref: str = ""
    turn_id: str = ""

    def frame(self, event: str, data: dict[str, Any], event_id: str = "") -> Frame:
        return frame_of(event, data, event_id=event_id, turn_id=self.turn_id, ref=self.ref)


@dataclass(frozen=True)
class Begun:
    """A turn to be read along: its task where it runs here, and after which event."""

    task: "asyncio.Task[Turn] | None" = None
    after: str = ""
    again: bool = False


def frame_of(event: str, data: dict[str, Any], *, event_id: str = "", turn_id: str = "", ref: str = "") -> Frame:
    """What is sent. `turn_id`: of which turn it tells; `ref`: which message it answers, where that had one."""
    return {"id": event_id, "event": event, "data": data, "turn_id": turn_id, "ref": ref}


class Talk:
    """The messages of one connection. `send` raises WebSocketDisconnect for who has left, or takes nothing."""

    def __init__(
        self, socket: WebSocket, session: str, toll: Toll, send_frame: Callable[[Frame], Awaitable[None]]
    ) -> None:
        self._engine: StoryEngine = socket.app.state.engine
        self._tasks: set[asyncio.Task[Any]] = socket.app.state.tasks
        self._socket, self._session, self._toll = socket, session, toll
        self._send, self._sending = send_frame, asyncio.Lock()
        self._under_way, self._gone = 0, False
        self._before = asyncio.Event()
        """Set once the message before the next one is taken up."""
        self._before.set()

    async def listen(self, receive: Callable[[], Awaitable[bytes]]) -> None:
        """Until the client leaves, or is let go: what is still told then ends, and what is played goes on."""
        try:
            async with asyncio.TaskGroup() as answers:
                while True:
                    said = self._said(await receive())
                    before, self._before = self._before, asyncio.Event()
                    others, self._under_way = self._under_way, self._under_way + 1
                    # In a task that nobody cancels: who leaves now has said it all the same.
                    taking = asyncio.create_task(self._take_up(said, before, self._before, others=others))
                    self._tasks.add(taking)
                    taking.add_done_callback(self._tasks.discard)
                    if others < 2 * MOST:
                        answers.create_task(self._answer(said, taking))
                    else:
                        await self._answer(said, taking)  # and nothing more is read meanwhile
        except* WebSocketDisconnect:
            pass  # what was still told has nobody to go to

    def _said(self, raw: bytes) -> Said:
        scope = {**self._socket.scope}
        return Said(raw, scope, self._toll.of_message(scope))

    async def _answer(self, said: Said, taking: "asyncio.Task[Begun | Frame | StoryError]") -> None:
        try:
            found = await in_time(said.scope, taking)
            if isinstance(found, Begun):
                found = await self._tell(said, found)
            if isinstance(found, StoryError):
                await self._refuse(said, found)
            elif found is not None:
                await self._put(found)
        finally:
            self._under_way -= 1

    async def _take_up(
        self, said: Said, before: asyncio.Event, taken_up: asyncio.Event, *, others: int
    ) -> "Begun | Frame | StoryError":
        """What comes of a message: a turn, one frame, or what turns it away, with help where its sender needs it."""
        try:
            asked = await self._checked(said)
            if isinstance(asked, PlayPing):
                return said.frame("pong", {})
            full = others >= (2 * MOST if isinstance(asked, PlayCancel) else MOST)
            if full and not await self._at_risk(asked):
                raise TooManyMessages(f"{MOST} messages are under way already", cure="Wait until one has ended.")
            if not before.is_set() and not await self._at_risk(asked):
                await before.wait()
            return await self._begin(said, asked)
        except StoryError as error:
            if error.status < 500:
                await said.toll.give_back()
            if error.help is None:
                error.help = await find_help(said.scope, error)
            return error
        finally:
            # The next one is taken up once this one and all before it are.
            if before.is_set():
                taken_up.set()
            else:
                waiting = asyncio.create_task(_pass_on(before, taken_up))
                self._tasks.add(waiting)
                waiting.add_done_callback(self._tasks.discard)

    async def _checked(self, said: Said) -> Asked:
        """What the message asks for, once it may. Raises what turns it away."""
        hold_message(said.scope, said.raw)
        said.ref = _ref_in(said.raw)
        await said.toll.request()
        await admit_again(said.scope, self._session)
        await held(said.scope, kept(said.scope))
        try:
            return _MESSAGE.validate_json(said.raw)
        except ValidationError as error:
            raise of_validation(RequestValidationError(error.errors())) from None

    async def _at_risk(self, asked: Asked) -> bool:
        return isinstance(asked, PlayAction) and await self._is_heard(asked.action)

    async def _is_heard(self, words: str) -> bool:
        """Whether the screen finds whoever says that at risk."""
        return (await asyncio.to_thread(self._engine.screen.action, words))["tier"] != "none"

    async def _begin(self, said: Said, asked: Asked) -> "Begun | Frame":
        """Raises what turns it away."""
        engine, session = self._engine, self._session
        said.turn_id = getattr(asked, "turn_id", None) or ""
        if isinstance(asked, PlayCancel):
            said.turn_id = await engine.cancel(session, said.turn_id)
            return said.frame("cancelled", {"turn_id": said.turn_id, "status": "cancelled"})
        if isinstance(asked, PlayResume):
            return Begun(after=asked.after)
        if isinstance(asked, PlayRetry):
            whose = b"retry\n"  # no action ends so
            started = await retry(engine, session, turn_id=said.turn_id, said=whose, toll=said.toll)
        else:
            assert isinstance(asked, PlayAction)
            strategy = asked.multitask_strategy
            started = await play(engine, session, asked.action, turn_id=said.turn_id, strategy=strategy, toll=said.toll)
        said.turn_id = started.turn_id
        return Begun(started.task, again=started.again)

    async def _tell(self, said: Said, begun: Begun) -> "Frame | StoryError | None":
        """The turn's events as they come; the last frame, or what turns the reader away."""
        engine, session = self._engine, self._session
        try:
            told = await read_along(
                engine, self._tasks, session, said.turn_id, after=begun.after, task=begun.task, again=begun.again
            )
        except StoryError as error:
            error.help = error.help or await find_help(said.scope, error)
            return error
        if told is None:
            return said.frame("end", {})
        await self._put_all(said, told)
        return None

    async def _put_all(self, said: Said, told: AsyncGenerator[Event]) -> None:
        async with aclosing(told):
            async for event in told:
                await self._put(said.frame(event["kind"], event["data"], event["id"]))

    async def _refuse(self, said: Said, error: StoryError) -> None:
        if isinstance(error, HeldText) and await self._is_heard(said.ref.replace("-", " ").replace("_", " ")):
            said.ref = ""
        closing = isinstance(error, Unauthorized)
        await self._put(said.frame("error", problem(error, said.scope)), said.frame("end", {}), closing=closing)

    async def _put(self, *frames: Frame, closing: bool = False) -> None:
        """Sends them with nothing between; whoever is not known any more is let go. Nothing is sent to who is gone."""
        async with self._sending:
            if self._gone:
                raise WebSocketDisconnect(NOT_KNOWN)
            self._gone = True
            for frame in frames:
                await self._send(frame)
            self._gone = closing
            if closing:
                await self._socket.close(NOT_KNOWN, "Log in again, then connect again.")
                raise WebSocketDisconnect(NOT_KNOWN)


async def _pass_on(before: asyncio.Event, taken_up: asyncio.Event) -> None:
    await before.wait()
    taken_up.set()


def _ref_in(raw: bytes) -> str:
    """What a message calls itself, also where nothing else of it fits."""
    asked: Any = json.loads(raw)  # it was checked as it came
    ref = asked.get("ref") if isinstance(asked, dict) else None
    return ref if isinstance(ref, str) and REF.fullmatch(ref) else ""
