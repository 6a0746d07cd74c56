"""A primary that dies: whoever waits for it is told in words of ours, and goes on once another has its place, or it is back."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis_servers import Server, cluster, cluster_url_of, replica_of

from agents.errors import StoreUnavailable
from agents.story import Turn
from graphs.cluster import client
from graphs.cluster.commands import slot_of
from graphs.engine import StoryEngine, open_engine
from graphs.keys import story_key
from graphs.settings import read_settings

MISSED_AFTER_MS = 500
"""After so much silence of a primary its replica takes its place."""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Server]]:
    with cluster(tmp_path / "cluster", missed_after_ms=MISSED_AFTER_MS) as made:
        yield made


def primary_of(nodes: list[Server], session: str) -> Server:
    """Who has the session's own keys: each has a third of the slots, in order."""
    return nodes[min(2, slot_of(story_key("inbox", f"local:{session}")) * 3 // 16_384)]


@asynccontextmanager
async def told(nodes: list[Server], data_dir: Path) -> AsyncGenerator[tuple[StoryEngine, str, Turn, Server]]:
    """An engine, a session with its first turn, and the primary that has its keys."""
    settings = read_settings(redis_url=cluster_url_of(nodes), data_dir=data_dir, linger_s=0.2)
    async with open_engine(settings) as engine:
        session = (await engine.create("winter_light"))["session"]
        first = await engine.act(session, "look around")
        yield engine, session, first, primary_of(nodes, session)


async def played(engine: StoryEngine, session: str, action: str, turn_id: str) -> Turn:
    """The turn, sent again under its id for as long as the store is not there."""
    until = time.monotonic() + 40
    while True:
        try:
            return await engine.act(session, action, turn_id=turn_id)
        except StoreUnavailable:
            assert time.monotonic() < until


async def test_a_replica_takes_the_place_of_a_primary_and_the_story_goes_on(
    nodes: list[Server], tmp_path: Path
) -> None:
    async with told(nodes, tmp_path / "data") as (engine, session, first, dying):
        with replica_of(dying, tmp_path / "cluster", missed_after_ms=MISSED_AFTER_MS):
            dying.kill()
            second = await played(engine, session, "wait", "0" * 31 + "2")
            third = await engine.act(session, "look around")
            turns = [turn["turn_id"] for turn in await engine.turns(session)]
            assert turns == [third["turn_id"], second["turn_id"], first["turn_id"]]
            await engine.ping()  # all slots have a primary again
            await engine.delete(session)


async def test_a_primary_without_a_replica_is_missed_in_words_and_found_again(
    nodes: list[Server], tmp_path: Path
) -> None:
    async with told(nodes, tmp_path / "data") as (engine, session, _, dying):
        dying.kill()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            await engine.act(session, "wait")
        assert time.monotonic() - began < 20
        assert "TTA_REDIS_URL" in caught.value.line()
        with pytest.raises(StoreUnavailable):
            await engine.ping()
        dying.start()
        await played(engine, session, "wait", "0" * 31 + "2")
        assert len(await engine.turns(session)) == 2


async def test_a_worker_outlives_a_cluster_that_is_gone_as_a_whole(
    nodes: list[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 1.0)
    stopping = asyncio.Event()
    url = cluster_url_of(nodes)
    settings = read_settings(redis_url=url, data_dir=tmp_path / "data", linger_s=0.2, queue="workers")
    async with open_engine(settings) as engine, open_engine(settings) as elsewhere:
        session = (await engine.create("winter_light"))["session"]
        working = asyncio.create_task(elsewhere.work(stopping))
        await played_later(engine, session)
        for node in nodes:
            node.kill()
        with pytest.raises(StoreUnavailable):
            await engine.ping()  # asks for a second; a worker asks every tenth of one
        for node in nodes:
            node.start()
        await played_later(engine, session)
        assert not working.done()
        stopping.set()
        await working


async def played_later(engine: StoryEngine, session: str) -> None:
    """A turn that only a nudge, or a worker's look after what is left, has played."""
    turn_id = uuid.uuid4().hex
    async with asyncio.timeout(60):
        while True:
            try:
                await engine.enqueue(session, "look around", turn_id=turn_id)
                await engine.nudge(session)
                kinds = [event["kind"] async for event in engine.events(session, turn_id)]
            except StoreUnavailable:
                continue
            assert kinds[-2:] == ["committed", "end"]
            return
