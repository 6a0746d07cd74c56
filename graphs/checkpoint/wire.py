"""One connection on which calls follow each other without waiting: answers come in the order of the calls.

redis-py's own path through pool, locks, time-outs and stream reader costs three times what the call costs (measured: 0.15
ms against 0.04 ms on a unix socket), and a turn makes nine calls. So a connection that redis-py has opened, logged in
and put on its database is taken from the client's pool and spoken to directly. Whatever goes wrong here is left to
redis-py: the wire is cut, the call is made again through the client, and only what that says is told.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

from graphs.checkpoint.scripts import Reply, Script

try:
    import hiredis
except ImportError:  # redis-py works without it, so does everything here but this module
    hiredis = None

AWAKE_S = 0.001
"""How long the loop stays awake for the answer to a call that is alone. A local server answers within this time. Measured
side by side, with the cut behind the put: a turn of `tta bench checkpoint` took 6 to 12 % less than by turns of the loop
alone; of calls in a loop that does nothing else nothing is gained (0.13 ms each, looked for or slept for)."""

LOOK_S = 0.0001
"""How long it looks at the socket before others get their turn of the loop."""

FIRST_LOOK_S = 0.0002
"""The same where nobody else waits for a turn of the loop: to look at once took 4 to 6 % off a turn of that benchmark."""

NAPS = 15
"""Calls that are slept through after two that took longer than that."""

READ_AT_ONCE = 2**16

_MORE = object()
_NOBODY: deque[object] = deque()

Heed = Callable[[Any], None]
"""What is done with the answer to a command that nobody waits for."""

_yield_core: Callable[[], object] = getattr(os, "sched_yield", lambda: None)
"""The server may wait for the core of the one who waits for it. Not every system has it."""


class WireCut(Exception):
    """The call may or may not have reached Redis. Ask again through the client: every script bears it."""


class Wire(asyncio.Protocol):
    """See the module. Takes over the transport of a connection that stays checked out of its pool."""

    def __init__(self, connection: Any, timeout_s: float) -> None:
        assert hiredis is not None
        transport = cast("asyncio.Transport", connection._writer.transport)  # redis-py has no public way to it
        self.connection = connection
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._waiting: deque[tuple[asyncio.Future[Any] | Heed, float]] = deque()
        self._untold = 0
        self._watch: asyncio.TimerHandle | None = None
        self._transport = transport
        self._timeout_s = timeout_s
        self._last_asked: Sequence[str] = ()
        self._naps_left, self._slow = 0, False
        self._beneath = transport.get_protocol()
        plain = transport.get_extra_info("sslcontext") is None
        self._descriptor: int | None = transport.get_extra_info("socket").fileno() if plain else None
        self.loop = asyncio.get_running_loop()
        transport.set_protocol(self)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Reply:
        """The script's answer. Raises WireCut for any error, that of a script among them."""
        reply = await self._call(b"EVALSHA", script.digest, keys, args)
        if isinstance(reply, Exception) and str(reply).startswith("NOSCRIPT"):
            reply = await self._call(b"EVAL", script.text, keys, args)
        if isinstance(reply, Exception):
            raise WireCut
        return reply

    def tell(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int]) -> None:
        """As `run`, without waiting, without an answer, and without an error."""
        command = (len(keys), *keys, *args)

        def teach(answer: Any) -> None:
            if isinstance(answer, Exception) and str(answer).startswith("NOSCRIPT"):
                self._send_untold((b"EVAL", script.text, *command), lambda _: None)

        self._send_untold((b"EVALSHA", script.digest, *command), teach)

    def _send_untold(self, command: Any, heed: Heed) -> None:
        assert hiredis is not None
        if not self._transport.is_closing():
            message = hiredis.pack_command(command)
            self._untold += 1
            self._send(message, heed)

    async def _call(self, verb: bytes, script: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        assert hiredis is not None
        command: Any = (verb, script, len(keys), *keys, *args)
        message = hiredis.pack_command(command)
        alone = keys == self._last_asked and not self._asked
        self._last_asked = keys
        answer: asyncio.Future[Any] = self.loop.create_future()
        self._send(message, answer)
        try:
            if alone and not self._naps_left and self._descriptor is not None:
                await self._stay_awake(answer, self._descriptor)
            else:
                self._naps_left = max(0, self._naps_left - 1)
            return await answer
        except asyncio.CancelledError:
            answer.cancel()  # nobody will look at it
            raise

    async def ask(self, *commands: Sequence[Any]) -> list[Any]:
        """What Redis replies to commands that go in one breath, errors among it, as it came. Raises WireCut.

        None of them may wait for something to happen: all who come later would wait, too.
        """
        message = b"".join(map(self._packed, commands))
        answers: list[asyncio.Future[Any]] = [self.loop.create_future() for _ in commands]
        self._send(message, *answers)
        try:
            return [await answer for answer in answers]
        except BaseException:
            for answer in answers:  # nobody will look at these
                if not answer.cancel() and not answer.cancelled():
                    answer.exception()
            raise

    def _packed(self, command: Sequence[Any]) -> bytes:
        assert hiredis is not None
        try:
            return hiredis.pack_command(tuple(command))
        except TypeError:  # redis-py knows more kinds of bytes, and says what it does not take
            return b"".join(self.connection.pack_command(*command))

    def _send(self, message: bytes, *answers: "asyncio.Future[Any] | Heed") -> None:
        """Commands, and what becomes of the answer to each. Raises WireCut."""
        if self._transport.is_closing():
            raise WireCut
        now = self.loop.time()
        # Nothing may fail from here on: an answer without its question would be taken for that of the next.
        for answer in answers:
            self._waiting.append((answer, now))
        self._transport.write(message)
        if self._watch is None:
            self._watch = self.loop.call_later(self._timeout_s, self._look)

    async def _stay_awake(self, answer: "asyncio.Future[Any]", descriptor: int) -> None:
        """Looks for the answer instead of sleeping, where the thread that asked last asks again and all others have had
        their turn of the loop: nobody is in a hurry. With many threads at once the loop does not sleep anyway."""
        time = self.loop.time
        asked = time()
        if (
            self._nobody_else_is_ready()
            and self._look_until(asked + FIRST_LOOK_S, answer, descriptor)
            and answer.done()
        ):
            self._slow = False
            return
        while True:
            await asyncio.sleep(0)
            if answer.done() or self._asked != 1:
                break
            until = time() + LOOK_S
            if until > asked + AWAKE_S:
                self._naps_left = NAPS if self._slow else 0  # a server far away, or one that syncs each write
                self._slow = True
                return
            if not self._look_until(until, answer, descriptor):
                return
            if answer.done():
                break
        self._slow = False

    def _look_until(self, until: float, answer: "asyncio.Future[Any]", descriptor: int) -> bool:
        """Reads what has come; false where the transport had better do it."""
        time = self.loop.time
        while not answer.done() and time() < until:
            try:
                data = os.read(descriptor, READ_AT_ONCE)
            except BlockingIOError:
                _yield_core()
                continue
            except OSError:
                return False
            if not data:  # the transport will find the same and tell of it
                return False
            self.data_received(data)
        return True

    def _nobody_else_is_ready(self) -> bool:
        """Whether a turn of the loop would be for nobody. Only asyncio's own loop tells, and not in public."""
        return getattr(self.loop, "_ready", True) == _NOBODY

    @property
    def _asked(self) -> int:
        """How many answers somebody waits for."""
        return len(self._waiting) - self._untold

    def _look(self) -> None:
        """One timer for all calls: the oldest must not have waited longer than it may."""
        self._watch = None
        if not self._waiting:
            return
        left = self._waiting[0][1] + self._timeout_s - self.loop.time()
        if left <= 0:
            self.cut()
        else:
            self._watch = self.loop.call_later(left, self._look)

    def cut(self) -> None:
        """Closes the connection; all who wait are told."""
        with suppress(RuntimeError):  # its loop has ended
            self._transport.abort()
        self._fail()

    def data_received(self, data: bytes) -> None:
        assert hiredis is not None
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _MORE:
                if not isinstance(reply, hiredis.PushNotification):
                    self._answer(reply)
        except (hiredis.HiredisError, IndexError):  # no Redis speaks like that, or none was asked
            self.cut()

    def _answer(self, reply: Any) -> None:
        answer, _ = self._waiting.popleft()
        if callable(answer):
            self._untold -= 1
            answer(reply)
        elif not answer.done():
            answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail()
        self._beneath.connection_lost(exc)  # redis-py waits for this when it closes the connection

    def _fail(self) -> None:
        self._untold = 0
        while self._waiting:
            answer, _ = self._waiting.popleft()
            if not callable(answer) and not answer.done():
                answer.set_exception(WireCut())
