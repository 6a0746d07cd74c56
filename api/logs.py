"""Structured logs: one line an event on stderr, JSON unless a person is looking. Never a body, a player's text, a secret.

What other libraries log is reduced to who said it, where and how grave it is: their words may quote a prompt.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from graphs.telemetry import ids

_TRUSTED = ("uvicorn", "agents.safety.live")
"""Whose own words are kept: they are about connections, and about files of rules."""


def configure(form: Literal["", "json", "text"] = "", *, level: int = logging.INFO) -> None:
    """Sets up logging for this process. Called by entry points only."""
    as_text = form == "text" or (not form and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_ids,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [LibraryLogs(logging.WARNING)]
    root.setLevel(logging.WARNING)


def add_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: to which request, session, turn and trace a line belongs, unless it says so itself."""
    for name, value in ids().items():
        event.setdefault(f"{name}_id" if not name.endswith("_id") else name, value)
    return event


class LibraryLogs(logging.Handler):
    """Hands the records of other libraries on, without what they may quote."""

    def emit(self, record: logging.LogRecord) -> None:
        told: dict[str, Any] = {"library": record.name, "place": f"{record.filename}:{record.lineno}"}
        if record.name.startswith(_TRUSTED) and not record.exc_info:
            told["message"] = record.getMessage()[:300]
        if record.exc_info and record.exc_info[0]:
            told["error"] = record.exc_info[0].__name__
        structlog.get_logger("tta.library").log(record.levelno, "library", **told)


def frames(error: BaseException, *, limit: int = 6) -> list[str]:
    """Where an error came from, innermost last, as `file:line function`; not what it said."""
    found: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found[-limit:]
