"""A long scripted story through `tta play`: does a late turn cost more than an early one?"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _report import at_most, figures

from api.cli.benchmarks import BenchFailed, Report

COUNT = 1000
WORLD = "winter_light"
SHORTEST = 400
ROUND = ("look", "wait", "inventory", "goals", "listen", "sing", "look", "think")
"""A player who stays where he is: each turn of a round does the same work the next time."""


async def run(count: int, tell: Callable[[str], None]) -> Report:
    """Turns 101-200 against the last hundred; the clock runs from one turn's line to the next, as a reader sees it."""
    count = max(count, SHORTEST)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        turns = await _play(Path(home), count, tell)
    early, late = turns[100:200], turns[-100:]
    ratio = statistics.median(late) / statistics.median(early)
    last = f"turns {count - 99}-{count}"
    return Report(
        results={"turns 101-200": figures(early), last: figures(late), "story": {"turns": len(turns), "ratio": round(ratio, 4)}},
        bars=[at_most(f"median of {last} over that of turns 101-200, at most", ratio, 1.15)],
    )  # fmt: skip


async def _play(home: Path, count: int, tell: Callable[[str], None]) -> list[float]:
    script = home / "script.txt"
    script.write_text("\n".join(ROUND[number % len(ROUND)] for number in range(count)) + "\n")
    command = [sys.executable, "-m", "api.cli", "play", "--world", WORLD, "--seed", "7", "--json"]
    command += ["--script", str(script), "--data-dir", str(home / "data")]
    player = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=2**20)
    assert player.stdout
    took: list[float] = []
    last = time.perf_counter()
    async for line in player.stdout:
        now = time.perf_counter()
        if "turn_id" in json.loads(line):
            took.append(now - last)
            if len(took) % 200 == 0:
                tell(f"{len(took)} of {count} turns")
        last = now
    if await player.wait() or len(took) != count:
        raise BenchFailed(f"The story ended after {len(took)} of {count} turns")
    return took
