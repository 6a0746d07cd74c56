"""A turn-shaped graph on each checkpointer, side by side: time, round trips, bytes, keys, and what is left behind."""

import gc
import random
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _report import at_most, figures
from _servers import open_redis
from _turns import build
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph_checkpoint_plainredis import AsyncRedisSaver as PlainRedisSaver
from redis.asyncio import Redis

from api.cli.benchmarks import Bar, Report
from graphs.checkpoint import RedisSaver

COUNT = 300
"""Turns of each contender, after `WARM_UP` and before the growth is measured, which takes no heed of it below 300."""
WARM_UP = 30
KEEP = 20
LENGTHS = (100, 200, 1000, 10_000)

MEMORY, MEMORY_EXIT = "InMemorySaver, sync", "InMemorySaver, exit"
EVERYSEC, ALWAYS, EXIT = "ours, everysec, sync", "ours, always, sync", "ours, everysec, exit"
SQLITE, PLAIN = "AsyncSqliteSaver, sync", "plainredis, everysec, sync"


@dataclass
class Contender:
    """One checkpointer with one durability. `redis` is where it writes, if it does."""

    what: str
    saver: Any
    durability: str | None
    redis: "Redis | None" = None
    seconds: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        self.graph = build(self.saver)
        self.config: Any = {"configurable": {"thread_id": self.what}}

    async def turn(self, number: int) -> float:
        """Plays one turn; seconds."""
        began = time.perf_counter()
        await self.graph.ainvoke({"action": f"look {number}"}, self.config, durability=self.durability)
        return time.perf_counter() - began


async def run(count: int, tell: Callable[[str], None]) -> Report:
    async with open_contenders() as contenders:
        by_name = {contender.what: contender for contender in contenders}
        await _interleave(contenders, count, tell)
        results = {contender.what: figures(contender.seconds) for contender in contenders}
        for contender in contenders:
            if contender.redis is not None:
                results[contender.what] |= await _traffic(contender, count)
        grown = await _growth([by_name[name] for name in (EVERYSEC, PLAIN)], count, tell)
        for name, sizes in grown.items():
            results[name] |= sizes
    return Report(results=results, bars=_bars(by_name, grown[EVERYSEC]))


@asynccontextmanager
async def open_contenders() -> AsyncGenerator[list[Contender]]:
    """All of them, each Redis in a database of its own."""
    async with AsyncExitStack() as stack:
        everysec = await stack.enter_async_context(open_redis("everysec"))
        always = await stack.enter_async_context(open_redis("always"))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sqlite = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(home / "checkpoints.sqlite")))
        clients: list[Redis] = []
        for database, url in enumerate([everysec] * 4 + [always] * 4):
            clients.append(await stack.enter_async_context(Redis.from_url(url, db=database)))
        modes = ("sync", "async", "exit")
        ours = [
            Contender(f"ours, {name}, {mode}", RedisSaver(client, keep=KEEP), mode, client)
            for name, group in (("everysec", clients[:3]), ("always", clients[4:7]))
            for mode, client in zip(modes, group, strict=True)
        ]
        yield [
            Contender("no saver", None, None),
            Contender(MEMORY, InMemorySaver(), "sync"),
            Contender(MEMORY_EXIT, InMemorySaver(), "exit"),
            *ours,
            Contender(SQLITE, sqlite, "sync"),
            Contender(PLAIN, PlainRedisSaver(clients[3]), "sync", clients[3]),
            Contender("plainredis, always, sync", PlainRedisSaver(clients[7]), "sync", clients[7]),
        ]


async def _interleave(contenders: list[Contender], count: int, tell: Callable[[str], None]) -> None:
    """A turn of each in turn, so that what else the machine does meets them all alike; each round in another order: what
    the one before leaves in the caches is worth two or three per cent."""
    chance = random.Random(4)
    gc.collect()
    gc.freeze()
    for number in range(WARM_UP + count):
        for contender in chance.sample(contenders, len(contenders)):
            took = await contender.turn(number)
            if number >= WARM_UP:
                contender.seconds.append(took)
        if number % 100 == 99:
            tell(f"{number + 1} of {WARM_UP + count} turns of each of {len(contenders)}")


async def _traffic(contender: Contender, count: int) -> dict[str, float]:
    """Commands, round trips, bytes and keys of ten more turns, as the server counts them, by turn."""
    redis = contender.redis
    assert redis is not None
    await redis.config_resetstat()
    keys = await redis.dbsize()
    turns = 10
    before = await _counters(redis)
    for number in range(turns):
        await contender.turn(WARM_UP + count + number)
    after = await _counters(redis)
    # Asking for the counters is itself two commands in two round trips.
    return {
        "commands_a_turn": (after["commands"] - before["commands"] - 2) / turns,
        "round_trips_a_turn": (after["reads"] - before["reads"] - 2) / turns,
        "bytes_a_turn": (after["bytes"] - before["bytes"]) / turns,
        "keys_a_turn": (await redis.dbsize() - keys) / turns,
    }


async def _counters(redis: "Redis") -> dict[str, int]:
    """`commands` counts those that a script runs too; `reads` is how often the server read from a client."""
    stats = await redis.info("stats")
    calls = await redis.info("commandstats")
    return {
        "commands": sum(int(told["calls"]) for told in calls.values()),
        "reads": int(stats["total_reads_processed"]),
        "bytes": int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"]),
    }


async def _growth(contenders: list[Contender], count: int, tell: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Bytes that one thread's keys take after so many turns; the longest only in a full run."""
    lengths = [length for length in LENGTHS if count >= COUNT or length <= 1000]
    sizes: dict[str, dict[str, float]] = {}
    for contender in contenders:
        redis = contender.redis
        assert redis is not None
        await redis.flushdb()
        contender.config = {"configurable": {"thread_id": "grown"}}
        sizes[contender.what] = {}
        # A peer that keeps everything grows in a straight line: a thousand turns say how steep, and spare an hour.
        for number in range(1, lengths[-1 if contender.what == EVERYSEC else min(2, len(lengths) - 1)] + 1):
            await contender.turn(number)
            if number in lengths:
                used = [await redis.memory_usage(key, samples=0) or 0 async for key in redis.scan_iter(count=1000)]
                sizes[contender.what] |= {f"bytes_after_{number}": sum(used), f"keys_after_{number}": len(used)}
                tell(f"{contender.what}: {sum(used):,} bytes in {len(used):,} keys after {number:,} turns")
    return sizes


def _bars(by_name: dict[str, Contender], grown: dict[str, float]) -> list[Bar]:
    """What the issue asks, each as a ratio of medians of this run."""
    median = {name: statistics.median(contender.seconds) for name, contender in by_name.items()}
    asked = [(EVERYSEC, MEMORY, 2.0), (EVERYSEC, PLAIN, 0.45), (ALWAYS, SQLITE, 0.6), (EXIT, MEMORY_EXIT, 1.2)]
    bars = [at_most(f"{one} over {other}, at most", median[one] / median[other], bar) for one, other, bar in asked]
    if "bytes_after_10000" in grown:
        ratio = grown["bytes_after_10000"] / grown["bytes_after_200"]
        bars.append(at_most(f"bytes with keep={KEEP} after 10,000 turns over those after 200, at most", ratio, 1.2))
    return bars
