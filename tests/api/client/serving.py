"""`tta serve` as a process of its own, which can be killed and started again under the same address."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).parents[3]


class Serving:
    """One address and the process that serves it."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.port = free_port()
        self.host = f"localhost:{self.port}"
        self.url = f"http://{self.host}"
        self._env = {**os.environ, "TTA_DATA_DIR": str(home), "TTA_LINGER_S": "0.5", **variables}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it has said that it serves."""
        command = [sys.executable, "-m", "api.cli", "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self._env, cwd=ROOT
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert f":{self.port}" in line, line

    def kill(self) -> None:
        """As a machine that loses its power; nothing is tidied up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.communicate()
            self._process = None


@contextmanager
def serving(home: Path, **variables: str) -> Iterator[Serving]:
    """A server that runs."""
    made = Serving(home, **variables)
    made.start()
    try:
        yield made
    finally:
        made.stop()
