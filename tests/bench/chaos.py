"""kill -9 an API process, a worker, Redis, Neo4j in turn, under load: is a turn lost, doubled, or long in coming again?"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from _report import at_least, at_most
from load import Load
from neo4j_server import NoNeo4jError
from storm import Kill, storm
from topology import open_topology

from api.cli.benchmarks import BenchFailed, Report

COUNT = 12
"""Players."""

MINUTES, EVERY_S = 6.0, 45.0


async def run(
    count: int, tell: Callable[[str], None], *, minutes: float | None = None, every: float | None = None
) -> Report:
    """Two API processes behind a balancer, two workers, Redis synced at every write, Neo4j: what `compose.yml` starts. A
    third of the players each take their turns as JSON, as events, and from workers."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        try:
            async with open_topology(Path(home), neo4j=True) as top, top.client() as client:
                load = Load(client)
                await load.begin(count)
                async with load.playing():
                    await load.until(lambda: load.turns() >= count)
                    kills = await storm(top, load, seconds=60 * (minutes or MINUTES), every=every or EVERY_S, tell=tell)
                faults = await load.faults(client)
        except NoNeo4jError as error:
            raise BenchFailed(
                f"There is no Neo4j here: {error}", cure="See CONTRIBUTING.md, Run what CI runs."
            ) from None
    for fault in faults:
        tell(fault)
    for what, times in load.refusals.most_common():
        tell(f"{times} times told to try again: {what}")
    took = sorted(seen.took for player in load.players for seen in player.seen)
    total = {
        "turns": load.turns(),
        "kills": len(kills),
        "told_to_try_again": load.refusals.total(),
        "faults": len(faults),
        "turn_median_ms": round(took[len(took) // 2] * 1000, 1),
        "turn_longest_s": round(took[-1], 2),
    }
    return Report(results={**{f"{n}. {kill.part}": _row(kill) for n, kill in enumerate(kills, 1)}, "all": total}, bars=[
        at_most("turns lost, doubled or out of order, answers that no client may meet, at most", len(faults), 0),
        at_least("kills of each part, at least", len(kills) // 4, 1),
        at_most("s from the port's opening to a first turn, at worst, at most", max(k.first_s for k in kills), 5),
        at_most("s from the port's opening until every player had a turn, at worst, at most", max(k.all_s for k in kills), 5),
    ])  # fmt: skip


def _row(kill: Kill) -> dict[str, float]:
    return {
        "port_open_s": round(kill.port_s, 2),
        "first_turn_s": round(kill.first_s, 3),
        "every_player_s": round(kill.all_s, 3),
        "told_to_try_again": kill.refusals,
    }
