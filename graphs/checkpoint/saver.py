"""RedisSaver: LangGraph's checkpoints in a Redis that has nothing but core commands. See `graphs.checkpoint.keys`."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

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
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from redis.asyncio import Redis

from graphs.checkpoint.after import After, Argument, takes_place
from graphs.checkpoint.codec import (
    Codec,
    Heading,
    Line,
    Stored,
    channel_of,
    pack_checkpoint,
    pack_write,
    sort_values,
    unpack_stored,
)
from graphs.checkpoint.configs import as_tuple, config_of, line_of, unfinished
from graphs.checkpoint.keys import Keys, name
from graphs.checkpoint.lanes import Call, Lanes, PutCheckpoint, PutWrites
from graphs.checkpoint.listing import Listing
from graphs.checkpoint.scripts import AFTER, APPLY, CUT, CUT_NEEDED, READ, Reply, Script
from graphs.checkpoint.server import Client, Server
from graphs.checkpoint.sync import SyncHalf
from graphs.checkpoint.upkeep import Upkeep
from graphs.checkpoint.versions import following

LINES_REMEMBERED = 256  # each the small values of one checkpoint: some kilobytes
MAX_VALUE = 64 * 2**20
PATIENCE_S = 5.0


UNKNOWN: tuple[Line, Heading | None] = (Line(), None)


class RedisSaver(SyncHalf):
    """Checkpoints over a borrowed client (`Redis`, a Sentinel's among them, or `RedisCluster`), never closed here.

    - `prefix` begins every key.
    - `ttl` (seconds) is set anew for the whole thread by each write, never by a read; None leaves an expiry alone.
    - `keep` is how many turns each namespace of a thread keeps: of each the final checkpoint, besides the newest of a
      turn under way with its pending writes. A turn is what one input began. The rest goes as soon as it is passed,
      with the values that no other checkpoint refers to, at a cost that does not grow; the namespaces of a task's
      subgraph go with the turn of the root that they were part of. None keeps everything. A graph with DeltaChannels
      is never cut: its values live in its ancestors.
    - `serde` is LangGraph's msgpack without foreign types unless given: data never names code to run.
    - `max_value` (bytes) bounds each value, checkpoint and write, packed.
    - `patience` (seconds) is how long a call is tried again while the server restarts, fails over or moves slots.

    What a superstep writes is one script in one round trip (a second where another writer has moved the head), all of
    it or nothing; what a turn leaves over `keep` is cut once its caller has gone on. One round trip, too, reads a
    checkpoint with its values and pending writes; a listing takes two a page. A put costs O(channels + large values),
    whatever the thread's length.
    Errors: `graphs.checkpoint.errors`, with the store as it was.

    The synchronous half drives the same calls on the loop that the saver was made in, or on a thread of its own.
    """

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "tta",
        ttl: float | None = None,
        keep: int | None = None,
        serde: SerializerProtocol | None = None,
        max_value: int = MAX_VALUE,
        patience: float = PATIENCE_S,
    ) -> None:
        if client.get_encoder().decode_responses:
            raise ValueError("RedisSaver stores bytes: give it a client with decode_responses=False")
        for what, given, least in (("ttl", ttl, 0.001), ("keep", keep, 1), ("max_value", max_value, 1024)):
            if given is not None and given < least:
                raise ValueError(f"{what} must be at least {least}, or None, not {given}")
        super().__init__(serde=serde or JsonPlusSerializer(allowed_msgpack_modules=None))
        self._made_codec = Codec(self.serde, max_value)
        self._keys = Keys(prefix)
        self._server = Server(client, patience)
        self._ttl_ms = round(ttl * 1000) if ttl else 0
        self._keep = keep or 0
        self._known: OrderedDict[tuple[str, str], tuple[Line, Heading | None]] = OrderedDict()
        self._lanes = Lanes(self._send, self._try_after, drop_superseded=bool(keep))

    @classmethod
    @asynccontextmanager
    async def from_url(cls, url: str, **options: Any) -> AsyncGenerator["RedisSaver"]:
        """A saver with a client of its own, closed at the end. `redis://`, `rediss://` or `unix://`; options as above."""
        async with Redis.from_url(url) as client:
            yield cls(client, **options)

    @property
    def _codec(self) -> Codec:
        if self._made_codec.serde is not self.serde:  # `with_allowlist` copies the saver and sets another serde
            self._made_codec = Codec(self.serde, self._made_codec.max_bytes)
        return self._made_codec

    @property
    def _upkeep(self) -> Upkeep:
        return Upkeep(self._server, self._keys)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that `config` names, or the newest of its namespace, with its pending writes."""
        thread, ns = line_of(config)
        checkpoint_id = get_checkpoint_id(config)
        found = await self._read(thread, ns, [checkpoint_id] if checkpoint_id else [])
        if not found:
            if not checkpoint_id:
                self._remember(thread, ns, *UNKNOWN)
            return None
        heading, (_, head) = found[0].heading, self._known.get((thread, ns), UNKNOWN)
        newest = not checkpoint_id or (head is not None and head.id == checkpoint_id)
        self._remember(thread, ns, found[0].line, heading if newest else None)
        return as_tuple(thread, ns, found[0])

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
        listing = Listing(self._server, self._keys, self._codec)
        async for thread, ns, ids in listing.pages(config, filter, before):
            asked = ids if left is None else ids[: max(0, left)]
            for stored in await self._read(thread, ns, asked) if asked else ():
                yield as_tuple(thread, ns, stored)
            if left is not None and (left := left - len(asked)) <= 0:
                return

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint; again with the same id replaces it. `checkpoint` holds all its channels' values.

        A channel's version stands for its value for ever: a large value is not sent again under a version that is there.
        """
        thread, ns = line_of(config)
        if (thread, ns) not in self._known:
            await self._read(thread, ns, [])  # raises where another key or serializer wrote what is there
        known, head = self._known.get((thread, ns), UNKNOWN)
        line, fresh = sort_values(self._codec, ns, checkpoint, new_versions, known)
        told = get_checkpoint_metadata(config, metadata)
        heading = Heading.of(get_checkpoint_id(config), checkpoint, told, line.large.values(), new_versions)
        call = self._put_call(ns, checkpoint, told, heading, line, fresh)
        call.takes_place = takes_place(head, heading)
        call.after = After.of(ns, head, heading, fresh, keep=self._keep, goes_on=call.goes_on)
        await self._lanes.call(thread, call)
        self._remember(thread, ns, line, heading)
        return config_of(thread, ns, checkpoint["id"])

    def _put_call(
        self,
        ns: str,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        heading: Heading,
        line: Line,
        fresh: dict[str, bytes],
    ) -> PutCheckpoint:
        name(ns, checkpoint["id"])  # refuses NUL
        codec = self._codec

        def supply(value: str) -> bytes | None:
            channel, held = channel_of(value), checkpoint["channel_values"]
            if line.large.get(channel) != value:
                return None
            return codec.pack(held[channel], f"the value of {channel!r}")

        return PutCheckpoint(
            ns,
            checkpoint["id"],
            parent=heading.parent,
            record=pack_checkpoint(codec, checkpoint, line.small),
            metadata=codec.pack(metadata, "the metadata"),
            heading=heading.pack(),
            goes_on=unfinished(checkpoint),
            fresh=fresh,
            supply=supply,
        )

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, before its checkpoint or after it. Repeated, only special writes are replaced."""
        if not writes:
            return
        thread, ns = line_of(config)
        checkpoint_id, codec = str(get_checkpoint_id(config)), self._codec

        def entries() -> Iterator[tuple[str, bool, bytes]]:
            for position, (channel, value) in enumerate(writes):
                index = WRITES_IDX_MAP.get(name(channel), position)
                packed = pack_write(codec, (task_id, task_path, index), channel, value)
                yield name("w", ns, checkpoint_id, task_id, str(index)), index < 0, packed

        await self._lanes.call(thread, PutWrites(ns, checkpoint_id, entries))

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete all of the thread, in every namespace; the memory is freed in the background."""
        self._forget(str(thread_id))
        await self._lanes.rest(str(thread_id))
        await self._server.unlink(*self._keys.of(str(thread_id)))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints whose metadata names one of the runs, in all threads: it scans the store for them."""
        self._known.clear()
        await self._lanes.rest()
        await self._upkeep.delete_for_runs([str(run) for run in run_ids])

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Make the target what the source is, if there is one, all namespaces and writes, expiring by our `ttl`."""
        self._forget(str(target_thread_id))
        await self._lanes.rest(str(source_thread_id), str(target_thread_id))
        await self._upkeep.copy_thread(str(source_thread_id), str(target_thread_id), self._ttl_ms)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Cut the threads to the newest checkpoint of each namespace (`keep_latest`), or delete them (`delete`).

        Raises CannotPrune, after the other threads were cut, for those of graphs with DeltaChannels.
        """
        threads = [str(thread) for thread in thread_ids]
        for thread in threads:
            self._forget(thread)
        if threads:
            await self._lanes.rest(*threads)
        await self._upkeep.prune(threads, strategy)

    def get_next_version(self, current: str | None, channel: None) -> str:
        """As `graphs.checkpoint.versions.following`."""
        del channel
        return following(current)

    async def _try_after(self, thread: str, put: PutCheckpoint, after: After) -> bool:
        packed = (put.record, put.metadata, put.heading)
        done = await self._ask(AFTER, thread, after.arguments(put.ns, *packed, put.fresh, self._ttl_ms))
        if done == CUT_NEEDED:
            await self._server.tell(CUT, self._keys.of(thread), [put.ns, after.most, put.id])
        return bool(done)

    async def _send(self, thread: str, calls: Sequence[Call]) -> list[bytes]:
        args: list[Argument] = [b""]

        def place(packed: bytes) -> int:
            args.append(packed)
            return len(args)

        args[0] = ormsgpack.packb((self._ttl_ms, self._keep, [call.told(place) for call in calls]))
        return await self._ask(APPLY, thread, args)

    async def _read(self, thread: str, ns: str, ids: Sequence[str]) -> Sequence[Stored]:
        """The checkpoints with these ids, those that exist, in this order; the newest if no id is given."""
        for checkpoint_id in ids or [""]:
            name(ns, checkpoint_id)  # refuses what is no name
        replies = await self._ask(READ, thread, [ns, *ids])
        return [unpack_stored(self._codec, reply) for reply in replies]

    async def _ask(self, script: Script, thread: str, args: Sequence[Argument]) -> Reply:
        reply = await self._server.run(script, self._keys.to_ask(thread), args)
        self._keys.meet(thread)
        return reply

    def _remember(self, thread: str, ns: str, line: Line, head: Heading | None) -> None:
        """What a line holds, so that its next put serializes only what is new. Safe to forget: versions never lie."""
        self._known[(thread, ns)] = (line, head)
        self._known.move_to_end((thread, ns))
        if len(self._known) > LINES_REMEMBERED:
            self._known.popitem(last=False)

    def _forget(self, thread: str) -> None:
        for line in [line for line in self._known if line[0] == thread]:
            del self._known[line]
