"""kill -9 of one part after another, under load, and what the players notice of it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from load import Load
from topology import Part, Topology

DOWN_S = 2.0
"""How long a part is gone before it is started again: a supervisor's wait."""

FLOWS_S = 60.0
"""Longest wait for turns to flow again; then the run ends."""


@dataclass
class Kill:
    """One kill. Seconds: until the part's port was open again, and from then until a first turn was told, and until every
    player had been told one.
    """

    part: str
    port_s: float
    first_s: float
    all_s: float
    refusals: int
    """Answers meanwhile that said to try again, and connections that broke off."""


async def kill_one(top: Topology, load: Load, part: Part) -> Kill:
    """Kills a part, starts it again, and waits until every player has been told a turn since its port opened."""
    before, began = load.refusals.total(), time.monotonic()
    await part.kill()
    await asyncio.sleep(DOWN_S)
    await part.start()
    since = part.since
    with suppress(TimeoutError, AssertionError):  # `faults` tells
        await load.until(lambda: load.all_since(since), FLOWS_S)
    first, everybody = (min(seconds, FLOWS_S) for seconds in load.flows_after(since))
    return Kill(part.name, since - began, first, everybody, load.refusals.total() - before)


async def storm(
    top: Topology, load: Load, *, seconds: float, every: float, tell: Callable[[str], None] = lambda _: None
) -> list[Kill]:
    """Kills a part every so often, each kind in turn, for so long, or each once. The load must be playing."""
    kills: list[Kill] = []
    parts, began = top.parts(), time.monotonic()
    while len(kills) < len(parts) or time.monotonic() - began < seconds:
        at = time.monotonic()
        kill = await kill_one(top, load, parts[len(kills) % len(parts)])
        kills.append(kill)
        tell(
            f"{kill.part}: port open after {kill.port_s:.1f} s, a turn {kill.first_s:.2f} s later, all {kill.all_s:.2f} s"
            f" later; {load.turns()} turns so far"
        )
        await asyncio.sleep(max(0.0, every - (time.monotonic() - at)))
    return kills
