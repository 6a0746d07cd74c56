"""Failover, resharding, a server killed in mid-turn, a thousand threads: what is acknowledged is there."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from drawn import Run
from langgraph.checkpoint.base.id import uuid6
from redis.asyncio import Redis, RedisCluster, Sentinel
from redis_servers import SLOTS, Server, running, wait_until
from redis_servers import Sentinel as SentinelServer
from test_saver import LARGE, checkpoint, id_of, ids, line, put_turns

from graphs.checkpoint import (
    RedisSaver,
    StoreReadOnly,
)


async def test_a_replica_is_told(tmp_path: Path, server: Server) -> None:
    replica = Server(tmp_path, "--replicaof", "127.0.0.1", str(server.port))
    with running(replica):
        async with RedisSaver.from_url(server.url) as primary, RedisSaver.from_url(replica.url) as saver:
            (at,) = await put_turns(primary, "t", 1)
            with replica.client() as client:
                wait_until(lambda: client.info("replication")["master_link_status"] == "up")
                wait_until(lambda: client.dbsize() == 2)
            with pytest.raises(StoreReadOnly, match="primary"):
                await put_turns(saver, "t", 1)
            assert await ids(primary, line("t")) == [id_of(at)]


async def test_a_cluster_that_moves_slots_while_it_is_written(cluster_nodes: list[Server]) -> None:
    """A slot with threads in it goes to another node, key by key, while they are written and read."""
    client = RedisCluster(host="127.0.0.1", port=cluster_nodes[0].port)
    saver = RedisSaver(client, prefix="moving", keep=2, patience=30)
    runs = [Run(saver, thread=f"{{t}}{number}") for number in range(4)]
    moved = asyncio.Event()

    async def play(run: Run) -> None:
        turns = 0
        while not moved.is_set() or turns < 3:
            assert "Store" not in await run.do(("say", f"turn {turns}"), "sync")
            assert "Store" not in await run.do(("answer", "yes"), "sync")
            turns += 1
            said = (await run.app.aget_state(run.config)).values["said"]
            assert [s for s in said if s.startswith("turn")] == [f"turn {n}" for n in range(turns)]

    playing = [asyncio.create_task(play(run)) for run in runs]
    try:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(move_slots, cluster_nodes, "moving:")
        moved.set()
        await asyncio.gather(*playing)
        for run in runs:
            await saver.adelete_thread(run.thread)
    finally:
        for task in playing:
            task.cancel()
        await client.aclose()


def move_slots(nodes: list[Server], prefix: str) -> None:
    """The slots that hold keys of the prefix go to the next node, as `redis-cli --cluster reshard` moves them."""
    names = [client.execute_command("CLUSTER", "MYID").decode() for client in (node.client() for node in nodes)]
    for number, node in enumerate(nodes):
        target = (number + 1) % len(nodes)
        with node.client() as source, nodes[target].client() as there:
            slots = {source.execute_command("CLUSTER", "KEYSLOT", key) for key in source.keys(f"{prefix}*")}
            for slot in sorted(slots):
                assert 0 <= slot < SLOTS
                there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[number])
                source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
                while keys := source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 10):
                    for key in keys:
                        source.execute_command("MIGRATE", "127.0.0.1", nodes[target].port, key, 0, 5000)
                        time.sleep(0.02)
                for owner in (there, source):
                    owner.execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[target])


async def test_a_failover_is_a_wait(tmp_path: Path) -> None:
    """The primary dies, the sentinel makes the replica the primary, and the story goes on with what was acknowledged."""
    primary = Server(tmp_path)
    replica = Server(tmp_path, "--replicaof", "127.0.0.1", str(primary.port))
    watching = SentinelServer(tmp_path, primary)
    with running(watching, replica, primary):
        with watching.client() as client:
            wait_until(lambda: client.execute_command("SENTINEL", "REPLICAS", "stories"))
        with replica.client() as client:  # its first copy of the primary takes seconds
            wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        sentinel = Sentinel([("127.0.0.1", watching.port)], socket_timeout=1)
        saver = RedisSaver(sentinel.master_for("stories", socket_timeout=1), patience=30)
        stored = await put_turns(saver, "t", 3)
        with primary.client() as client:
            assert client.wait(1, 5000) == 1
        primary.kill()
        began = time.monotonic()
        stored += await put_turns(saver, "t", 2)
        print(f"a failover took {time.monotonic() - began:.1f} s")
        assert await ids(saver, line("t")) == [id_of(config) for config in reversed(stored)]
        assert isinstance(saver._server.client, Redis)  # pyright: ignore[reportPrivateUsage]
        await saver._server.client.aclose()  # pyright: ignore[reportPrivateUsage]
        for node in sentinel.sentinels:
            await node.aclose()


@pytest.mark.timeout(3600)
async def test_a_server_killed_in_mid_turn_keeps_every_acknowledged_superstep(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """`appendfsync always`: whatever the saver had said was stored is there after kill -9, at any moment of a turn."""
    kills, chance = int(request.config.getoption("--server-kills")), random.Random(1)
    acknowledged: list[str] = []
    kept = 0
    for kill in range(kills):
        async with RedisSaver.from_url(server.url, keep=3, patience=0.2) as saver:
            spy(saver, acknowledged)
            run = Run(saver, thread="story")
            playing = asyncio.create_task(play_on(run))
            # Every fourth at any moment, the others after something was acknowledged, which takes a busy machine longer.
            while kill % 4 and not acknowledged and not playing.done():
                await asyncio.sleep(0)
            await asyncio.sleep(chance.uniform(0.01, 0.15))
            await asyncio.to_thread(server.kill)
            with suppress(Exception):
                await playing
        await asyncio.to_thread(server.start)
        async with RedisSaver.from_url(server.url) as saver:
            if acknowledged:
                found = await saver.aget_tuple(line("story"))
                assert found, f"after kill {kill}"
                assert found.checkpoint["id"] >= acknowledged[-1], f"after kill {kill}"
                kept += 1
            acknowledged.clear()
    assert kept > kills / 2
    print(f"{kills} kills, {kept} of them after a superstep had been acknowledged: each was there")


async def play_on(run: Run) -> None:
    for turn in range(1000):
        await run.app.ainvoke({"said": [f"turn {turn}"]}, run.config, durability="sync")


def spy(saver: RedisSaver, acknowledged: list[str]) -> None:
    """Notes each checkpoint once the saver has said that it is stored."""
    put: Callable[..., Awaitable[Any]] = saver.aput

    async def noting(config: Any, one: Any, metadata: Any, versions: Any) -> Any:
        answer = await put(config, one, metadata, versions)
        acknowledged.append(one["id"])
        return answer

    saver.aput = noting  # type: ignore[method-assign]


@pytest.mark.timeout(600)
async def test_a_thousand_threads_at_once(client: Redis | RedisCluster) -> None:
    """Written 50 at a time, then all read back, each as it was written."""
    saver, gate = RedisSaver(client, keep=5), asyncio.Semaphore(50)

    async def write(number: int) -> tuple[str, Any]:
        async with gate:
            stored = await put_turns(saver, f"story {number}", 3)
            fork = checkpoint({"prose": f"fork {number} {LARGE}"}, {"prose": "f"})
            last = await saver.aput(
                stored[-1], {**fork, "id": str(uuid6())}, {"source": "fork", "step": 9}, {"prose": "f"}
            )
            return f"story {number}", last

    written = dict(await asyncio.gather(*(write(number) for number in range(1000))))
    other = RedisSaver(client)

    async def read(thread: str, last: Any) -> None:
        async with gate:
            found = await other.aget_tuple(line(thread))
            assert found
            assert found.config == last
            number = thread.split()[1]
            assert found.checkpoint["channel_values"]["prose"] == f"fork {number} {LARGE}"
            assert len(await ids(other, line(thread))) == 4

    await asyncio.gather(*(read(thread, last) for thread, last in written.items()))
