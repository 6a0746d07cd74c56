"""What grows with API processes and workers: turns a second and their times, on one Redis, and on a Cluster of three."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from load import Load
from topology import open_topology

from api.cli.benchmarks import BenchFailed, Report

COUNT = 16
"""Players, each in a session of their own; a player sends the next action once the last one is told."""

SECONDS = 20.0
"""How long each is measured, after every player has had a turn."""

SHAPES = (
    ("1 API process", 1, 0, "json", False),
    ("2 API processes", 2, 0, "json", False),
    ("1 API process, 1 worker", 1, 1, "later", False),
    ("1 API process, 2 workers", 1, 2, "later", False),
    ("1 API process, 4 workers", 1, 4, "later", False),
    ("1 API process, Cluster of 3", 1, 0, "json", True),
    ("2 API processes, Cluster of 3", 2, 0, "json", True),
)
"""Without workers a player waits for the turn; with them the turn is queued, and asked for until it is over."""


async def run(count: int, tell: Callable[[str], None], *, minutes: float | None = None) -> Report:
    """The embedded graph, each Redis synced at every write, the `offline` model, everything on; players, balancer and servers share
    the machine. `minutes`: for all of it."""
    seconds = 60 * minutes / len(SHAPES) if minutes else SECONDS
    results: dict[str, dict[str, float]] = {}
    for what, apis, workers, way, clustered in SHAPES:
        results[what] = await _measured(apis, workers, way, clustered=clustered, players=count, seconds=seconds)
        tell(f"{what}: {results[what]['turns_per_s']} turns/s, median {results[what]['median_ms']} ms")
    return Report(results=results, bars=[])


async def _measured(
    apis: int, workers: int, way: str, *, clustered: bool, players: int, seconds: float
) -> dict[str, float]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        async with (
            open_topology(Path(home), apis=apis, workers=workers, clustered=clustered) as top,
            top.client() as client,
        ):
            load = Load(client, (way,))
            await load.begin(players)
            async with load.playing():
                await load.until(lambda: load.all_since(0.0))
                began = time.monotonic()
                await asyncio.sleep(seconds)
                ended = time.monotonic()
            if faults := await load.faults(client):
                raise BenchFailed(f"The stories are not what was played: {faults[0][:200]}")
    took = sorted(seen.took for player in load.players for seen in player.seen if began <= seen.at <= ended)
    return {
        "turns_per_s": round(len(took) / (ended - began), 2),
        "median_ms": round(statistics.median(took) * 1000, 1),
        "p95_ms": round(took[int(len(took) * 0.95)] * 1000, 1),
    }
