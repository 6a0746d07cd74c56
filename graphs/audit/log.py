"""Writing the audit: behind the answer, never in its way, and again where it failed.

What is noted waits in this process until it is written, in order. A write that fails costs nobody an answer: it is counted,
a line of the log says so, and the next one, or the engine's closing, tries it again. Should the room run out, what
weighs least goes first, and is counted too.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from graphs.audit.entries import Noted
from graphs.audit.stream import AuditStream
from graphs.ending import end

MAX_WAITING = 256
"""Entries that wait in a process while the store is gone; a quarter of a megabyte."""

SETTLE_S = 1.0
"""How long a turn that is done waits for its entries."""

CLOSE_S = 3.0
"""How long the engine's closing does."""

_log = logging.getLogger(__name__)


class Audit:
    """The entries of one process that are on their way. No method raises but `settle`, when it is cancelled."""

    def __init__(self, stream: AuditStream, known: Callable[[str], Awaitable[bool]]) -> None:
        """`known` says whether there is such a session; it may raise where nobody can tell."""
        self.stream = stream
        self.failed = 0
        """Writes that have failed in this process."""
        self.lost = 0
        """Entries that this process had no room for."""
        self.owe: Callable[[], None] | None = None
        """Called when the webhook is owed something more; None where there is none."""
        self._known = known
        self._waiting: deque[Noted] = deque()
        self._task: asyncio.Task[None] | None = None
        self._unsaid = {"audit|failed": 0, "audit|lost": 0}

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def note(self, noted: Noted) -> None:
        """Takes an entry; it is written by a task."""
        key = (noted.entry["session"], noted.mark)
        if any((one.entry["session"], one.mark) == key for one in self._waiting):
            return
        self._waiting.append(noted)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.remove(min(self._waiting, key=lambda one: one.level))
            self.lost += 1
            self._unsaid["audit|lost"] += 1
            _log.warning("the safety audit has lost an entry; %d wait", len(self._waiting))
        self.wake()

    def wake(self) -> None:
        """Writes what waits, if anything does."""
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._write_all())

    async def settle(self, wait_s: float | None = None) -> bool:
        """Waits for what is being written, so long (SETTLE_S) at most; whether nothing waits any more."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=SETTLE_S if wait_s is None else wait_s)
        return not self._waiting

    async def close(self) -> None:
        """Writes what waits, if that can be; what cannot be written now is lost with the process."""
        self.wake()
        await self.settle(CLOSE_S)
        if self._task is not None and not self._task.done():
            await end(self._task)
        if self._waiting:
            _log.error("the safety audit ends with %d entries that could not be written", len(self._waiting))

    def forget(self, session: str) -> None:
        """A session is deleted: nothing of it is written any more."""
        self._waiting = deque(one for one in self._waiting if one.entry["session"] != session)

    async def _write_all(self) -> None:
        while self._waiting:
            noted = self._waiting[0]
            try:
                await self._write(noted)
            except Exception as error:  # whatever it is, it is no turn's fault; its text may hold anything
                self.failed += 1
                self._unsaid["audit|failed"] += 1
                _log.warning("the safety audit was not written (%s); %d wait", type(error).__name__, self.waiting)
                return
            with suppress(ValueError):  # it may have been dropped or forgotten meanwhile
                self._waiting.remove(noted)

    async def _write(self, noted: Noted) -> None:
        if noted.entry["session"] and not noted.sure and not await self._known(noted.entry["session"]):
            noted.entry["session"] = ""
        noted.sure = True
        unsaid = {name: count for name, count in self._unsaid.items() if count}
        owed = noted.owed and self.owe is not None
        if not await self.stream.put(noted, owed=owed, counts=unsaid):
            return
        for name, count in unsaid.items():
            self._unsaid[name] -= count
        if owed and self.owe:
            self.owe()
