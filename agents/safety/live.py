"""Rules that are read again when their file changes, while stories are played.

A new file takes over only if it is valid and all of its own cases hold; else the last good rules stay in force, `fault` says
why, and an error is logged with the file and the rule. The reading is done in a thread: a turn never waits for it.
"""

import logging
import threading
import time
from pathlib import Path

from agents.errors import InvalidSetting
from agents.safety.cases import check_cases
from agents.safety.normalise import Views
from agents.safety.rules import Finding, RuleSet, check_gate, load_rules
from agents.story import Tier

LOOK_EVERY_S = 1.0
"""Seconds between two looks at the file: a look costs some microseconds."""

_log = logging.getLogger(__name__)


class LiveRules:
    """The detector of one file of rules. Safe to share between threads."""

    def __init__(self, path: Path, *, every_s: float = LOOK_EVERY_S) -> None:
        """Raises InvalidSetting for a file that cannot be used: without any rules there is nothing to fall back to."""
        self._path = path
        self._every_s = every_s
        self._looked = time.monotonic()
        self._seen = _stamp(path)
        self._lock = threading.Lock()
        self.rules: RuleSet = load_rules(path)
        """Those in force."""
        self.fault: InvalidSetting | None = None
        """Why the file as it is now is not in force; None while it is."""

    @property
    def version(self) -> str:
        """That of the rules in force."""
        return self.rules.version

    def __call__(self, text: Views, risk: Tier) -> list[Finding]:
        """What the rules in force find. Begins to read the file again, if it has changed."""
        now = time.monotonic()
        if now - self._looked >= self._every_s:
            self._looked = now
            if _stamp(self._path) != self._seen and not self._lock.locked():
                threading.Thread(target=self.reload, name="tta-safety-rules", daemon=True).start()
        return self.rules(text, risk)

    def warm(self) -> None:
        """Compiles all patterns now, so that the first text that touches many of them does not wait for it."""
        self.rules.warm()

    def reload(self) -> None:
        """Reads the file now, if it has changed. Raises nothing: what cannot be used is told in `fault` and in the log."""
        with self._lock:
            stamp = _stamp(self._path)
            if stamp == self._seen:
                return
            self._seen = stamp  # before the file is read: what is written meanwhile is seen the next time
            try:
                rules = load_rules(self._path)
                check_cases(rules)
                check_gate(rules, self.rules.file.gate, str(self._path))
            except Exception as error:  # whatever is wrong with it, the last good rules stay
                self.fault = error if isinstance(error, InvalidSetting) else _unreadable(self._path)
                _log.error("safety rules kept: %s: %s", self.fault.place, self.fault.cause)
            else:
                self.rules, self.fault = rules, None
                _log.warning("safety rules in force: %s, version %s", self._path.name, rules.file.version)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells one state of a file from another; None for a file that is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _unreadable(path: Path) -> InvalidSetting:
    return InvalidSetting("The safety file cannot be used", place=str(path), cure="Restore it.")
