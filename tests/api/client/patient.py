"""Patience that does not keep a test waiting, and one that tells what it was asked to wait."""

import asyncio
from dataclasses import dataclass, field

from api.client import Patience


async def turn_loop(seconds: float) -> None:
    """Instead of the wait that was asked for, a moment in which others get on."""
    del seconds
    await asyncio.sleep(0.01)


HASTY = Patience(first_s=0.02, most_s=0.2, total_s=120.0, pause=turn_loop)


@dataclass
class Told:
    """Waits on a clock of its own, which only waiting moves."""

    waited: list[float] = field(default_factory=list)

    async def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        await asyncio.sleep(0)

    def patience(self, **changes: float) -> Patience:
        return Patience(pause=self.pause, chance=lambda: 0.0, clock=lambda: sum(self.waited), **changes)  # type: ignore[arg-type]
