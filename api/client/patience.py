"""How long a server that is away is waited for, and how often it is asked meanwhile."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Waits double from `first_s` to `most_s` seconds, of which a random half is taken off, so that those who lost the same
    server do not come back at once ("equal jitter": AWS Architecture Blog, 2015). `total_s` bounds all waits together
    since something last went well. The last three are for tests.
    """

    first_s: float = 0.25
    most_s: float = 5.0
    total_s: float = 60.0
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def begin(self) -> "Waits":
        return Waits(self)


IMPATIENT = Patience(total_s=0.0)
"""Asks once."""


class Waits:
    """The waits of one request, or of one stream from what it last brought."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self.least_s = 0.0
        """What a stream's `retry:` asks for."""
        self.start_over()

    def start_over(self) -> None:
        """Something went well: what fails next is the first failure again."""
        self._tries, self._since = 0, -1.0

    async def again(self, asked_s: float | None = None) -> bool:
        """Waits for the next try, as long as the server asks for; False where patience ends before that."""
        patience = self._patience
        now = patience.clock()
        self._since = now if self._since < 0 else self._since
        grown = min(patience.most_s, patience.first_s * 2 ** min(self._tries, 30))
        wait = max(grown * (1 - patience.chance() / 2), self.least_s, asked_s or 0.0)
        if now - self._since + wait > patience.total_s:
            return False
        self._tries += 1
        await patience.pause(wait)
        return True
