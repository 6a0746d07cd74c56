"""A whole story on a Redis Cluster of three primaries: played, taken back, forked, exported, and gone without a trace."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from redis_servers import Server, keys_of_cluster

from graphs.engine import StoryEngine, open_engine
from graphs.settings import Settings, read_settings


@pytest.fixture
def settings(cluster_url: str, tmp_path: Path) -> Settings:
    return read_settings(redis_url=cluster_url, data_dir=tmp_path, linger_s=0.2)


@pytest.fixture
async def engine(settings: Settings) -> AsyncGenerator[StoryEngine]:
    async with open_engine(settings) as opened:
        yield opened


async def check_played(engine: StoryEngine, session: str) -> None:
    """Two turns, one taken back and told again, and another branch."""
    await engine.undo(session)
    kept = await engine.turns(session)
    await engine.retry(session)
    assert (await engine.turns(session))[0]["turn_id"] != kept[0]["turn_id"]
    await engine.fork(session, "another")
    await engine.act(session, "look around")
    assert len(await engine.branches(session)) == 2


async def test_a_story_is_played_and_deleted_and_no_primary_keeps_a_key_of_it(
    engine: StoryEngine, cluster_nodes: list[Server], tmp_path: Path
) -> None:
    session = (await engine.create("winter_light"))["session"]
    await engine.act(session, "look around")
    second = await engine.act(session, "wait")
    told = [event["kind"] async for event in engine.events(session, second["turn_id"])]
    assert (told[0], told[-2:]) == ("metadata", ["committed", "end"])
    await check_played(engine, session)
    held = keys_of_cluster(cluster_nodes)
    assert any("{local:" + session + "}" in key for key in held)
    assert any("{local%3A" + session + "%3Amain}" in key for key in held)
    await engine.export_to(session, tmp_path / "story.jsonl")
    await engine.delete(session)
    assert keys_of_cluster(cluster_nodes) == []
    await engine.import_story(tmp_path / "story.jsonl")
    await engine.act(session, "wait")
    await engine.delete_tenant()
    assert keys_of_cluster(cluster_nodes) == []


async def test_turns_that_wait_are_played_by_a_worker(settings: Settings, cluster_nodes: list[Server]) -> None:
    stopping = asyncio.Event()
    here = settings.model_copy(update={"queue": "workers"})
    async with open_engine(here) as engine, open_engine(here) as elsewhere:
        working = asyncio.create_task(elsewhere.work(stopping))
        session = (await engine.create("winter_light"))["session"]
        sent = [await engine.enqueue(session, action) for action in ("look around", "wait", "look around")]
        await engine.nudge(session)
        async with asyncio.timeout(60):
            for queued in sent:
                assert [e["kind"] async for e in engine.events(session, queued["turn_id"])][-2] == "committed"
        assert [turn["turn_id"] for turn in await engine.turns(session)][::-1] == [each["turn_id"] for each in sent]
        await check_played(engine, session)
        stopping.set()
        await working
        await engine.delete(session)
        assert [key for key in keys_of_cluster(cluster_nodes) if "docket" not in key] == []


async def test_a_backup_is_restored(engine: StoryEngine, cluster_nodes: list[Server], tmp_path: Path) -> None:
    session = (await engine.create("winter_light"))["session"]
    await engine.act(session, "look around")
    before = keys_of_cluster(cluster_nodes)
    await engine.backup(tmp_path / "backup.jsonl")
    await engine.delete(session)
    await engine.restore(tmp_path / "backup.jsonl")
    assert keys_of_cluster(cluster_nodes) == before
    assert (await engine.act(session, "wait"))["number"] == 2
