"""Whatever happens to the server, a call is carried out in the end, or it ends in one typed error with the store as it was.

uv run pytest tests/graphs/checkpoint/test_faults.py -s --server-kills 100
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
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
    StoreNewer,
    StoreReadOnly,
    StoreRefused,
    StoreUnreachable,
    ValueTooLarge,
)
from graphs.checkpoint.keys import SCHEMA


async def test_a_server_that_restarts_costs_a_wait_and_no_more(server: Server) -> None:
    async with RedisSaver.from_url(server.url, patience=20) as saver:
        (before,) = await put_turns(saver, "t", 1)
        server.kill()
        later = asyncio.create_task(put_turns(saver, "t", 1))
        await asyncio.sleep(0.3)
        assert not later.done()
        await asyncio.to_thread(server.start)
        (after,) = await later
        assert await ids(saver, line("t")) == [id_of(after), id_of(before)]


async def test_a_server_that_stays_away_is_told_within_the_patience(server: Server) -> None:
    async with RedisSaver.from_url(server.url, patience=0.5) as saver:
        await put_turns(saver, "t", 1)
        server.kill()
        began = time.monotonic()
        with pytest.raises(StoreUnreachable):
            await put_turns(saver, "t", 1)
        assert time.monotonic() - began < 5
    server.start()


async def test_a_server_that_hangs_is_told_and_found_again(server: Server) -> None:
    assert server.process
    async with RedisSaver.from_url(server.url + "?socket_timeout=0.3", patience=0.5) as saver:
        (before,) = await put_turns(saver, "t", 1)
        server.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnreachable):
                await saver.aget_tuple(line("t"))
        finally:
            server.process.send_signal(signal.SIGCONT)
        found = await saver.aget_tuple(line("t"))
        assert found
        assert found.config == before


async def test_a_call_that_cannot_be_sent_shifts_no_answer(redis: Redis) -> None:
    """What UTF-8 has no bytes for is refused, and whoever asks beside it gets their own thread's checkpoint."""
    saver = RedisSaver(redis)
    for thread in ("a", "b", "c"):
        await put_turns(saver, thread, 1)
    wrong = [line("\ud800"), line("a", "\ud800"), line("a", "", "\ud800"), line("a", "n\0l")]
    for config in wrong:
        calls = [saver.aget_tuple(line("a")), saver.aget_tuple(config), saver.aget_tuple(line("b"))]
        one, refused, other = await asyncio.gather(*calls, return_exceptions=True)
        if config["configurable"]["thread_id"] == "a":
            assert isinstance(refused, ValueError)
        for found, thread in ((one, "a"), (other, "b"), (await saver.aget_tuple(line("c")), "c")):
            assert found
            assert not isinstance(found, BaseException)
            assert found.checkpoint["id"] == (await ids(saver, line(thread)))[0]
    at = (await put_turns(saver, "a", 1))[0]
    with pytest.raises(ValueError, match="surrogates"):
        await saver.aput_writes(at, [("\ud800", 1)], "task")


SEVERAL_LOOPS = """
import asyncio, sys
from redis.asyncio import Redis
from test_saver import ids, line, put_turns
from graphs.checkpoint import RedisSaver

client = Redis.from_url(sys.argv[1])
saver = RedisSaver(client, patience=3)

async def leave_one():
    await put_turns(saver, "t", 1)
    await client.client_pause(300)
    left = asyncio.create_task(put_turns(saver, "t", 1))
    await asyncio.sleep(0.05)

async def go_on():
    await put_turns(saver, "t", 1)
    print(len(await ids(saver, line("t"))))

asyncio.run(leave_one())
for _ in range(3):
    asyncio.run(go_on())
"""


async def test_one_saver_over_several_loops(server: Server) -> None:
    """A loop that ends with a put under way takes neither the thread nor the client with it."""
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]
    command = [sys.executable, "-c", SEVERAL_LOOPS, server.url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    first, *others = [int(line) for line in done.stdout.split()]
    assert others == [first + 1, first + 2]


async def test_patience_is_one_span_for_all_tries(server: Server) -> None:
    assert server.process
    async with RedisSaver.from_url(server.url, patience=1) as saver:
        await put_turns(saver, "t", 1)
        server.process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnreachable):
                await saver.aget_tuple(line("t"))
            assert time.monotonic() - began < 2.5
        finally:
            server.process.send_signal(signal.SIGCONT)


class Cutting:
    """A proxy before a server that cuts connections after so many bytes of answers."""

    def __init__(self, server: Server) -> None:
        self.server, self.left = server, 1 << 30
        self.tasks: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.create_task(self._pass_on(reader, writer)))

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.server.port)
        up = asyncio.create_task(self._copy(reader, back, bounded=False))
        down = asyncio.create_task(self._copy(there, writer, bounded=True))
        try:
            await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            for end in (writer, back):
                end.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, bounded: bool) -> None:
        while data := await source.read(4096):
            if bounded:
                data, self.left = data[: self.left], max(0, self.left - len(data))
            target.write(data)
            with suppress(OSError):
                await target.drain()
            if not self.left:
                return


@asynccontextmanager
async def cutting(server: Server) -> AsyncGenerator[tuple[Cutting, str]]:
    proxy = Cutting(server)
    listener = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    async with listener:
        yield proxy, f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        await proxy.close()


@pytest.mark.parametrize("after", [0, 1, 3, 40, 700, 1500])
async def test_a_connection_cut_in_mid_reply_is_a_call_made_again(server: Server, after: int) -> None:
    """Whether or not the server had carried the call out: the second time has the effect of the first."""
    async with cutting(server) as (proxy, url), RedisSaver.from_url(url, patience=20) as saver:
        (at,) = await put_turns(saver, "t", 1)
        for call in (lambda: saver.aget_tuple(line("t")), lambda: put_turns(saver, "t", 1)):
            proxy.left = after
            running_call = asyncio.create_task(call())
            for _ in range(100):
                await asyncio.sleep(0.01)
                if proxy.left == 0 or running_call.done():
                    break
            proxy.left = 1 << 30
            assert await running_call
        found = await ids(saver, line("t"))
        assert len(found) == 2
        assert found[1] == id_of(at)


async def test_calls_beside_each_other_on_a_cut_wire_are_all_made_again(server: Server) -> None:
    async with cutting(server) as (proxy, url), RedisSaver.from_url(url, patience=20) as saver:
        await put_turns(saver, "warm", 1)
        proxy.left = 60
        calls = [asyncio.create_task(put_turns(saver, f"t{number}", 3)) for number in range(30)]
        await asyncio.sleep(0.2)
        proxy.left = 1 << 30
        for number, stored in enumerate(await asyncio.gather(*calls)):
            assert await ids(saver, line(f"t{number}")) == [id_of(config) for config in reversed(stored)]


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


async def test_a_wrong_password_is_told_without_waiting(server: Server) -> None:
    with server.client() as client:
        client.config_set("requirepass", "right")
    began = time.monotonic()
    async with RedisSaver.from_url(server.url.replace("//", "//:wrong@"), patience=10) as saver:
        with pytest.raises(StoreRefused) as told:
            await put_turns(saver, "t", 1)
    assert "wrong@" not in str(told.value)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("where", ["value", "write", "metadata"])
async def test_what_is_over_the_limit_is_named_and_changes_nothing(redis: Redis, where: str) -> None:
    saver = RedisSaver(redis, max_value=4096)
    (at,) = await put_turns(saver, "t", 1)
    before = {key: await redis.dump(key) for key in await redis.keys("*")}
    big = "x" * 5000
    values = {"prose": big} if where == "value" else {}
    metadata: Any = {"step": 2, "source": "loop", "note": big if where == "metadata" else ""}
    call = saver.aput(at, checkpoint(values, {"prose": "9"}), metadata, {"prose": "9"})
    if where == "write":
        call.close()
        call = saver.aput_writes(at, [("prose", big)], "task")
    with pytest.raises(ValueTooLarge, match="5,0"):
        await call
    assert {key: await redis.dump(key) for key in await redis.keys("*")} == before


async def test_a_write_too_large_fails_alone(redis: Redis) -> None:
    """What is asked in the same breath for the same thread is carried out."""
    saver = RedisSaver(redis, max_value=4096)
    (at,) = await put_turns(saver, "t", 1)
    told = await asyncio.gather(
        saver.aput_writes(at, [("prose", "x" * 5000)], "large"),
        saver.aput_writes(at, [("prose", "small")], "small"),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [ValueTooLarge, type(None)]
    found = await saver.aget_tuple(line("t"))
    assert found
    assert ("small", "prose", "small") in (found.pending_writes or [])


async def test_a_store_of_a_newer_version_is_not_begun_again(redis: Redis) -> None:
    await redis.zadd(f"tta:{SCHEMA + 2}:{{t}}:names", {"something": 0})
    for call in (RedisSaver(redis).aget_tuple(line("t")), put_turns(RedisSaver(redis), "t", 1)):
        with pytest.raises(StoreNewer, match=f"schema {SCHEMA + 2}"):
            await call
    assert len(await redis.keys("*")) == 1
    await put_turns(RedisSaver(redis), "other", 1)


async def test_a_store_of_a_newer_version_is_refused_however_often_one_asks(redis: Redis) -> None:
    """Who was told once, and tries again, must not be told that the thread is new."""
    await redis.zadd(f"tta:{SCHEMA + 1}:{{t}}:names", {"something": 0})
    saver = RedisSaver(redis, keep=2)
    for _ in range(3):
        with pytest.raises(StoreNewer):
            await saver.aget_tuple(line("t"))
        with pytest.raises(StoreNewer):
            await put_turns(saver, "t", 1)
    assert len(await redis.keys("*")) == 1


@pytest.mark.parametrize("undo", ["thread", "run", "prune", "copy"])
async def test_what_a_cancelled_caller_left_under_way_does_not_come_back(redis: Redis, undo: str) -> None:
    """A run is broken off and its story deleted: the put that was still to go out goes before, not after."""
    for ticks in range(1, 6):
        saver = RedisSaver(redis, keep=5)
        await put_turns(saver, "other", 1)
        (at,) = await put_turns(saver, "t", 1)
        made, config = checkpoint({"prose": LARGE}, {"prose": "9"}), {**at, "metadata": {"run_id": "r"}}
        broken_off = asyncio.create_task(saver.aput(config, made, {"source": "loop", "step": 7}, {"prose": "9"}))  # type: ignore[arg-type]
        for _ in range(ticks):
            await asyncio.sleep(0)
        broken_off.cancel()
        with suppress(asyncio.CancelledError):
            await broken_off
        if undo == "thread":
            await saver.adelete_thread("t")
        elif undo == "run":
            await saver.adelete_for_runs(["r"])
        elif undo == "prune":
            await saver.aprune(["t"])
        else:
            await saver.acopy_thread("other", "t")
        await asyncio.sleep(0.02)
        left = await ids(saver, line("t"))
        expected = {"thread": [], "run": [id_of(at)], "prune": [made["id"]], "copy": await ids(saver, line("other"))}
        assert left == expected[undo], ticks
        await redis.flushdb()


async def test_tasks_cancelled_before_they_began_leave_the_thread_usable(redis: Redis) -> None:
    """Somebody ends every task of the loop, at any moment of a call, and goes on with the loop."""
    for ticks in range(8):
        saver = RedisSaver(redis, keep=2)
        (at,) = await put_turns(saver, "t", 1)
        ended = asyncio.create_task(saver.aput_writes(at, [("a", 1)], "ended"))
        for _ in range(ticks):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(ended, return_exceptions=True)
        async with asyncio.timeout(2):
            await saver.aput_writes(at, [("a", 2)], "after")
        found = await saver.aget_tuple(at)
        assert found
        assert ("after", "a", 2) in (found.pending_writes or [])


@pytest.mark.parametrize("keep", [None, 2])
async def test_puts_that_come_late_twice_or_at_once_come_to_the_same(redis: Redis, keep: int | None) -> None:
    """One turn's checkpoints in any order, some twice, from several savers at once."""
    made: list[tuple[Any, Any, Any, Any]] = []
    at = line("t")
    for step in range(6):
        value = {"prose": f"{step} {LARGE}", "world": LARGE}
        one = checkpoint(value, {"prose": f"{step:08}", "world": "0"})
        if step:
            one = {**one, "versions_seen": {"node": {"prose": "0"}}}
        metadata = {"source": "loop" if step else "input", "step": step}
        made.append((at, one, metadata, {"prose": f"{step:08}", "world": "0"}))
        at = line("t", "", one["id"])
    accounts: list[Any] = []
    for seed in range(12):
        chance = random.Random(seed)
        savers = [RedisSaver(redis, keep=keep) for _ in range(3)]
        calls = [*made, *chance.choices(made, k=4)]
        if seed:
            chance.shuffle(calls)
        if seed % 3:
            await asyncio.gather(*(chance.choice(savers).aput(*call) for call in calls))
        else:
            for call in calls:
                await chance.choice(savers).aput(*call)
        found = await RedisSaver(redis).aget_tuple(line("t"))
        assert found
        counts = await redis.hmget("tta:3:{t}:data", [f"n\0\0prose\0{step:08}" for step in range(6)])
        listed = await ids(savers[0], line("t"))
        accounts.append((found.checkpoint, found.parent_config, listed[0], counts[-1]))
        if keep is None:
            assert len(listed) == 6
        await savers[0].adelete_thread("t")
    assert all(account == accounts[0] for account in accounts)


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
