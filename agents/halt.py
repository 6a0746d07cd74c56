"""Somebody wants a turn to stop: what has been told stays, or nothing does.

    interrupt   the narration ends where it is; what happened and was told becomes the turn. If nothing is out, as below
    rollback    nothing of the turn stays

Until its commit begins a turn can be stopped; after that it is too late.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

from agents.errors import TurnCancelled

How = Literal["interrupt", "rollback"]


class Halt:
    """What one turn looks at wherever it may wait for long."""

    def __init__(self) -> None:
        self.asked: How | None = None
        self._late = False
        self._wait: asyncio.Timeout | None = None

    def ask(self, how: How) -> None:
        """The stronger wish counts, whichever comes first. A wait within `within` ends now."""
        if self._late:
            return
        self.asked = "rollback" if "rollback" in (how, self.asked) else how
        if self._wait and not self._wait.expired():
            self._wait.reschedule(asyncio.get_running_loop().time())

    def close(self) -> None:
        """The turn commits: from now on it is too late. Raises TurnCancelled where it is not."""
        if self.asked == "rollback":
            raise cancelled()
        self._late = True

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncGenerator[None]:
        """As `asyncio.timeout`, and TurnCancelled as soon as the turn is to stop. One at a time."""
        if self.asked:
            raise cancelled()
        try:
            async with asyncio.timeout(seconds) as self._wait:
                yield
        except TimeoutError:
            if self.asked:
                raise cancelled() from None
            raise
        finally:
            self._wait = None


def cancelled() -> TurnCancelled:
    return TurnCancelled("The turn was stopped before its end", cure="Send another action.")
