"""What agents ask of the outside: protocols and the bundle that carries them through the graph.

Agents know no graph, no database and no HTTP. Clock, ids and chance are services too, so that a recorded turn can be
replayed exactly. Nodes get the bundle as `runtime.context`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from agents.characters import Protagonist
from agents.halt import Halt
from agents.prompts import Prompts
from agents.safety.redaction import Redaction
from agents.safety.screen import Screen
from agents.safety.telling import Telling
from agents.story import Moment
from agents.world.schema import World

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langgraph.runtime import Runtime


class Clock(Protocol):
    """Wall time for what is stored, a monotonic count for what is measured."""

    def now(self) -> datetime:
        """The current time in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary beginning; never goes back."""
        ...


class Ids(Protocol):
    def new(self) -> str:
        """A new id: 32 hex digits, sortable by time."""
        ...


class Recall(Protocol):
    async def recall(self, query: str, *, limit: int) -> Sequence[Moment]:
        """The most relevant past moments of the branch that is played, best first."""
        ...


class Embedder(Protocol):
    name: str

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector of unit length for each text, in their order, all of one dimension; long texts are read in part.

        Raises ModelError.
        """
        ...


class Voice(Protocol):
    """The way to the player. What was released cannot be taken back."""

    async def released(self) -> list[str]:
        """Sentences of this turn that are out already: empty, but for a turn that is resumed after a crash."""
        ...

    def release(self, sentence: str) -> None:
        """Lets one sentence out: one that a gate has checked, or fixed words of ours."""
        ...


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything that the agents of one turn may call."""

    world: World
    storyteller: "BaseChatModel"
    model: str
    """The storyteller's spec, `provider:name`."""
    prompts: Prompts
    screen: Screen
    telling: Telling
    """What may be told to this session's player."""
    recall: Recall
    voice: Voice
    clock: Clock
    ids: Ids
    redaction: Redaction = field(default_factory=Redaction)
    """What the storyteller is told as placeholders; its words get the values back where they leave for the player."""
    character: Protagonist | None = None
    """Whom the player is in this session, where they have said so."""
    locale: str = ""
    model_timeout_s: float = 60.0
    """Longest wait for the model's next words."""
    model_total_s: float = 180.0
    """Longest time that the telling of one turn may take."""
    reminder_tokens: int = 1_000
    """Budget of what the narrator is reminded of (`agents/narrative/reminders.py`)."""
    halt: Halt = field(default_factory=Halt)
    """Whether somebody wants the turn to stop."""


def __getattr__(name: str) -> Any:
    """`Runtime`, when a node asks for it: LangGraph takes over a second to import, and the first prompt needs no node."""
    if name == "Runtime":
        from langgraph.runtime import Runtime  # noqa: PLC0415

        return Runtime
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Clock", "Embedder", "Ids", "Recall", "Runtime", "Services", "Voice"]
