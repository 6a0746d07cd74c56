"""`tta play` on a terminal of its own, for what only a person can do."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROMPT = r"\?2004h"
"""prompt-toolkit asks for bracketed paste, then draws the prompt."""


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, tmp_path: Path, *arguments: str, **variables: str) -> None:
        env = {
            **os.environ,
            "TTA_DATA_DIR": str(tmp_path / "data"),
            "TTA_LINGER_S": "0.2",
            "TERM": "xterm",
            "COLUMNS": "100",
            **variables,
        }
        self.master, slave = pty.openpty()
        command = [sys.executable, "-m", "api.cli", "play", *arguments]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ROOT, start_new_session=True
        )
        os.close(slave)
        self.shown = ""
        self._read = 0

    def until(self, pattern: str, within_s: float = 40) -> str:
        """Waits until the pattern is shown after what was waited for before; what was shown up to there."""
        deadline = time.monotonic() + within_s
        while not (found := re.compile(pattern, re.DOTALL).search(self.shown, self._read)):
            assert time.monotonic() < deadline, self.shown[self._read :]
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 65_536).decode(errors="replace")
        begin, self._read = self._read, found.end()
        return self.shown[begin : self._read]

    def type(self, line: str) -> None:
        os.write(self.master, f"{line}\r".encode())

    def close(self) -> int:
        code = self.process.wait(timeout=30)
        os.close(self.master)
        return code
