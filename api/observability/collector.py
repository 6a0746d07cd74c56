"""The collector that traces go to: whether it listens, and one line where it takes nothing."""

import logging
import os
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

from agents.errors import InvalidSetting, StoryError

_NAMES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_USUAL = "http://localhost:4318"
"""Where OpenTelemetry's exporter looks for a collector that no variable names."""

_PORTS = {"http": 80, "https": 443}
WAIT_S = 1.0
"""Seconds to wait for a collector to take a connection."""

_CURE = "Start it, name another in OTEL_EXPORTER_OTLP_ENDPOINT, or take TTA_OTEL out."


class NoCollector(StoryError):
    title = "Traces cannot be sent"


def named_endpoints() -> list[str]:
    """The variables that name a collector; what they hold may be a secret."""
    return [name for name in _NAMES if os.environ.get(name)]


def check_collector() -> None:
    """Raises InvalidSetting where nothing listens at the collector's address. Nothing is sent; no address is told."""
    named = named_endpoints()
    where = named[-1] if named else "on this machine"  # the one for traces goes before the one for everything
    try:
        found = urlsplit(os.environ[where] if named else _USUAL)
        host, port = found.hostname or "", found.port or _PORTS.get(found.scheme, 0)
    except ValueError:
        host, port = "", 0
    if not host or not port:
        raise InvalidSetting(f"{where} names no collector", cure="Give its address, such as http://localhost:4318.")
    try:
        socket.create_connection((host, port), timeout=WAIT_S).close()
    except (OSError, UnicodeError):
        raise InvalidSetting(f"Traces are to go to a collector, and none listens ({where})", cure=_CURE) from None


@contextmanager
def telling_once() -> Generator[None]:
    """While it lasts, what OpenTelemetry logs of its sending comes as one line on stderr, once, in our words."""
    handler, logger = _Once(logging.WARNING), logging.getLogger("opentelemetry")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Once(logging.Handler):
    """Tells the first trouble. Where a log is written (`tta serve`), it has the lines, and this is silent."""

    told = False

    def emit(self, record: logging.LogRecord) -> None:
        del record  # its words may hold the address, and that a key
        if self.told or logging.getLogger().handlers:
            return
        self.told = True
        error = NoCollector("The collector of traces does not answer, or takes none", cure=_CURE)
        print(f"tta: {error.line()}", file=sys.stderr)
