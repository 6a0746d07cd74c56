"""A client of a Redis Cluster, to be used as that of one Redis is.

redis-py has one, and this is another for three reasons: its pools refuse whoever finds no connection free instead of having
him wait (`graphs.pools`); when it learns who has which slot it closes the connections of all who are under way; and its
transactions take a thread and an event loop for each command. Here each primary is spoken to as one Redis is, by a client
of its own with a bounded pool and the fast wire, and a command goes to the node that has its key.

A node that has gone, slots on the move and a failover are waited for, PATIENCE_S at most: a command may so be sent twice,
which all of ours bear. The keys of one command lie in one slot, but for those that are removed or asked for (`EACH`).
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.commands import AsyncCoreCommands
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    MaxConnectionsError,
    MovedError,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from typing_extensions import override

from graphs.cluster.commands import EACH, ask_all, keys_of, send_one, slot_of
from graphs.cluster.pipeline import ClusterPipeline
from graphs.cluster.slots import Slots
from graphs.cluster.urls import Address, read_cluster_url
from graphs.keys import text_of
from graphs.telemetry import observe

PATIENCE_S = 3.0
"""How long a command is asked again while its node is gone or its slot on the move. A failover begins once the others miss
the node (`cluster-node-timeout`): what takes longer than this is told as a store that is unavailable."""

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.3

REDIRECTS = 3
"""Nodes that a command is sent on to at once; two that do not agree yet would send it to and fro."""

_PASSING = (RedisConnectionError, RedisTimeoutError, ClusterDownError, TryAgainError, OSError)
_STAYING = (AuthenticationError, AuthorizationError, MaxConnectionsError)

_T = TypeVar("_T")


class ClusterRedis(AsyncCoreCommands):
    """See the module. Raises what a client of one Redis raises. The URL's nodes are asked when the first command comes."""

    clustered = True
    _event_dispatcher: Any = None  # of redis-py's own clients, for those who listen to them

    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    @property
    def place(self) -> str:
        """The nodes that were named, without the login."""
        return ", ".join(map(str, self.slots.url.seeds))

    def url_by_one(self) -> str:
        """A URL by one node that was there when it was last looked, or by the first that was named."""
        return self.slots.url.by(next(iter(self.slots.primaries()), self.slots.url.seeds[0]))

    def get_encoder(self) -> Any:
        """For scripts that redis-py keeps by their digest."""
        return self.slots.node(self.slots.url.seeds[0]).connection_pool.get_encoder()

    async def aclose(self) -> None:
        await self.slots.close()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        keys = keys_of(args)
        if not keys:
            return (await self.everywhere(lambda node: send_one(node, (args, options))))[0]
        by_slot: defaultdict[int, list[Any]] = defaultdict(list)
        for key in keys:
            by_slot[slot_of(key)].append(key)
        if len(by_slot) == 1 or args[0] not in EACH:
            return await self._send(slot_of(keys[0]), args, options)
        return sum([await self._send(slot, (args[0], *some), options) for slot, some in by_slot.items()])

    @override
    async def ping(self, **_: Any) -> bool:
        """Whether every primary answers, and knows of one for each slot. Raises ClusterDownError where one does not."""
        return all(await self.everywhere(_serves_all))

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "ClusterPipeline":
        return ClusterPipeline(self, transaction)

    def pubsub(self, **options: Any) -> PubSub:
        """By any node: each is told what is published at another one."""
        there = self.slots.primaries() or self.slots.url.seeds
        return self.slots.node(random.choice(there)).pubsub(**options)

    @override
    async def scan_iter(self, *args: Any, **options: Any) -> AsyncGenerator[Any]:
        """The keys of every primary. Those of a slot that moves meanwhile may come twice, or not at all."""
        for address in await self._primaries():
            async for key in self.slots.node(address).scan_iter(*args, **options):
                yield key

    async def persist(self, slot: int, do: "Callable[[Redis, bool], Awaitable[_T]]") -> _T:
        """Does it with the node that has the slot, again while that may help. Where the flag is set the slot is on its way
        to that node, which must be told so in the same breath (ASKING).
        """
        time = asyncio.get_running_loop().time
        until, pause, redirected = time() + PATIENCE_S, FIRST_PAUSE_S, 0
        asking: Address | None = None
        while True:
            address = asking
            try:
                address = asking or await self._owner(slot)
                return await do(self.slots.node(address), asking is not None)
            except AskError as error:  # a MovedError is one, too
                there = Address(error.host or (address.host if address else ""), error.port)
                asking = there if not isinstance(error, MovedError) else None
                if not asking:
                    await self._moved(slot, there, address)
                redirected += 1
                if redirected <= REDIRECTS:
                    continue
                if time() + pause > until:
                    raise
            except _PASSING as error:
                if isinstance(error, _STAYING) or time() + pause > until:
                    raise
                asking = None
                observe("reconnect", store="redis")
                await self._learn_anew(last=address)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _send(self, slot: int, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        async def send(node: "Redis", asking: bool) -> Any:
            if asking:
                [answer] = await ask_all(node, [(args, options)], transaction=False)
                return answer
            return await send_one(node, (args, options))

        return await self.persist(slot, send)

    async def everywhere(self, ask: "Callable[[Redis], Awaitable[_T]]") -> list[_T]:
        """What every primary answers. One that is gone may have been followed by another."""
        time = asyncio.get_running_loop().time
        until, pause = time() + PATIENCE_S, FIRST_PAUSE_S
        while True:
            addresses = await self._primaries()
            try:
                return [await ask(self.slots.node(address)) for address in addresses]
            except _PASSING as error:
                if isinstance(error, _STAYING) or time() + pause > until:
                    raise
                await self._learn_anew()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _owner(self, slot: int) -> Address:
        """Who has the slot. Raises ClusterDownError where nobody does, and what nodes fail with where none can be asked."""
        if self.slots.owner(slot) is None:
            await self.slots.learn()
        owner = self.slots.owner(slot)
        if owner is None:
            raise ClusterDownError("Hash slot not served")
        return owner

    async def _primaries(self) -> list[Address]:
        if not self.slots.primaries():
            await self.slots.learn()
        return self.slots.primaries()

    async def _moved(self, slot: int, there: Address, here: Address | None) -> None:
        """Whoever has come in another's place has all slots of it, and is asked; one slot may move alone."""
        if there not in self.slots.primaries():
            await self._learn_anew(there, here)
        self.slots.move(slot, there)

    async def _learn_anew(self, first: Address | None = None, last: Address | None = None) -> None:
        try:
            await self.slots.learn(first=first, last=last)
        except (RedisError, OSError):
            return  # what the command fails with is told


async def _serves_all(node: "Redis") -> bool:
    told = await node.execute_command("CLUSTER", "INFO")
    if "cluster_state:ok" not in text_of(told):
        raise ClusterDownError("A node says that the Cluster is down")
    return True


def build_cluster(url: str, build: "Callable[[str], Redis]") -> ClusterRedis:
    """The client of a Cluster's URL, over what `build` makes of the URL of a node. Raises ValueError, and what that does."""
    slots = Slots(read_cluster_url(url), build)
    slots.node(slots.url.seeds[0])
    return ClusterRedis(slots)
