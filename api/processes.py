"""`tta serve --processes N`: several processes behind one port, each the whole API, watched by one that serves nothing.

Python computes on one core a process, so a machine's cores are used by as many processes. Each listens on the port itself,
and the system deals connections out among them (SO_REUSEPORT, which only Linux deals out evenly). They share what replicas
share: the stores. One that dies is replaced; when the watching process goes, however it goes, so do they.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

from agents.errors import InvalidSetting

MOST = 64
LOOK_S = 0.1
STEADY_S = 10.0
"""One that has lived so long and dies is replaced at once; else after a pause that doubles, up to LONGEST_PAUSE_S."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

SHARED_FIGURES = "PROMETHEUS_MULTIPROC_DIR"
"""Where all processes write their figures, so that `/metrics` of any of them tells the sum: prometheus_client's own name."""


def check_processes(count: int) -> None:
    """Raises InvalidSetting where one port cannot be shared evenly."""
    if count > 1 and sys.platform != "linux":
        raise InvalidSetting(
            "--processes above 1 needs Linux, which deals connections out evenly",
            cure="Start several `tta serve` behind a balancer.",
        )


def share(listener: socket.socket) -> None:
    """Lets other sockets of this user listen on the same port."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


@dataclass
class _Child:
    process: "subprocess.Popen[bytes]"
    link: socket.socket
    """Its end tells the child that we are gone; a byte from it tells us that it serves."""
    began: float = field(default_factory=time.monotonic)
    ready: bool = False
    told: bool = False
    """To stop."""

    def look(self) -> int | None:
        """Its exit code, None while it runs; notes whether it serves."""
        if not self.ready:
            with suppress(OSError):  # it has said nothing yet, or is gone
                self.ready = self.link.recv(1) != b""
        return self.process.poll()


class Watch:
    """`count` processes of one command, each with `--link FD` added, from start to stop."""

    def __init__(self, command: Sequence[str], count: int, environment: Mapping[str, str]) -> None:
        self._command, self._count = tuple(command), count
        self._environment = dict(environment)
        self._children: list[_Child] = []
        self._stopping: int = 0
        self._pause = FIRST_PAUSE_S
        self._due = 0.0

    def run(self, says: str) -> int:
        """Until SIGINT or SIGTERM, which go to all of them. Prints `says` when all serve. The exit code: that of the first
        one, if it ends before it serves, for then so would the others.
        """
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return self._run(says)
        finally:
            self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self, says: str) -> int:
        first = self._start()
        while not first.ready and not self._stopping:
            if (code := first.look()) is not None:
                return code
            time.sleep(LOOK_S)
        told = False
        while not self._stopping:
            self._keep()
            if not told and len(self._children) == self._count and all(child.ready for child in self._children):
                print(says, flush=True)
                told = True
            time.sleep(LOOK_S)
        return 0

    def _keep(self) -> None:
        """As many as there should be, less those that wait for a pause to end."""
        for child in [child for child in self._children if child.look() is not None]:
            self._children.remove(child)
            self._bury(child)
            steady = time.monotonic() - child.began > STEADY_S
            self._pause = FIRST_PAUSE_S if steady else min(2 * self._pause, LONGEST_PAUSE_S)
            self._due = time.monotonic() + (0.0 if steady else self._pause)
            print(f"tta: {_ended(child.process)}; another takes its place.", file=sys.stderr, flush=True)
        while len(self._children) < self._count and time.monotonic() >= self._due:
            self._start()

    def _start(self) -> _Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*self._command, "--link", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **self._environment},
                start_new_session=True,  # a terminal's Ctrl-C would reach it twice, and the second ends it at once
            )
        self._children.append(_Child(process, ours))
        return self._children[-1]

    def _bury(self, child: _Child) -> None:
        child.link.close()
        if folder := self._environment.get(SHARED_FIGURES):
            from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

            mark_process_dead(child.process.pid, folder)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._stopping = number
        for child in self._children:
            # Who does not serve yet has nothing to end, and would tell of a SIGINT in many lines.
            child.process.send_signal(number if child.ready else signal.SIGTERM)
            child.told = True

    def _end_all(self) -> None:
        for child in self._children:
            if not child.told:  # the signal may come while one is being started
                child.process.terminate()
            child.process.wait()
            self._bury(child)


def _ended(process: "subprocess.Popen[bytes]") -> str:
    code = process.returncode
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"process {process.pid} {how}"


def url_of(host: str, port: int) -> str:
    """Where a server on that address is."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run_processes(host: str, port: int, count: int, *, any_host: bool) -> int:
    """Serves from `count` processes on a port that whoever calls keeps for them. The exit code."""
    command = [sys.executable, "-P", "-m", "api.cli", "serve", "--host", host, "--port", str(port)]
    url = url_of(host, port)
    says = f"TTA serves on {url} from {count} processes (documentation: {url}/docs); Ctrl-C stops it."
    with tempfile.TemporaryDirectory(prefix="tta-figures-", ignore_cleanup_errors=True) as folder:
        watch = Watch([*command, *(["--any-host"] if any_host else [])], count, {SHARED_FIGURES: folder})
        return watch.run(says)
