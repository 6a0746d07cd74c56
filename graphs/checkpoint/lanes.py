"""Calls gathered: what is asked for one thread within one tick of the loop goes to Redis as one script.

LangGraph stores a task's writes and the checkpoint after it in the same breath; so a superstep is one round trip. What
comes while a thread's call is under way waits for its answer and goes next: the order of calls is the order of effects.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from graphs.checkpoint.after import After
from graphs.checkpoint.errors import CheckpointDamaged, StoreUnreachable

Place = Callable[[bytes], int]
"""Puts some bytes among a script's arguments and says where: `lua/apply.lua` gets its structure apart from them."""


@dataclass(eq=False, slots=True)
class PutWrites:
    """A task's writes: name, whether it replaces what is there, bytes, of each; made only if they are sent."""

    ns: str
    checkpoint: str
    entries: Callable[[], Iterator[tuple[str, bool, bytes]]]
    packed: Sequence[tuple[str, bool, bytes]] = ()

    def pack(self) -> None:
        self.packed = list(self.entries())

    def told(self, place: Place) -> list[Any]:
        flat = [part for name, replaces, packed in self.packed for part in (name, replaces, place(packed))]
        return ["w", self.ns, self.checkpoint, flat]


@dataclass(eq=False, slots=True)
class PutCheckpoint:
    """A checkpoint. `fresh` are the bytes of its large values that the store may not have yet."""

    ns: str
    id: str
    parent: str
    record: bytes
    metadata: bytes
    heading: bytes
    goes_on: bool
    """Whether its turn does."""
    fresh: dict[str, bytes]
    supply: Callable[[str], bytes | None]
    """The bytes of a large value by its name, None where it is not this checkpoint's."""
    takes_place: bool = False
    """That of its parent, as far as its writer knows."""
    after: After | None = None
    """How it stands to the head, if it may be the common case."""

    def told(self, place: Place) -> list[Any]:
        packed = (place(self.record), place(self.metadata), place(self.heading))
        flat = [part for value, packed in self.fresh.items() for part in (value, place(packed))]
        return ["p", self.ns, self.id, *packed, flat, self.goes_on, ":" in self.ns]


Call = PutWrites | PutCheckpoint
Send = Callable[[str, list[Call]], Awaitable[list[bytes]]]
"""Sends a thread's calls; answers the names of the large values that the store misses, having changed nothing."""
TryAfter = Callable[[str, PutCheckpoint, After], Awaitable[bool]]
"""Sends one checkpoint as the common case; answers False, having changed nothing, if it is not."""


@dataclass(eq=False, slots=True)
class _Lane:
    """The calls of a thread that wait, and whether somebody is at it: whoever is takes all that wait along.

    Who only wants to know that those before have been made waits without a call.
    """

    waiting: list[tuple[Call | None, asyncio.Future[None]]] = field(
        default_factory=list[tuple[Call | None, asyncio.Future[None]]]
    )
    busy: bool = False


class _OfLoop(dict[str, _Lane]):
    """What is under way in one event loop, by thread."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: set[asyncio.Task[None]] = set()


class Lanes:
    """One lane a thread. A caller that is cancelled takes nothing back: its call goes out with the others."""

    def __init__(self, send: Send, try_after: TryAfter, *, drop_superseded: bool) -> None:
        self._send, self._try_after = send, try_after
        self._drop_superseded = drop_superseded
        self._loops: dict[asyncio.AbstractEventLoop, _OfLoop] = {}

    async def call(self, thread: str, call: Call) -> None:
        """Returns when the call is in the store. Raises what sending raised, with nothing changed.

        A checkpoint goes at once and takes along the writes before it, which wait for the end of the tick.
        """
        loop = asyncio.get_running_loop()
        lanes = self._loops.get(loop)
        if lanes is None:
            lanes = self._enter(loop)
        lane = lanes.get(thread)
        if lane is None:
            lane = lanes[thread] = _Lane()
        done: asyncio.Future[None] = loop.create_future()
        lane.waiting.append((call, done))
        if not lane.busy and isinstance(call, PutCheckpoint):
            lane.busy = True
            try:
                await self._go(thread, lane)
            finally:
                lane.busy = False
                if lane.waiting:
                    # The checkpoint after this one is asked for in the next tick and takes what waits along.
                    loop.call_soon(loop.call_soon, self._hand_on, loop, lanes, thread)
                else:
                    del lanes[thread]
        elif not lane.busy and len(lane.waiting) == 1:
            loop.call_soon(self._hand_on, loop, lanes, thread)
        await done

    async def rest(self, *threads: str) -> None:
        """Returns when what was asked for before has been made, or has failed; without a thread that of all.

        A caller that was cancelled is gone while its call is still to go out: after a deletion, it would undo that.
        """
        loop = asyncio.get_running_loop()
        lanes = self._loops.get(loop, _OfLoop())
        ends: list[asyncio.Future[None]] = []
        for lane in [lanes[thread] for thread in threads or lanes if thread in lanes]:
            ends.append(loop.create_future())
            lane.waiting.append((None, ends[-1]))
        await asyncio.gather(*ends, return_exceptions=True)

    def _enter(self, loop: asyncio.AbstractEventLoop) -> _OfLoop:
        """Loops that have ended took what waited in them along."""
        for ended in [one for one in list(self._loops) if one.is_closed()]:
            self._loops.pop(ended, None)
        return self._loops.setdefault(loop, _OfLoop())

    def _hand_on(self, loop: asyncio.AbstractEventLoop, lanes: _OfLoop, thread: str) -> None:
        """What has come meanwhile, or was left when its caller was cancelled, gets a task of its own."""
        lane = lanes.get(thread)
        if lane is None or lane.busy:
            return
        if not lane.waiting:
            del lanes[thread]
            return
        lane.busy = True
        task = loop.create_task(self._drain(lanes, thread, lane))
        lanes.tasks.add(task)
        task.add_done_callback(partial(_drained, lanes, thread, lane))

    async def _drain(self, lanes: _OfLoop, thread: str, lane: _Lane) -> None:
        while lane.waiting:
            await self._go(thread, lane)
        del lanes[thread]

    async def _go(self, thread: str, lane: _Lane) -> None:
        """All that wait, in one breath."""
        waiting, lane.waiting = lane.waiting, []
        try:
            await self._make(thread, waiting)
        except Exception as error:
            for _, done in waiting:
                _end(done, error)
        except BaseException:
            lane.waiting = waiting + lane.waiting  # cancelled: others go on with it
            raise
        for _, done in waiting:
            _end(done)

    async def _make(self, thread: str, waiting: list[tuple[Call | None, asyncio.Future[None]]]) -> None:
        """Writes that cannot be packed fail alone."""
        calls = [call for call, _ in waiting if call]
        needed = without_superseded(calls) if self._drop_superseded else calls
        if len(needed) == 1 and isinstance(put := needed[0], PutCheckpoint) and put.after:
            if await self._try_after(thread, put, put.after):
                return
            needed = calls  # another writer has moved the head: the parent may stay, with its writes
        sent: list[Call] = []
        left = set(needed)
        for call, done in waiting:
            if call not in left:
                continue
            try:
                if isinstance(call, PutWrites):
                    call.pack()
                sent.append(call)
            except Exception as error:
                _end(done, error)
        if sent:
            await self._send_all(thread, sent)

    async def _send_all(self, thread: str, calls: list[Call]) -> None:
        """A value we took to be stored may be gone by now (pruned, expired): then all is sent again, with it."""
        while missing := await self._send(thread, calls):
            for value in {raw.decode() for raw in missing}:
                offers = [(c, c.supply(value)) for c in calls if isinstance(c, PutCheckpoint)]
                found = [(c, offered) for c, offered in offers if offered is not None]
                if not found:
                    raise CheckpointDamaged("a large value that a checkpoint refers to is gone from the store")
                for call, offered in found:
                    call.fresh[value] = offered


def _drained(lanes: _OfLoop, thread: str, lane: _Lane, task: asyncio.Task[None]) -> None:
    """Tells those who are left where the task was cancelled, be it before its first step."""
    lanes.tasks.discard(task)
    if lanes.get(thread) is lane:
        del lanes[thread]
        for _, done in lane.waiting:
            _end(done, StoreUnreachable("the event loop ended before the call was made"))


def _end(done: "asyncio.Future[None]", error: Exception | None = None) -> None:
    """Tells a caller, who may have gone away."""
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
        done.exception()  # a caller that was cancelled will not look at it


def without_superseded(calls: list[Call]) -> list[Call]:
    """The calls without the writes whose checkpoint gives its place to a later one among them: nobody reads those."""
    gone = {(c.ns, c.parent) for c in calls if isinstance(c, PutCheckpoint) and c.takes_place}
    if not gone:
        return calls
    return [c for c in calls if isinstance(c, PutCheckpoint) or (c.ns, c.checkpoint) not in gone]
