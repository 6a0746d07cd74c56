"""`tta worker`: plays what waits until it is told to stop. It has a port only where its figures are asked for."""

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from api.app import build_figures_app
from api.cli.output import engine_of
from api.logs import configure
from api.processes import url_of
from api.serve import opened, server_config
from graphs.engine import StoryEngine

Place = tuple[str, int]
"""Host and port."""


def run_worker(concurrency: int, figures: Place | None = None) -> None:
    """Plays what waits until SIGINT or SIGTERM; turns that are running then are finished first. Raises StoryError.

    `figures` is where `/metrics` and `/health` are served meanwhile.
    """
    configure()
    with opened(*figures) if figures else nullcontext() as listener:
        asyncio.run(_work(concurrency, listener, figures))


async def _work(concurrency: int, listener: socket.socket | None, figures: Place | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with engine_of() as engine:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        engine.screen.warm_soon()
        async with _shown(engine, listener, stopping) if listener else nullcontext():
            where = f" Its figures: {url_of(*figures)}/metrics." if figures else ""
            print(f"TTA plays what waits, in {concurrency} sessions at once; Ctrl-C stops it.{where}", flush=True)
            await engine.work(stopping, concurrency=concurrency)


@asynccontextmanager
async def _shown(engine: StoryEngine, listener: socket.socket, stopping: asyncio.Event) -> AsyncGenerator[None]:
    """Figures are shown until the last turn is over; that it takes no more is told from `stopping` on."""
    app = build_figures_app(engine)
    config = server_config(app)
    config.lifespan = "off"
    config.timeout_graceful_shutdown = 1  # whoever keeps a connection open delays no deploy
    server = _Server(config)
    listener.listen()  # who asks at once waits a moment
    serving, telling = asyncio.create_task(server.serve([listener])), asyncio.create_task(_tell(stopping, app))
    try:
        yield
    finally:
        telling.cancel()
        server.should_exit = True
        await serving


async def _tell(stopping: asyncio.Event, app: FastAPI) -> None:
    await stopping.wait()
    app.state.readiness.stopping = True


class _Server(uvicorn.Server):
    """Signals are the worker's."""

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
