"""Whatever happens to the server, a call is carried out in the end, or it ends in one typed error with the store as it was.

uv run pytest tests/graphs/checkpoint/test_faults.py -s --server-kills 100
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ClusterError
from redis_servers import Server
from test_saver import id_of, ids, line, put_turns

from graphs.checkpoint import (
    RedisSaver,
    StoreRefused,
    StoreUnreachable,
)


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
    async with RedisSaver.from_url(server.url, patience=3) as saver:
        await put_turns(saver, "t", 1)
        server.kill()
        began = time.monotonic()
        with pytest.raises(StoreUnreachable):
            await put_turns(saver, "t", 1)
        assert time.monotonic() - began < 30
    server.start()


async def test_a_server_that_hangs_is_told_and_found_again(server: Server) -> None:
    assert server.process
    async with RedisSaver.from_url(server.url + "?socket_timeout=2", patience=3) as saver:
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


async def run_by_itself(program: str, server: Server) -> "subprocess.CompletedProcess[str]":
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]
    command = [sys.executable, "-c", program, server.url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


async def test_one_saver_over_several_loops(server: Server) -> None:
    """A loop that ends with a put under way takes neither the thread nor the client with it."""
    done = await run_by_itself(SEVERAL_LOOPS, server)
    first, *others = [int(line) for line in done.stdout.split()]
    assert others == [first + 1, first + 2]


SEVERAL_UVLOOPS = """
import sys, uvloop
from redis.asyncio import Redis
from test_saver import line, put_turns
from graphs.checkpoint import RedisSaver

client = Redis.from_url(sys.argv[1])
saver = RedisSaver(client, patience=3)
for _ in range(8):
    uvloop.run(put_turns(saver, "t", 1))
    print(uvloop.run(saver.aget_tuple(line("t"))).metadata["step"])
"""


async def test_one_saver_over_several_loops_of_uvloop(server: Server) -> None:
    pytest.importorskip("uvloop")
    done = await run_by_itself(SEVERAL_UVLOOPS, server)
    assert done.stdout.split() == ["0"] * 8


async def test_patience_is_one_span_for_all_tries(server: Server) -> None:
    assert server.process
    patience = 4.0
    async with RedisSaver.from_url(server.url, patience=patience) as saver:
        await put_turns(saver, "t", 1)
        server.process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnreachable):
                await saver.aget_tuple(line("t"))
            assert time.monotonic() - began < 2 * patience
        finally:
            server.process.send_signal(signal.SIGCONT)


async def test_a_slot_that_is_long_on_the_move_is_asked_again(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """redis-py gives up after sixteen tries within a moment, whatever the patience."""
    evalsha, given_up = redis.evalsha, list[Any]()

    async def moving(*args: Any) -> Any:
        if len(given_up) < 3:
            given_up.append(args)
            raise ClusterError("TTL exhausted.")
        return await evalsha(*args)

    monkeypatch.setattr(redis, "evalsha", moving)
    saver = RedisSaver(redis, patience=20)
    (at,) = await put_turns(saver, "t", 1)
    assert len(given_up) == 3
    assert await ids(saver, line("t")) == [id_of(at)]


class Cutting:
    """A proxy before a server that cuts connections after so many bytes of answers."""

    def __init__(self, server: Server) -> None:
        self.server, self.left = server, 1 << 30
        self.garbled = b""
        """Said once instead of an answer."""
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
            if bounded and self.garbled:
                data, self.garbled = self.garbled, b""
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


async def test_what_is_no_answer_ends_the_wire_and_the_call_is_made_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a call that is alone, too, which reads the socket by itself."""
    monkeypatch.setattr("graphs.checkpoint.wire.AWAKE_S", 5.0)
    async with cutting(server) as (proxy, url), RedisSaver.from_url(url, patience=20) as saver:
        await put_turns(saver, "t", 2)
        for _ in range(3):
            await saver.aget_tuple(line("t"))
        proxy.garbled = b"HTTP/1.1 502 Bad Gateway\r\n\r\n"
        assert await saver.aget_tuple(line("t"))
        assert not proxy.garbled
        assert len(await ids(saver, line("t"))) == 2


async def test_calls_beside_each_other_on_a_cut_wire_are_all_made_again(server: Server) -> None:
    async with cutting(server) as (proxy, url), RedisSaver.from_url(url, patience=20) as saver:
        await put_turns(saver, "warm", 1)
        proxy.left = 60
        calls = [asyncio.create_task(put_turns(saver, f"t{number}", 3)) for number in range(30)]
        await asyncio.sleep(0.2)
        proxy.left = 1 << 30
        for number, stored in enumerate(await asyncio.gather(*calls)):
            assert await ids(saver, line(f"t{number}")) == [id_of(config) for config in reversed(stored)]


async def test_a_wrong_password_is_told_without_waiting(server: Server) -> None:
    with server.client() as client:
        client.config_set("requirepass", "right")
    began = time.monotonic()
    async with RedisSaver.from_url(server.url.replace("//", "//:wrong@"), patience=10) as saver:
        with pytest.raises(StoreRefused) as told:
            await put_turns(saver, "t", 1)
    assert "wrong@" not in str(told.value)
    assert time.monotonic() - began < 5
