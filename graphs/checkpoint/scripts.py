"""The Lua that runs inside Redis: each call of the saver is one of these, whole or not at all, in one round trip.

KEYS are the thread's names and data (see `graphs.checkpoint.keys`), for APPLY and READ followed by those of newer
schemas. Only core commands. The files in `lua/` say what each takes and answers.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LUA = Path(__file__).parent / "lua"


@dataclass(frozen=True)
class Script:
    """A Lua script and the digest by which Redis remembers it."""

    text: str
    digest: str

    @classmethod
    def of(cls, *files: str) -> "Script":
        """The files one after the other, as one script: what a later one uses, an earlier one defines."""
        text = "\n".join((_LUA / f"{file}.lua").read_text(encoding="utf-8") for file in files)
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


APPLY = Script.of("newer", "thread", "oldest", "apply")
AFTER = Script.of("newer", "after", "thread", "replaced")
CUT = Script.of("thread", "oldest", "cut")
CUT_NEEDED = 2  # an answer of AFTER
READ = Script.of("newer", "read")
PAGE = Script.of("page")
NAMESPACES = Script.of("namespaces")
KEEP_LATEST = Script.of("thread", "keep_latest")
FORGET_RUNS = Script.of("thread", "forget_runs")
DUMP = Script.of("dump")
RESTORE = Script.of("restore")

Reply = Any  # what redis-py makes of a Lua table: lists of lists of bytes, as the files in lua/ tell
