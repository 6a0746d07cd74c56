"""What an operator is told of a Redis Cluster: by `tta doctor`, and by `/health/ready`."""

import asyncio
from pathlib import Path

import pytest
from redis_servers import Server, cluster, cluster_url_of

from api import readiness
from api.cli.health import examine
from api.readiness import Readiness
from graphs.engine import open_engine
from graphs.settings import read_settings


async def test_doctor_says_how_many_primaries_there_are(
    cluster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTA_REDIS_URL", cluster_url)
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path))
    found = {check["what"]: check for check in await examine()}
    assert found["stores"]["ok"], found["stores"]
    assert "(configured, a Cluster of 3 primaries); story memory: " in found["stores"]["found"]


async def test_doctor_tells_a_node_from_one_redis(
    cluster_nodes: list[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTA_REDIS_URL", cluster_nodes[1].url)
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path))
    found = {check["what"]: check for check in await examine()}
    assert (found["stores"]["ok"], found["stores"]["found"]) == (False, "TTA_REDIS_URL names a node of a Redis Cluster")
    assert "redis+cluster://" in found["stores"]["cure"]


async def test_it_is_ready_while_every_primary_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "FRESH_S", 0.0)
    with cluster(tmp_path / "cluster") as nodes:
        settings = read_settings(redis_url=cluster_url_of(nodes), data_dir=tmp_path / "data", linger_s=0.2)
        async with open_engine(settings) as engine:
            looks = Readiness()
            assert (await looks.look(engine)).dependencies["redis"].state == "ok"
            nodes[2].kill()
            gone = (await looks.look(engine)).dependencies["redis"]
            assert (gone.state, "127.0.0.1" in str(gone)) == ("failed", False)
            nodes[2].start()
            async with asyncio.timeout(60):
                while (await looks.look(engine)).dependencies["redis"].state != "ok":
                    await asyncio.sleep(0.05)
