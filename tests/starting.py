"""`tta serve` or `tta worker` as a process of a test: how it is started, and where it says that it is."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]

Serve = Callable[..., "subprocess.Popen[str]"]


@contextmanager
def starting(data_dir: Path, what: str = "serve") -> Iterator[Serve]:
    """Starts that command of `tta`; whatever still runs at the end is stopped, and what it watches with it."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
        env = {**os.environ, "TTA_DATA_DIR": str(data_dir), "TTA_LINGER_S": "0.2", **variables}
        command = [sys.executable, "-m", "api.cli", what, *arguments]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env, cwd=ROOT))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def url_of(process: "subprocess.Popen[str]", says: str = "") -> str:
    """The URL that it says it serves on, in a line that has those words, too."""
    assert process.stdout
    line = process.stdout.readline()
    found = re.search(r"http://\S+?:\d+", line)
    assert found, line or process.communicate()
    assert says in line
    return found[0]
