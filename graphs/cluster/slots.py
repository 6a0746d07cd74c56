"""Which node of a Redis Cluster has which slot, as far as is known: learned from any, corrected by what nodes refuse."""

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from graphs.cluster.urls import Address, ClusterUrl
from graphs.keys import text_of

COUNT = 16_384

LEARN_S = 1.0
"""Longest wait for a node that is asked who has what: then another one is."""


class Slots:
    """The nodes of a Cluster, a client each, which are opened when they are needed and closed when they are no more."""

    def __init__(self, url: ClusterUrl, build: Callable[[str], "Redis"]) -> None:
        self.url = url
        self._build = build
        self._nodes: dict[Address, Redis] = {}
        self._owners: list[Address | None] = [None] * COUNT
        self._known: set[Address] = set()
        """Primaries and replicas, as they were told last."""
        self._learning: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def node(self, address: Address) -> "Redis":
        """The client of one node."""
        if address not in self._nodes:
            self._nodes[address] = self._build(self.url.node(address))
        return self._nodes[address]

    def owner(self, slot: int) -> Address | None:
        """Who has the slot; None where nobody is known to."""
        return self._owners[slot]

    def primaries(self) -> list[Address]:
        """All who have slots."""
        return sorted({owner for owner in self._owners if owner})

    def move(self, slot: int, address: Address) -> None:
        """A node has said who has the slot. It knows better than whoever told before."""
        self._owners[slot] = address

    async def learn(self, *, first: Address | None = None, last: Address | None = None) -> None:
        """Asks one node after the other, `first` first and `last` last, until one tells. All who want to know it now wait
        for the same answer. Raises what the last of them failed with.
        """
        if self._learning is None or self._learning.done():
            self._learning = asyncio.create_task(self._learn(first, last))
            self._learning.add_done_callback(_heard)  # all who wait may have gone
        await asyncio.shield(self._learning)

    async def close(self) -> None:
        if self._learning and not self._learning.done():
            with suppress(RedisError, OSError):
                await self._learning
        for node in self._nodes.values():
            await node.aclose()
        if self._leaving:
            await asyncio.wait(self._leaving)
        self._nodes.clear()

    async def _learn(self, first: Address | None, last: Address | None) -> None:
        known = list(self._known)
        random.shuffle(known)  # else all processes would ask the same node
        named = [address for address in (*self.url.seeds, first) if address and address not in self._known]
        asked = sorted([*known, *named], key=lambda address: (address != first, address == last))
        for number, address in enumerate(asked, 1):
            try:
                async with asyncio.timeout(LEARN_S):
                    told: Any = await self.node(address).execute_command("CLUSTER", "SLOTS")
            except (RedisError, OSError):
                if number == len(asked):
                    raise
            else:
                self._take(address, told)
                return

    def _take(self, teller: Address, told: Iterable[Any]) -> None:
        owners: list[Address | None] = [None] * COUNT
        known: set[Address] = set()
        for first, end, *nodes in told:
            # A node that does not know its own name is where it was asked.
            found = [Address(text_of(host or b"") or teller.host, int(port)) for host, port, *_ in nodes]
            owners[first : end + 1] = [found[0]] * (end + 1 - first)
            known.update(found)
        self._owners, self._known = owners, known
        for gone in [address for address in self._nodes if address not in known]:
            leaving = asyncio.create_task(self._nodes.pop(gone).aclose())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)


def _heard(learning: "asyncio.Task[None]") -> None:
    if not learning.cancelled():
        learning.exception()
