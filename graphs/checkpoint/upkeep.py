"""What is done to whole threads, away from turns: copying, pruning, deleting what some runs made."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from graphs.checkpoint.errors import CannotPrune
from graphs.checkpoint.keys import Keys
from graphs.checkpoint.listing import threads
from graphs.checkpoint.scripts import DUMP, FORGET_RUNS, KEEP_LATEST, RESTORE
from graphs.checkpoint.server import Server

BATCH = 500
"""Checkpoints that one script removes: some milliseconds for which Redis serves nobody else."""

AT_ONCE = 32
"""Threads worked on side by side."""

STRATEGIES = ("keep_latest", "delete")


class Upkeep:
    """Every call ends in the same state however often it is broken off and begun again."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server, self._keys = server, keys

    async def copy_thread(self, source: str, target: str, ttl_ms: int) -> None:
        dumped = await self._server.run(DUMP, self._keys.of(source), [])
        if dumped and source != target:
            await self._server.run(RESTORE, self._keys.of(target), [ttl_ms, *dumped])

    async def prune(self, thread_ids: Sequence[str], strategy: str) -> None:
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
        if strategy == "delete":
            await _side_by_side(thread_ids, lambda thread: self._server.unlink(*self._keys.of(thread)))
            return
        refused: list[str] = []

        async def cut(thread: str) -> None:
            while answer := await self._server.run(KEEP_LATEST, self._keys.of(thread), [BATCH]):
                if answer < 0:
                    refused.append(thread)
                    return

        await _side_by_side(thread_ids, cut)
        if refused:
            raise CannotPrune(f"the values of a DeltaChannel live in older checkpoints; left whole: {sorted(refused)}")

    async def delete_for_runs(self, runs: Sequence[str]) -> None:
        if not runs:
            return

        async def forget(thread: str) -> None:
            while await self._server.run(FORGET_RUNS, self._keys.of(thread), [BATCH, *runs]):
                pass

        batch: list[str] = []
        async for thread in threads(self._server, self._keys):
            batch.append(thread)
            if len(batch) == BATCH:
                await _side_by_side(batch, forget)
                batch.clear()
        await _side_by_side(batch, forget)


async def _side_by_side(thread_ids: Sequence[str], do: Callable[[str], Awaitable[None]]) -> None:
    """All of them, AT_ONCE at a time; the first error ends it."""
    for start in range(0, len(thread_ids), AT_ONCE):
        await asyncio.gather(*(do(thread) for thread in thread_ids[start : start + AT_ONCE]))
