"""`tta serve`: uvicorn on a port of this machine, until it is told to stop."""

import asyncio
import errno
import gc
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI

from agents.errors import InvalidSetting
from api.app import build_app
from api.bodies import DRAINED
from api.cli.output import engine_of
from api.heads import BoundedHeads
from api.logs import configure
from api.processes import run_processes, share, url_of
from api.readiness import Readiness
from graphs.settings import read_settings

PORTS_TRIED = 50
GRACE_S = 30
"""How long open connections may go on after the signal to stop. Their turns are brought to an end in any case."""


def free_port(host: str, port: int) -> int:
    """The port, or the next free one of the fifty after it; 0 asks for any. Raises InvalidSetting."""
    last = min(port + PORTS_TRIED, 65_535) if port else 0
    for candidate in range(port, last + 1):
        try:
            with _bound(host, candidate) as found:
                chosen: int = found.getsockname()[1]
                return chosen
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                cause = f"'{host[:60]}' is no address of this machine"
                raise InvalidSetting(cause, cure="Use 127.0.0.1.") from None
            if isinstance(error, PermissionError):
                raise InvalidSetting(f"Port {candidate} may not be used here", cure="Choose one above 1023.") from None
    raise InvalidSetting(f"No port from {port} to {last} is free on {host[:60]}", cure="Choose another --port.")


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # With its protocol: asyncio sets TCP_NODELAY only where it is named, and sentences would wait for each other's receipt.
    made = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # there it would share a taken port
        if shared:
            share(made)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def run_server(host: str, port: int, *, processes: int = 1, any_host: bool = False) -> int:
    """Serves until SIGINT or SIGTERM; turns that are running then are finished first. The exit code. Raises StoryError."""
    configure(read_settings().log)
    with opened(host, port, shared=processes > 1) as listener:
        if processes > 1:
            return run_processes(host, port, processes, any_host=any_host)
        asyncio.run(_serve(listener, host, port))
    return 0


def run_one_of_several(host: str, port: int, link: int) -> None:
    """As `run_server`, for the process at the other end of the socket `link`, and until that is gone."""
    configure(read_settings().log)
    with socket.socket(fileno=link) as watching, opened(host, port, shared=True) as listener:
        asyncio.run(_serve(listener, host, port, watching))


def opened(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that is bound to the port. Raises InvalidSetting."""
    try:
        return _bound(host, port, shared=shared)
    except OSError as error:
        cause = f"Port {port} on {host[:60]} cannot be opened: {error.strerror}"
        raise InvalidSetting(cause, cure="Choose another --port.") from None


async def _serve(listener: socket.socket, host: str, port: int, watching: socket.socket | None = None) -> None:
    """The engine is opened around the server, so that a store that is gone is one line and not a traceback."""
    async with engine_of() as engine:
        url = url_of(host, port)
        server = Server(server_config(build_app(engine=engine)), url, engine.settings.drain_s, watching)
        await server.serve([listener])


def server_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves the app."""
    return uvicorn.Config(
        app,
        http=BoundedHeads,
        access_log=False,
        log_config=None,
        server_header=False,
        ws_max_size=DRAINED,  # more is closed unread; what is too long for us is read for danger all the same
        ws_per_message_deflate=False,  # it would let a small message become a large one
        timeout_graceful_shutdown=GRACE_S,
    )


def leave_alone() -> None:
    """What is there when work begins, modules and models mostly, stays: the collector need not look through it again."""
    gc.collect()
    gc.freeze()


class Server(uvicorn.Server):
    """Says where it listens once it does, and leaves the closing of the engine to whoever opened it.

    Told to stop by SIGTERM it first says so at `/health/ready` for `drain_s` and serves as before, so that a balancer sends
    no more. A second signal ends that. One of several tells the process that is `watching`, and stops when that is gone.
    """

    def __init__(
        self, config: uvicorn.Config, url: str, drain_s: float = 0.0, watching: socket.socket | None = None
    ) -> None:
        super().__init__(config)
        self.url = url
        self._drain_s = drain_s
        self._watching = watching

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            leave_alone()
            if self._watching is not None:
                self._watching.send(b".")
                asyncio.get_running_loop().add_reader(self._watching, self._left, self._watching)
                return
            print(f"TTA serves on {self.url} (documentation: {self.url}/docs); Ctrl-C stops it.", flush=True)

    def _left(self, watching: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(watching)
        self.handle_exit(signal.SIGTERM, None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        readiness: Readiness = cast(FastAPI, self.config.app).state.readiness
        if sig == signal.SIGTERM and self._drain_s and not readiness.stopping:
            loop = asyncio.get_running_loop()
            loop.call_soon_threadsafe(loop.call_later, self._drain_s, super().handle_exit, sig, frame)
            readiness.stopping = True
            return
        readiness.stopping = True
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Uvicorn raises the signal again when it has ended, which would end the process before its turns."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
