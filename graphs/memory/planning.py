"""Statements that a server has not planned yet: who asks one first goes ahead, and the others wait for its end.

A database that has just started plans each statement with cold code, seconds of processor time where it later takes
milliseconds, and two that ask the same one at once are planned twice. A dozen players who come back together would so
wait for a dozen times the work that one of them waits for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from agents.errors import StoreUnavailable

_T = TypeVar("_T")

SLOW_S = 1.0
"""A statement that takes so long, of those that take milliseconds, may have met a server that was started anew, behind a
driver that connects again by itself: what had been planned is taken for forgotten."""


class Plans:
    """Which statements one server is known to have planned, as far as this process has seen."""

    def __init__(self) -> None:
        self._planned: set[str] = set()
        self._ahead: dict[str, asyncio.Future[StoreUnavailable | None]] = {}

    async def run(self, statement: str, ask: Callable[[], Awaitable[_T]]) -> _T:
        """What asking comes to. Raises what it raises, and StoreUnavailable where the one that went ahead did: who has
        waited for that need not find it out again.
        """
        while statement not in self._planned and (ahead := self._ahead.get(statement)) is not None:
            await asyncio.wait([ahead])  # who is cancelled here takes nothing away from the others
            if error := ahead.result():
                raise StoreUnavailable(error.cause, cure=error.cure) from error
        if statement in self._planned:
            return await self._timed(statement, ask)
        mine = self._ahead[statement] = asyncio.get_running_loop().create_future()
        try:
            return await self._timed(statement, ask)
        except StoreUnavailable as error:
            mine.set_result(error)
            raise
        finally:
            del self._ahead[statement]
            if not mine.done():
                mine.set_result(None)

    async def _timed(self, statement: str, ask: Callable[[], Awaitable[_T]]) -> _T:
        began = monotonic()
        try:
            answer = await ask()
        except StoreUnavailable:
            self._planned.clear()
            raise
        if monotonic() - began > SLOW_S:
            self._planned.clear()
        self._planned.add(statement)
        return answer
