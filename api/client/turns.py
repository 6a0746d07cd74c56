"""Turns of a session: played, read along, queued, stopped, looked back at."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from agents.errors import Conflict
from agents.story import Turn
from api.client.paths import session_path, turn_path
from api.client.streams import EVENTS, SILENCE_S, Committed, Reader, TurnEvent
from api.client.wire import Asked, Wire, post
from api.schemas import QueuedTurn, StoppedTurn, TraceAnswer, TurnPage
from graphs.queueing import Strategy

TURN_S = 120.0
"""Longest wait for a turn as JSON, which sends nothing meanwhile; then it is asked for again under its key."""


class Turns:
    """What `POST`, `GET` and `DELETE` of a session's turns do."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def play(self, session: str, action: str, *, strategy: Strategy = "reject", key: str = "") -> Turn:
        """The turn that the action came to. Sent twice under one key, it is played once."""
        return await self._wire.ask(replace(_action(session, action, strategy, key), wait_s=TURN_S), Turn)

    def stream(
        self, session: str, action: str, *, strategy: Strategy = "reject", key: str = ""
    ) -> AsyncGenerator[TurnEvent]:
        """The turn as it is told: `Begun`, `Sentence`s, `Committed`. Leaving it cancels nothing (`follow` comes back)."""
        return self._read(_action(session, action, strategy, key))

    async def queue(self, session: str, action: str, *, strategy: Strategy = "enqueue", key: str = "") -> QueuedTurn:
        """Accepted and not waited for: `follow` reads it along, `get` finds it when it is over."""
        asked = _action(session, action, strategy, key).with_headers(Prefer="respond-async")
        return await self._wire.ask(asked, QueuedTurn)

    async def retry(self, session: str, *, key: str = "") -> Turn:
        """The last action once more."""
        return await self._wire.ask(post(f"{session_path(session)}/retry", key=key, wait_s=TURN_S), Turn)

    def stream_retry(self, session: str, *, key: str = "") -> AsyncGenerator[TurnEvent]:
        """The last action once more, as it is told."""
        return self._read(post(f"{session_path(session)}/retry", key=key))

    def follow(self, session: str, turn_id: str, *, after: str = "") -> AsyncGenerator[TurnEvent]:
        """The events of a turn that runs, waits or is over, from the one after the event of that id."""
        return self._read(Asked("GET", f"{turn_path(session, turn_id)}/events"), after=after)

    async def wait(self, session: str, turn_id: str) -> Turn:
        """A queued turn, when it is over. Raises what it ended with."""
        async with aclosing(self.follow(session, turn_id)) as events:
            async for event in events:
                if isinstance(event, Committed):
                    return event.turn
        found = await self.get(session, turn_id)
        if isinstance(found, QueuedTurn):
            raise Conflict("The turn has ended without having been told", cure="Ask for it again.")
        return found

    async def get(self, session: str, turn_id: str) -> Turn | QueuedTurn:
        """A turn on whichever branch; a QueuedTurn as long as it is not over."""
        return await self._wire.ask(Asked("GET", turn_path(session, turn_id)), QueuedTurn | Turn)  # pyright: ignore[reportArgumentType, reportReturnType] - a union is a shape, too

    async def list(self, session: str, *, page: int = 50) -> AsyncIterator[Turn]:
        """The turns of the active branch, newest first, however many."""
        before: int | None = None
        while True:
            query: dict[str, Any] = {"limit": page, "before": before}
            found = await self._wire.ask(Asked("GET", f"{session_path(session)}/turns", query=query), TurnPage)
            for turn in found.turns:
                yield turn
            if (before := found.before) is None:
                return

    async def cancel(self, session: str, turn_id: str = "current") -> str:
        """Stops a turn, of which nothing stays; its id."""
        asked = Asked("DELETE", turn_path(session, turn_id), again=False)
        return (await self._wire.ask(asked, StoppedTurn)).turn_id

    async def trace(self, session: str, turn_id: str) -> TraceAnswer:
        """What each node of a turn did; for authors and operators."""
        return await self._wire.ask(Asked("GET", f"{turn_path(session, turn_id)}/trace"), TraceAnswer)

    async def _read(self, first: Asked, *, after: str = "") -> AsyncGenerator[TurnEvent]:
        first = replace(first, wait_s=SILENCE_S).with_headers(Accept=EVENTS)
        async with aclosing(Reader(self._wire, first, after=after).read()) as events:
            async for event in events:
                yield event


def _action(session: str, action: str, strategy: Strategy, key: str) -> Asked:
    return post(f"{session_path(session)}/turns", {"action": action, "multitask_strategy": strategy}, key=key)
