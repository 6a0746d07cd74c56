"""Listing: ids newest first, page by page, of those whose metadata is as wanted; no checkpoint is read here."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import get_checkpoint_id
from redis.exceptions import RedisClusterException, RedisError

from graphs.checkpoint.codec import Codec
from graphs.checkpoint.errors import translate
from graphs.checkpoint.keys import Keys
from graphs.checkpoint.scripts import NAMESPACES, PAGE
from graphs.checkpoint.server import Server

PAGE_SIZE = 32  # checkpoints a round trip of a listing


class Listing:
    """One listing of a store."""

    def __init__(self, server: Server, keys: Keys, codec: Codec) -> None:
        self._server, self._keys, self._codec = server, keys, codec

    async def pages(
        self, config: RunnableConfig | None, wanted: dict[str, Any] | None, before: RunnableConfig | None
    ) -> AsyncGenerator[tuple[str, str, Sequence[str]]]:
        """Thread, namespace and some ids, again and again; `before` is a checkpoint that all of them are older than."""
        only = get_checkpoint_id(config) if config else None
        bound = get_checkpoint_id(before) if before else None
        async for thread, ns in self._lines(config):
            async for ids in self._ids(thread, ns, only, bound, wanted):
                yield thread, ns, ids

    async def _lines(self, config: RunnableConfig | None) -> AsyncGenerator[tuple[str, str]]:
        """The (thread, namespace) pairs that are asked for."""
        if config is None:
            async for thread in threads(self._server, self._keys):
                async for ns in self._namespaces(thread):
                    yield thread, ns
            return
        configurable = config.get("configurable", {})
        thread, ns = str(configurable["thread_id"]), configurable.get("checkpoint_ns")
        if ns is not None:
            yield thread, ns
            return
        async for ns in self._namespaces(thread):
            yield thread, ns

    async def _namespaces(self, thread: str) -> AsyncGenerator[str]:
        """The thread's namespaces, the root first."""
        after: list[str] = []
        while found := await self._server.run(NAMESPACES, self._keys.of(thread), [*after, PAGE_SIZE]):
            after = [found[-1].decode()]
            for ns in found:
                yield ns.decode()

    async def _ids(
        self, thread: str, ns: str, only: str | None, bound: str | None, wanted: dict[str, Any] | None
    ) -> AsyncGenerator[Sequence[str]]:
        while True:
            args = [ns, bound or "", only or "", PAGE_SIZE, "1" if wanted else "0"]
            page, metadata = await self._server.run(PAGE, self._keys.of(thread), args)
            ids = [found.decode() for found in page]
            yield self._matching(ids, metadata, wanted) if wanted else ids
            if len(ids) < PAGE_SIZE:
                return
            bound = ids[-1]

    def _matching(self, ids: list[str], metadata: Sequence[bytes], wanted: dict[str, Any]) -> list[str]:
        told = [self._codec.unpack(raw) for raw in metadata]
        return [i for i, m in zip(ids, told, strict=True) if all(m.get(k) == v for k, v in wanted.items())]


async def threads(server: Server, keys: Keys) -> AsyncGenerator[str]:
    """The ids of all threads: a SCAN of the whole store, on every primary of a Cluster."""
    try:
        async for key in server.client.scan_iter(match=keys.pattern, count=500):
            yield keys.thread_of(key.decode())
    except (RedisError, RedisClusterException, OSError) as error:
        raise translate(error) from error
