"""What a turn costs whoever plays it, as the engine sees it: asked for before it is accepted, counted once it is told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from agents.errors import StoryError
from agents.story import Turn, Verdict
from graphs.auditing import StoryAuditor
from graphs.memory.shapes import Session
from graphs.quotas import read_quotas

if TYPE_CHECKING:
    from graphs.limits import Limits

Permit = Callable[[Session], Awaitable[None]]
"""Asked once before a turn is accepted that a model may tell; what it raises turns the action away, and nothing is done."""


class Entrance(NamedTuple):
    """What a turn passes on its way in: who may turn it away at last, and where it is said that it is accepted."""

    permit: Permit
    accepted: "asyncio.Future[None]"
    new: bool = False
    """Whether its id was made just now: no turn of that id is stored anywhere."""


async def freely(_: Session) -> None:
    """Whoever plays without the API plays without limits."""


def is_answered_with_help(verdict: Verdict | None) -> bool:
    """Whether fixed words of ours answer a person at risk: that takes no model, and no limit may stand before it."""
    return verdict is not None and verdict["action"] in ("crisis", "check_in")


class StoryMeter(StoryAuditor):
    """The metering part of StoryEngine."""

    @cached_property
    def limits(self) -> "Limits":
        """What has been used up of the limits."""
        from graphs.limits import Limits  # noqa: PLC0415 - a tenth of a second that who plays at a terminal does not pay

        return Limits(self._stores, self.settings.tenant)

    async def _note_turn(self, turn: Turn) -> None:
        """The verdicts, then the tokens of a committed turn. Asked again after a crash, it may count the tokens again."""
        try:
            await super()._note_turn(turn)
        finally:
            await self._count_tokens(turn)

    async def _count_tokens(self, turn: Turn) -> None:
        """Without a store they are not counted: the turn is told, and the next one needs that store."""
        quota, spent = read_quotas(self.settings).tokens, turn["usage"]["input_tokens"] + turn["usage"]["output_tokens"]
        if quota and spent:
            with suppress(StoryError):
                player = (await self.memory.session(self.scope(turn["session"])))["player"]
                await self.limits.spend(quota, f"player {player}", spent)
