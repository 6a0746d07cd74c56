"""The real clock and ids. Tests and replays put others in their place (`agents/services.py` has the protocols)."""

import time
import uuid
from datetime import UTC, datetime

from agents.services import Clock, Ids


class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class TimeIds(Ids):
    """Time in milliseconds before random bits, as in UUID version 7 (RFC 9562)."""

    def new(self) -> str:
        return f"{time.time_ns() // 1_000_000:012x}{uuid.uuid4().hex[:20]}"
