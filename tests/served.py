"""The API over a socket of this machine, for what an in-process client cannot show."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn

from api.app import build_app
from api.serve import server_config
from graphs.engine import StoryEngine


@asynccontextmanager
async def served(engine: StoryEngine, *, send_buffer: int = 0) -> AsyncGenerator[str]:
    """Where it listens, `localhost:port`."""
    with socket.socket() as listening:
        if send_buffer:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(server_config(build_app(engine=engine)))
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"localhost:{listening.getsockname()[1]}"
        server.should_exit = True
        await task
