"""RedisSaver: LangGraph's checkpoints in a Redis that has nothing but core commands. See `graphs.checkpoint.keys`."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import ormsgpack
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from graphs.checkpoint.codec import (
    CheckpointDamaged,
    Held,
    Stored,
    pack,
    pack_checkpoint,
    pack_write,
    sort_values,
    unpack,
    unpack_stored,
)
from graphs.checkpoint.keys import Keys, below, name, split
from graphs.checkpoint.scripts import PAGE, PUT, PUT_WRITES, READ, Reply, Script
from graphs.checkpoint.sync import AsyncOnly

PAGE_SIZE = 32  # checkpoints a round trip of a listing
LINES_REMEMBERED = 256  # each the small values of one checkpoint: some kilobytes

_next_version = InMemorySaver().get_next_version


class RedisSaver(AsyncOnly):
    """Checkpoints over a borrowed client, which is never closed here and must not decode its replies.

    `prefix` begins every key. `ttl` (seconds) is set anew for the whole thread by each write, never by a read; None
    leaves an expiry alone. `keep` is how many checkpoints each namespace of a thread keeps, the newest by id; older
    ones go at the next put, with their pending writes and the values that no other checkpoint refers to. `serde` is
    LangGraph's msgpack without foreign types unless given: data never names code to run.

    Each call is one script, whole or not at all, and one round trip; a listing takes two a page. A put costs
    O(channels + large values), whatever the thread's length. Errors of the client (`redis.exceptions`) pass through
    with the store as it was; CheckpointDamaged tells of a value that somebody removed. Async only as yet.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = "tta",
        ttl: float | None = None,
        keep: int | None = None,
        serde: SerializerProtocol | None = None,
    ) -> None:
        if client.get_encoder().decode_responses:
            raise ValueError("RedisSaver stores bytes: give it a client with decode_responses=False")
        if ttl is not None and ttl <= 0:
            raise ValueError(f"ttl must be some seconds or None, not {ttl}")
        if keep is not None and keep < 1:
            raise ValueError(f"keep must be at least 1 or None, not {keep}")
        super().__init__(serde=serde or JsonPlusSerializer(allowed_msgpack_modules=None))
        self._client = client
        self._keys = Keys(prefix)
        self._ttl_ms = round(ttl * 1000) if ttl else 0
        self._keep = keep or 0
        self._lines: OrderedDict[tuple[str, str], Mapping[str, Held]] = OrderedDict()

    @classmethod
    @asynccontextmanager
    async def from_url(
        cls,
        url: str,
        *,
        prefix: str = "tta",
        ttl: float | None = None,
        keep: int | None = None,
        serde: SerializerProtocol | None = None,
    ) -> AsyncGenerator["RedisSaver"]:
        """A saver with a client of its own, closed at the end. `redis://`, `rediss://` or `unix://`."""
        async with Redis.from_url(url) as client:
            yield cls(client, prefix=prefix, ttl=ttl, keep=keep, serde=serde)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that `config` names, or the newest of its namespace, with its pending writes."""
        thread, ns = _line(config)
        checkpoint_id = get_checkpoint_id(config)
        found = await self._read(thread, ns, [checkpoint_id] if checkpoint_id else [])
        if not found:
            return None
        self._remember(thread, ns, found[0].held)
        return _as_tuple(thread, ns, found[0])

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Checkpoints newest first, namespace by namespace; each page of 32 takes two round trips.

        `filter` compares metadata for equality, without reading the checkpoints that it drops. Without a config all
        threads are listed, which scans the whole store.
        """
        left = limit
        async for thread, ns in self._lines_of(config):
            async for ids in self._pages(thread, ns, config, filter, before):
                asked = ids if left is None else ids[: max(0, left)]
                for stored in await self._read(thread, ns, asked) if asked else ():
                    yield _as_tuple(thread, ns, stored)
                if left is not None and (left := left - len(asked)) <= 0:
                    return

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint; again with the same id replaces it. `checkpoint` holds all its channels' values."""
        thread, ns = _line(config)
        known = self._lines.get((thread, ns), {})
        values = sort_values(self.serde, ns, checkpoint, new_versions, known)
        head = (
            ns,
            checkpoint["id"],
            pack_checkpoint(self.serde, checkpoint, get_checkpoint_id(config), values.small),
            pack(self.serde, get_checkpoint_metadata(config, metadata)),
            ormsgpack.packb(list(values.refs)),
            self._ttl_ms,
            self._keep,
        )
        name(ns, checkpoint["id"])  # refuses NUL
        fresh = values.fresh
        # A value we took to be stored may be gone by now (pruned, expired, another thread's): the script then names it
        # and changes nothing, and we send it along.
        while missing := await self._run(PUT, thread, *head, *(part for pair in fresh.items() for part in pair)):
            fresh = fresh | {ref.decode(): self._again(checkpoint, values.refs[ref.decode()]) for ref in missing}
        self._remember(thread, ns, values.held)
        return _config(thread, ns, checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, before its checkpoint or after it. Repeated, only special writes are replaced."""
        if not writes:
            return
        thread, ns = _line(config)
        checkpoint_id: str = _configurable(config)["checkpoint_id"]
        args: list[str | bytes] = []
        for position, (channel, value) in enumerate(writes):
            index = WRITES_IDX_MAP.get(channel, position)
            args.append(name("w", ns, checkpoint_id, task_id, str(index)))
            args.append("1" if index < 0 else "0")
            args.append(pack_write(self.serde, (task_id, task_path, index), channel, value))
        await self._run(PUT_WRITES, thread, self._ttl_ms, *args)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete all of the thread, in every namespace; the memory is freed in the background."""
        for line in [line for line in self._lines if line[0] == str(thread_id)]:
            del self._lines[line]
        await self._client.unlink(*self._keys.of(str(thread_id)))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """A version after `current` that no other writer makes, padded so that versions sort as text."""
        return _next_version(current, channel)

    async def _run(self, script: Script, thread: str, *args: str | bytes | int) -> Reply:
        """Run a script on the thread's keys, teaching it to a server that does not know it."""
        keys = self._keys.of(thread)
        try:
            return await self._client.evalsha(script.digest, len(keys), *keys, *args)
        except NoScriptError:
            return await self._client.eval(script.text, len(keys), *keys, *args)

    async def _read(self, thread: str, ns: str, ids: Sequence[str]) -> Sequence[Stored]:
        """The checkpoints with these ids, those that exist, in this order; the newest if no id is given."""
        return [unpack_stored(self.serde, reply) for reply in await self._run(READ, thread, ns, *ids)]

    async def _lines_of(self, config: RunnableConfig | None) -> AsyncGenerator[tuple[str, str]]:
        """The (thread, namespace) pairs that a listing asks for."""
        if config is None:
            async for key in self._client.scan_iter(match=self._keys.pattern, count=500):
                thread = self._keys.thread_of(key.decode())
                async for ns in self._namespaces(thread):
                    yield thread, ns
            return
        thread, ns = str(_configurable(config)["thread_id"]), _configurable(config).get("checkpoint_ns")
        if ns is not None:
            yield thread, ns
            return
        async for ns in self._namespaces(thread):
            yield thread, ns

    async def _namespaces(self, thread: str) -> AsyncGenerator[str]:
        """The thread's namespaces, the root first: one round trip each, straight to the next by its name."""
        names, low = self._keys.of(thread)[0], "[c\0"
        while found := await self._client.zrange(names, low, "(c\1", bylex=True, offset=0, num=1):
            ns = split(cast("bytes", found[0]))[1]
            yield ns
            low = below("c", ns)[1]

    async def _pages(
        self,
        thread: str,
        ns: str,
        config: RunnableConfig | None,
        wanted: dict[str, Any] | None,
        before: RunnableConfig | None,
    ) -> AsyncGenerator[Sequence[str]]:
        """Ids newest first, a page at a time, of those whose metadata is as wanted."""
        only = get_checkpoint_id(config) if config else None
        bound = get_checkpoint_id(before) if before else None
        low, high = below("c", ns)
        if only:
            low, high = f"[{name('c', ns, only)}", f"[{name('c', ns, only)}"
        if bound and (not only or only >= bound):
            high = f"({name('c', ns, bound)}"
        while True:
            page, metadata = await self._run(PAGE, thread, high, low, PAGE_SIZE, "1" if wanted else "0")
            ids = [split(found)[2] for found in page]
            if wanted:
                told = [unpack(self.serde, packed) for packed in metadata]
                yield [i for i, m in zip(ids, told, strict=True) if all(m.get(k) == v for k, v in wanted.items())]
            else:
                yield ids
            if len(ids) < PAGE_SIZE:
                return
            high = f"({name('c', ns, ids[-1])}"

    def _again(self, checkpoint: Checkpoint, channel: str) -> bytes:
        if channel not in checkpoint["channel_values"]:
            raise CheckpointDamaged(f"the value of {channel!r} is gone and checkpoint {checkpoint['id']} lacks it")
        return pack(self.serde, checkpoint["channel_values"][channel])

    def _remember(self, thread: str, ns: str, held: Mapping[str, Held]) -> None:
        """What a line holds, so that its next put serializes only what is new. Safe to forget: versions never lie."""
        self._lines[(thread, ns)] = held
        self._lines.move_to_end((thread, ns))
        if len(self._lines) > LINES_REMEMBERED:
            self._lines.popitem(last=False)


def _configurable(config: RunnableConfig) -> dict[str, Any]:
    return config.get("configurable", {})


def _line(config: RunnableConfig) -> tuple[str, str]:
    """The thread and namespace that a config names."""
    configurable = _configurable(config)
    return str(configurable["thread_id"]), configurable.get("checkpoint_ns") or ""


def _config(thread: str, ns: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}


def _as_tuple(thread: str, ns: str, stored: Stored) -> CheckpointTuple:
    return CheckpointTuple(
        config=_config(thread, ns, stored.id),
        checkpoint=stored.checkpoint,
        metadata=stored.metadata,
        parent_config=_config(thread, ns, stored.parent) if stored.parent else None,
        pending_writes=stored.writes,
    )
