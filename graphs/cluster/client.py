"""A client of a Redis Cluster, to be used as that of one Redis is.

redis-py has one, and this is another for three reasons: its pools refuse whoever finds no connection free instead of having
him wait (`graphs.pools`); when it learns who has which slot it closes the connections of all who are under way; and its
transactions take a thread and an event loop for each command. Here each primary is spoken to as one Redis is, by a client
of its own with a bounded pool and the fast wire, and a command goes to the node that has its key.

A node that has gone, slots on the move and a failover are waited for, PATIENCE_S at most: a command may so be sent twice,
which all of ours bear. The keys of one command lie in one slot, but for those that are removed or asked for (`_EACH`).
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

from redis._parsers import Encoder
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.commands import AsyncCoreCommands
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    ClusterCrossSlotError,
    ClusterDownError,
    MaxConnectionsError,
    MovedError,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from typing_extensions import override

from graphs.cluster.asking import ask_all
from graphs.cluster.slots import Slots
from graphs.cluster.urls import Address
from graphs.telemetry import observe

PATIENCE_S = 3.0
"""How long a command is asked again while its node is gone or its slot on the move: a failover takes longer than a Cluster
takes to miss a node (`cluster-node-timeout`), so some outlast it, and then the store is unavailable."""

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.3

REDIRECTS = 3
"""Nodes that a command is sent on to at once; two that do not agree yet would send it to and fro."""

_PASSING = (RedisConnectionError, RedisTimeoutError, ClusterDownError, TryAgainError, OSError)
_STAYING = (AuthenticationError, AuthorizationError, MaxConnectionsError)

_KEYLESS = frozenset({"PING", "INFO", "DBSIZE", "FLUSHALL", "SCRIPT LOAD", "SCRIPT FLUSH", "CONFIG GET", "CONFIG SET"})
"""Asked of every primary. One answer is told: they are all alike, or only the first counts."""

_EACH = frozenset({"DEL", "UNLINK", "EXISTS"})
"""Of several keys, asked slot by slot and added up: not all in one moment."""

Command = tuple[tuple[Any, ...], dict[str, Any]]
_T = TypeVar("_T")


class ClusterRedis(AsyncCoreCommands):
    """See the module. Raises what a client of one Redis raises. The URL's nodes are asked when the first command comes."""

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

    def get_encoder(self) -> Encoder:
        """For scripts that redis-py keeps by their digest."""
        return Encoder("utf-8", "strict", False)

    async def aclose(self) -> None:
        await self.slots.close()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        keys = keys_of(args)
        if not keys:
            return (await self._everywhere(args, options))[0]
        by_slot: defaultdict[int, list[Any]] = defaultdict(list)
        for key in keys:
            by_slot[slot_of(key)].append(key)
        if len(by_slot) == 1 or args[0] not in _EACH:
            return await self._send(slot_of(keys[0]), args, options)
        return sum([await self._send(slot, (args[0], *some), options) for slot, some in by_slot.items()])

    async def on_node(self, address: Address, *args: Any, **options: Any) -> Any:
        """What one node answers."""
        return await self.slots.node(address).execute_command(*args, **options)

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
                await self._learn_anew(address)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _send(self, slot: int, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        async def send(node: "Redis", asking: bool) -> Any:
            if asking:
                [answer] = await ask_all(node, [(args, options)], transaction=False)
                return answer
            return await node.execute_command(*args, **options)

        return await self.persist(slot, send)

    async def _everywhere(self, args: tuple[Any, ...], options: dict[str, Any]) -> list[Any]:
        """What every primary answers. One that is gone may have been followed by another."""
        time = asyncio.get_running_loop().time
        until, pause = time() + PATIENCE_S, FIRST_PAUSE_S
        while True:
            addresses = await self._primaries()
            try:
                return [await self.on_node(address, *args, **options) for address in addresses]
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
        """A slot that has moved seldom moves alone. Whoever has it now is believed before all others."""
        if there not in self.slots.primaries():
            await self._learn_anew(here)
        self.slots.move(slot, there)

    async def _learn_anew(self, last: Address | None = None) -> None:
        try:
            await self.slots.learn(last=last)
        except (RedisError, OSError):
            return  # what the command fails with is told


class ClusterPipeline(AsyncCoreCommands):
    """Commands that go in one breath: as a transaction, all to one slot, or each to the node that has its key."""

    _event_dispatcher: Any = None

    def __init__(self, client: ClusterRedis, transaction: bool) -> None:
        self._client = client
        self.is_transaction = transaction
        self.command_stack: list[Command] = []

    async def __aenter__(self) -> "ClusterPipeline":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.command_stack = []

    def __len__(self) -> int:
        return len(self.command_stack)

    def __bool__(self) -> bool:
        return True

    def execute_command(self, *args: Any, **options: Any) -> "ClusterPipeline":
        self.command_stack.append((args, options))
        return self

    async def execute(self) -> list[Any]:
        """The answers in order. Raises the first error. A transaction over several slots is none: ClusterCrossSlotError."""
        commands, self.command_stack = self.command_stack, []
        if not commands:
            return []
        if not self.is_transaction:
            return await self._each(commands)
        # A message may be sent from anywhere: its channel's slot counts where there is no key.
        keyed = [args for args, _ in commands if args[0] != "PUBLISH"] or [args for args, _ in commands]
        slots = {slot_of(key) for args in keyed for key in keys_of(args)}
        if len(slots) != 1:
            raise ClusterCrossSlotError("Keys of a transaction don't hash to the same slot")

        async def send(node: "Redis", asking: bool) -> list[Any]:
            if asking:
                return await ask_all(node, commands, transaction=True)
            return await _piped(node, commands, transaction=True)

        return await self._client.persist(slots.pop(), send)

    async def _each(self, commands: list[Command]) -> list[Any]:
        """What goes to one slot goes together."""
        by_slot: defaultdict[int, list[int]] = defaultdict(list)
        for place, (args, _) in enumerate(commands):
            by_slot[slot_of(keys_of(args)[0])].append(place)
        answers: list[Any] = [None] * len(commands)

        async def ask(slot: int, places: list[int]) -> None:
            async def send(node: "Redis", asking: bool) -> list[Any]:
                some = [commands[place] for place in places]
                return await (ask_all if asking else _piped)(node, some, transaction=False)

            for place, answer in zip(places, await self._client.persist(slot, send), strict=True):
                answers[place] = answer

        await asyncio.gather(*(ask(slot, places) for slot, places in by_slot.items()))
        return answers


async def _piped(node: "Redis", commands: list[Command], *, transaction: bool) -> list[Any]:
    async with node.pipeline(transaction=transaction) as pipe:
        for args, options in commands:
            pipe.execute_command(*args, **options)
        return await pipe.execute()


def keys_of(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The keys of a command; none of one that is asked of every node. A channel counts as one: any node will do."""
    name = str(args[0]).upper()
    if name in _KEYLESS:
        return ()
    if name in ("EVAL", "EVALSHA"):
        return args[3 : 3 + int(args[2])]
    return args[1:] if name in _EACH else args[1:2]


def slot_of(key: str | bytes) -> int:
    """The slot of a key: that of what stands in its first braces, if anything does."""
    return key_slot(key if isinstance(key, bytes) else key.encode())
