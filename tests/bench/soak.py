"""Resident memory of the API under load: at minute two, and minutes later."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from _api_load import of_tta
from _api_served import client_of, served
from _report import at_most

from api.cli.benchmarks import BenchFailed, Report

COUNT = 10
"""Minutes."""

SESSIONS = 16
TURNS = 40
"""Then a session is deleted and the next one begins, as players come and go."""

SETTLED_S = 120


async def run(count: int, tell: Callable[[str], None]) -> Report:
    """Memory is that of the serving process alone (Linux)."""
    seconds = max(count * 60, SETTLED_S + 60)
    async with served(0.0) as (server, url), client_of(url) as client:
        played = [0]
        players = [asyncio.create_task(_play(client, number, played)) for number in range(SESSIONS)]
        began = time.monotonic()
        measured: list[tuple[float, float]] = []
        try:
            while (passed := time.monotonic() - began) < seconds:
                await asyncio.sleep(min(10.0, seconds - passed))
                measured.append((time.monotonic() - began, _resident_mb(server.pid)))
                tell(f"{measured[-1][0]:.0f} s: {played[0]} turns, {measured[-1][1]:.0f} MB")
                if failed := [player for player in players if player.done()]:
                    failed[0].result()
        finally:
            for player in players:
                player.cancel()
            await asyncio.wait(players)
    # A moment's figure is noisy: the median of half a minute.
    early = _median([mb for at, mb in measured if SETTLED_S - 15 <= at <= SETTLED_S + 15])
    late = _median([mb for at, mb in measured if at >= seconds - 30])
    last = f"minute {seconds / 60:g}"
    return Report(
        results={"minute 2": {"mb": early}, last: {"mb": late}, "soak": {"turns": played[0]}},
        bars=[at_most(f"resident memory at {last} over that at minute 2, at most", late / early, 1.05)],
    )


async def _play(client: httpx.AsyncClient, number: int, played: list[int]) -> None:
    begin, play = of_tta(client)
    while True:
        session = await begin(number)
        for turn in range(TURNS):
            await play(session, turn)
            played[0] += 1
        (await client.delete(f"/api/v1/sessions/{session}")).raise_for_status()


def _resident_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    raise BenchFailed("The memory of the server cannot be read", cure="Run it on Linux.")


def _median(found: list[float]) -> float:
    return round(sorted(found)[len(found) // 2], 1)
