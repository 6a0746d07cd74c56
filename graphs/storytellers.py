"""The models that tell stories, each opened once, and what those that are not on this machine are kept from.

Nothing else hands models to agents: whichever prompt an agent writes, it goes through the session's redaction
(`agents/models/shielded.py`). A session's redaction lives as long as the process plays it. It is begun with the session's
last actions, so that a number that only its sentence told to be a telephone's is known when a passage repeats it later.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from agents.models import open_model
from agents.safety.redaction import OPEN, Redact, Redaction, told_openly
from graphs.memory.protocol import StoryMemory
from graphs.memory.shapes import Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

REMEMBERED = 50
"""Actions that a session's redaction begins with."""

SESSIONS = 200
"""Sessions whose redaction is kept, those played last."""


class Storytellers:
    """Models by spec, redactions by session."""

    def __init__(self, memory: StoryMemory, setting: Redact, stack: AsyncExitStack) -> None:
        """What models hold open is closed with the stack."""
        self.models: dict[str, BaseChatModel] = {}
        self._memory = memory
        self._setting: Redact = setting
        self._stack = stack
        self._opening = asyncio.Lock()
        self._redactions: dict[Scope, Redaction] = {}

    async def open(self, spec: str) -> "BaseChatModel":
        """The model of a spec as it is, for nobody to tell it anything. Raises UnknownModel, InvalidSetting."""
        async with self._opening:
            if spec not in self.models:
                self.models[spec] = await self._stack.enter_async_context(open_model(spec))
            return self.models[spec]

    async def check(self, spec: str) -> None:
        """Opens a model, so that one that cannot work is told. The one that ships with TTA always works, and is not opened
        before it has something to tell. Raises as `open`.
        """
        if spec != "offline":
            await self.open(spec)

    async def told(self, scope: Scope, spec: str) -> "tuple[BaseChatModel, Redaction]":
        """The model for agents, and what puts the player's words back into what it says. Raises as `open` does."""
        from agents.models.shielded import shielded  # noqa: PLC0415 - LangChain
        from graphs.modelcalls import observed  # noqa: PLC0415 - as well

        redaction = OPEN if told_openly(self._setting, spec) else await self.redaction(scope)
        return shielded(observed(await self.open(spec), spec), redaction), redaction

    async def redaction(self, scope: Scope, action: str = "") -> Redaction:
        """The session's, with the values of the action that is about to be played. Traces have it whatever the model."""
        known = self._redactions.pop(scope, None)
        if known is None or known.full:
            known = Redaction()
            for turn in reversed(await self._memory.turns(scope, limit=REMEMBERED)):
                known.hide(turn["action"])
        known.hide(action)
        self._redactions[scope] = known  # the last of them all: the first is the one that was played longest ago
        if len(self._redactions) > SESSIONS:
            del self._redactions[next(iter(self._redactions))]
        return known

    def forget(self, scope: Scope) -> None:
        """The session is deleted."""
        self._redactions.pop(scope, None)
