"""kill -9 of each part of a topology under load. The full storm, with Neo4j: `uv run tta bench chaos`."""

from pathlib import Path

import pytest
from load import Load
from storm import storm
from topology import open_topology


async def test_each_part_is_killed_once(tmp_path: Path) -> None:
    """No turn that was told is lost, none is there twice, and every answer is one or says to try again."""
    await weathered(tmp_path)


async def test_each_part_is_killed_once_on_a_cluster(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The same, and of Redis a primary that nobody follows."""
    if not request.config.getoption("--cluster-storms"):
        pytest.skip("a minute: --cluster-storms 1")
    await weathered(tmp_path, clustered=True)


async def weathered(home: Path, *, clustered: bool = False) -> None:
    async with open_topology(home, clustered=clustered) as top, top.client() as client:
        load = Load(client)
        await load.begin(6)
        async with load.playing():
            await load.until(lambda: load.turns() >= 6)
            kills = await storm(top, load, seconds=0, every=0)
        assert [kill.part for kill in kills] == ["api 1", "worker 1", "redis", "graph"]
        assert await load.faults(client) == []
