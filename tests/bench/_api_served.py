"""The processes that the benchmarks of the API run against, and a client of them."""

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from api.cli.benchmarks import BenchFailed

PATIENCE_S = 120
HERE = Path(__file__).parent


@asynccontextmanager
async def served(pause_s: float, processes: int = 1) -> AsyncGenerator[tuple[Process, str]]:
    """Our API on a store of its own, and its address; of several processes the one that watches them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        # -P: the folder has an `api.py` of its own
        command = (sys.executable, "-P", str(HERE / "_api_server.py"), home, str(pause_s), str(processes))
        async with process_of(*command, cwd=str(HERE.parents[1]), stdout=PIPE) as server:
            yield server, await _address(server)


async def _address(server: Process) -> str:
    """What the line says that tells where it serves."""
    assert server.stdout
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while line := await server.stdout.readline():
                if b"http://" in line:
                    return line.split(b" on ")[1].split()[0].decode()
    raise BenchFailed("The API did not come up")


@asynccontextmanager
async def process_of(*command: str, cwd: str, stdout: int = DEVNULL) -> AsyncGenerator[Process]:
    made = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=stdout, stderr=DEVNULL, start_new_session=True
    )
    try:
        yield made
    finally:
        if made.returncode is None:
            os.killpg(made.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(made.communicate(), 40)
        except TimeoutError:
            os.killpg(made.pid, signal.SIGKILL)
            await made.wait()


def client_of(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=PATIENCE_S)
