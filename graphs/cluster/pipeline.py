"""Several commands at once, as redis-py's pipelines take them."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from redis.asyncio import Redis
from redis.commands import AsyncCoreCommands
from redis.exceptions import ClusterCrossSlotError

from graphs.cluster.commands import Command, ask_all, keys_of, send_piped, slot_of

_T = TypeVar("_T")


class Persistent(Protocol):
    """A client of a Cluster, as far as a pipeline needs it (`graphs.cluster.client`)."""

    async def persist(self, slot: int, do: "Callable[[Redis, bool], Awaitable[_T]]") -> _T: ...


class ClusterPipeline(AsyncCoreCommands):
    """Commands that go in one breath: as a transaction, all to one slot, or each to the node that has its key."""

    _event_dispatcher: Any = None

    def __init__(self, client: Persistent, transaction: bool) -> None:
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
            return await send_piped(node, commands, transaction=True)

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
                return await (ask_all if asking else send_piped)(node, some, transaction=False)

            for place, answer in zip(places, await self._client.persist(slot, send), strict=True):
                answers[place] = answer

        await asyncio.gather(*(ask(slot, places) for slot, places in by_slot.items()))
        return answers
