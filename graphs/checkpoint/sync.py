"""The synchronous half: the same calls, driven on the loop that the saver lives in.

A saver made inside a running loop lives there, and graphs driven with `invoke` call it from other threads. One made
elsewhere gets a loop on a daemon thread of its own at its first synchronous call.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

_T = TypeVar("_T")


class SyncHalf(BaseCheckpointSaver[str]):
    """`get_tuple`, `list`, `put` and the rest. Each raises RuntimeError on the loop's own thread, which it would block."""

    def __init__(self, *, serde: SerializerProtocol) -> None:
        super().__init__(serde=serde)
        self._home = _Home()

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `aget_tuple`."""
        return self._home.drive(lambda: self.aget_tuple(config), "aget_tuple")

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """As `alist`; each checkpoint is fetched when it is asked for, a page ahead at most."""
        found = aiter(self.alist(config, filter=filter, before=before, limit=limit))
        while (stored := self._home.drive(lambda: _next(found), "alist")) is not None:
            yield stored

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `aput`."""
        return self._home.drive(lambda: self.aput(config, checkpoint, metadata, new_versions), "aput")

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As `aput_writes`."""
        self._home.drive(lambda: self.aput_writes(config, writes, task_id, task_path), "aput_writes")

    def delete_thread(self, thread_id: str) -> None:
        """As `adelete_thread`."""
        self._home.drive(lambda: self.adelete_thread(thread_id), "adelete_thread")

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As `adelete_for_runs`."""
        self._home.drive(lambda: self.adelete_for_runs(run_ids), "adelete_for_runs")

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As `acopy_thread`."""
        self._home.drive(lambda: self.acopy_thread(source_thread_id, target_thread_id), "acopy_thread")

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As `aprune`."""
        self._home.drive(lambda: self.aprune(thread_ids, strategy=strategy), "aprune")


class _Home:
    """The loop that a saver lives in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop = _running()

    def drive(self, make: Callable[[], Awaitable[_T]], instead: str) -> _T:
        """Run the coroutine on the loop and wait for it."""
        if (running := _running()) is not None and (self._loop is None or running is self._loop):
            raise RuntimeError(
                f"a synchronous call of RedisSaver on its loop's own thread would block that loop for ever: "
                f"await {instead}(), or drive the graph with ainvoke or astream"
            )
        return asyncio.run_coroutine_threadsafe(_as_coroutine(make()), self._live_loop()).result()

    def _live_loop(self) -> asyncio.AbstractEventLoop:
        """The loop it was made in while that runs, else one of its own."""
        with self._lock:
            if self._loop is not None and self._loop.is_running():
                return self._loop
            started = threading.Event()
            self._loop = loop = asyncio.new_event_loop()
            loop.call_soon(started.set)
            threading.Thread(target=loop.run_forever, name="RedisSaver", daemon=True).start()
        started.wait()
        return loop


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _as_coroutine(awaited: Awaitable[_T]) -> _T:
    return await awaited


async def _next(found: AsyncIterator[CheckpointTuple]) -> CheckpointTuple | None:
    return await anext(found, None)
