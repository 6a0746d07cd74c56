"""From the command to the first prompt of `tta play`, and what the imports cost."""

import os
import pty
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from _report import at_most, figures

from api.cli.benchmarks import BenchFailed, Report

COUNT = 10
PATIENCE_S = 60
PROMPT = re.compile(rb"\?2004h.*>", re.DOTALL)
"""prompt-toolkit asks for bracketed paste, then draws the prompt."""
AS_TTA = "from api.cli.main import keep_compiled; keep_compiled()"
IMPORTS = {
    "interpreter": "pass",
    "imports: langgraph": "import langgraph.graph.state",
    "imports: stores": "import redis.asyncio, falkordb.asyncio",
    "imports: engine": "import graphs.engine",
    "imports: all of tta play": "import api.cli.run, api.terminal.play, api.terminal.prompt, graphs.engine, graphs.embedded",
}


async def run(count: int, tell: Callable[[str], None]) -> Report:
    """Starts on an empty data directory, after one that only warms the file cache; a start is timed to its `> `."""
    first_prompt()
    starts: list[float] = []
    imports: dict[str, list[float]] = {what: [] for what in IMPORTS}
    for number in range(count):
        starts.append(first_prompt())
        for what, code in IMPORTS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"{AS_TTA}; {code}"], check=True)
            imports[what].append(time.perf_counter() - began)
        tell(f"{number + 1} of {count} starts")
    return Report(
        results={"first prompt": figures(starts)} | {what: figures(took) for what, took in imports.items()},
        bars=[at_most("seconds to the first prompt, median, at most", statistics.median(starts), 2.0)],
    )


def first_prompt() -> float:
    """Seconds until a terminal shows the prompt."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:  # its server may still be stopping
        master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "TTA_DATA_DIR": home, "TTA_LINGER_S": "0"}
        began = time.perf_counter()
        player = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "play"], stdin=slave, stdout=slave, stderr=slave, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        shown = b""
        try:
            while not PROMPT.search(shown):
                if not select.select([master], [], [], PATIENCE_S)[0]:
                    raise BenchFailed(f"No prompt came within {PATIENCE_S} s", cure="Try `tta play` by hand.")
                shown += os.read(master, 65536)
                if b"\x1b[6n" in shown:  # prompt-toolkit asks where the cursor is, as it would any terminal
                    os.write(master, b"\x1b[1;1R")
                    shown = shown.replace(b"\x1b[6n", b"")
            return time.perf_counter() - began
        finally:
            player.send_signal(signal.SIGTERM)
            player.wait()
            os.close(master)
