"""Running one accepted turn to its end: fresh or resumed, streamed into its event stream, traced and kept.

The three cases of "exactly once" (design.md, One turn) are decided here, before the graph runs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from agents.errors import ModelError, StoreError, StoreFull, StoryError, UnknownTurn, unforeseen
from agents.safety.redaction import OPEN, Redaction
from agents.services import Voice
from agents.story import Moment, Tier, Turn
from graphs.checkpoint.errors import CheckpointDamaged, CheckpointUnreadable
from graphs.events import Events
from graphs.inbox import Accepted, Inbox
from graphs.memory.protocol import StoryMemory
from graphs.memory.shapes import Scope
from graphs.state import TurnServices
from graphs.stores import REDIS_FAILS, Stores, translate_redis
from graphs.telemetry import annotate, bound, known_as, observe, operation
from graphs.trace import without_words
from graphs.untraced import kept_here

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

ATTEMPTS = 2
"""How often a turn is taken up again within one call when a store has failed under it."""

_INPUT = ("turn_id", "branch", "line", "action", "seed", "screened", "heard")
"""What the graph gets of an accepted action."""

SHAPE = "shape"
"""What a checkpoint's metadata calls the shape of the graph that wrote it."""

_TIERS: tuple[Tier, ...] = ("none", "check_in", "crisis")


class StreamVoice(Voice):
    """The gate's way out: LangGraph's custom stream, which the runner copies into the turn's event stream.

    On this side of it words are the player's own; on the gate's side they have placeholders.
    """

    def __init__(self, events: Events, turn_id: str, redaction: Redaction = OPEN) -> None:
        self._events = events
        self._redaction = redaction
        self._turn_id = turn_id
        self._before: list[str] = []
        self._begun: float | None = perf_counter()

    async def released(self) -> list[str]:
        self._before = await self._events.sentences(self._turn_id)
        return [self._redaction.hide(sentence) for sentence in self._before]

    def release(self, sentence: str) -> None:
        from langgraph.config import get_stream_writer  # noqa: PLC0415 - here a graph runs, so it is imported already

        sentence = self._redaction.restore(sentence)
        if sentence not in self._before:
            get_stream_writer()({"text": sentence})
            self._note_first()

    def _note_first(self) -> None:
        if self._begun is not None:
            seconds, self._begun = perf_counter() - self._begun, None
            observe("first_sentence", seconds)
            annotate(first_sentence_s=round(seconds, 6))


@lru_cache(maxsize=8)
def shape_of(graph: Any) -> str:
    """A fingerprint of a graph's nodes and keys: graphs of one shape can go on with each other's turns."""
    return sha256("\n".join([*sorted(graph.nodes), *sorted(graph.channels)]).encode()).hexdigest()[:16]


def worst_tier(turn: Turn) -> Tier:
    """The gravest tier of a turn's verdicts."""
    return _TIERS[max((_TIERS.index(verdict["tier"]) for verdict in turn["verdicts"]), default=0)]


@dataclass(frozen=True)
class BranchRecall:
    """Recall bound to the branch that the turn is played on."""

    memory: StoryMemory
    scope: Scope
    branch: str

    async def recall(self, query: str, *, limit: int) -> list[Moment]:
        return await self.memory.recall(self.scope, self.branch, query, limit=limit)


@dataclass(frozen=True)
class Runner:
    """Runs turns of one session. The session's lease is held by whoever calls."""

    graph: Any
    stores: Stores
    events: Events
    inbox: Inbox
    scope: Scope
    noted: Callable[[Turn], Awaitable[None]]
    """Tells the safety audit of a committed turn. Asked again after a crash, it notes nothing twice."""

    async def run(self, accepted: Accepted, services: TurnServices, *, new: bool = False) -> Turn:
        """The committed turn. Raises the StoryError that ended it; the event stream then ends with that error. What is
        `new` was accepted just now under an id that nobody else knows: its line is not asked whether it stopped in it.

        A turn that the model failed is given up; one that a store failed stays accepted and is resumed the next time.
        """
        ids = {"session": known_as(self.scope.session), "turn": known_as(accepted["turn_id"])}
        with bound(**ids), operation("turn", "play turn", session=ids["session"], turn=ids["turn"]) as watched:
            async with self.inbox.watched(accepted["turn_id"], services.halt):
                with kept_here():
                    turn = await self._patiently(accepted, services, new)
            watched.set(kind=turn["kind"], tier=worst_tier(turn))
            await self._end(accepted, turn, services)
        return turn

    async def _end(self, accepted: Accepted, turn: Turn, services: TurnServices) -> None:
        turn_id = turn["turn_id"]
        # The turn is committed: whatever fails now must not make anybody send it again. The next call tidies up.
        with suppress(Exception):
            await self._keep_trace(turn, services)
        with suppress(Exception):
            await self.noted(turn)  # before the inbox lets the turn go, so that whoever ends it after us notes it
        with suppress(*REDIS_FAILS, StoryError):
            if turn["kind"] != "story":
                await self.graph.checkpointer.adelete_thread(self.thread(accepted["line"]))
                await self._step_forward(accepted)
            await self.events.append(turn_id, "committed", {"turn": turn}, last=True)
            await self.inbox.clear()

    async def _patiently(self, accepted: Accepted, services: TurnServices, new: bool) -> Turn:
        """The turn, taken up again when a store failed under it and could be healed."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._once(accepted, services, new=new and attempt == 1)
            except StoreError as error:
                if attempt == ATTEMPTS or isinstance(error, StoreFull):
                    await self._fail(accepted, error, keep=True)
                    raise
                await self._heal(accepted)
            except StoryError as error:
                await self._fail(accepted, error, keep=False)
                raise
        raise AssertionError("the last attempt returns or raises")

    async def _heal(self, accepted: Accepted) -> None:
        try:
            await self.stores.heal()
        except StoryError as error:
            await self._fail(accepted, error, keep=True)
            raise

    async def _once(self, accepted: Accepted, services: TurnServices, *, new: bool) -> Turn:
        """One attempt. What nobody foresaw ends this turn and no other: it is a StoryError that keeps nothing."""
        try:
            # Also of a new turn: another process ends it, if the lease ran out since it was accepted.
            if stored := await self.stored(accepted["turn_id"]):
                return stored
            await self._step_back(accepted)
            if new:
                with suppress(CheckpointDamaged, CheckpointUnreadable):  # of the line's last turn: given up below
                    return await self._play(accepted, services)
                if stored := await self.stored(accepted["turn_id"]):  # or of this one, after its commit
                    return stored
            return await self._play(accepted, services, await self._resumes(accepted))
        except StoryError:
            raise
        except REDIS_FAILS as error:
            raise translate_redis(error, configured=self.stores.configured) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise unforeseen(error) from error  # something inside gave up by itself; the turn was not cancelled
        except Exception as error:
            raise unforeseen(error) from error

    async def _step_back(self, accepted: Accepted) -> None:
        """A retry is played on the parent of what it is played instead of."""
        if not accepted["instead_of"]:
            return
        position = await self.stores.memory.position(self.scope, accepted["branch"])
        if position["head"] == accepted["instead_of"]:
            await self.stores.memory.move_head(self.scope, accepted["branch"], back=1)

    async def _step_forward(self, accepted: Accepted) -> None:
        """Nothing came of a retry: HEAD is again where it was. Nothing happens if the branch has moved on."""
        if accepted["instead_of"]:
            await self.stores.memory.restore_head(self.scope, accepted["branch"], accepted["instead_of"])

    async def give_up(self, accepted: Accepted, error: StoryError | None = None) -> None:
        """The turn is not taken up again; its stream ends with that."""
        often = ModelError("The turn was interrupted too often and is given up", cure="Send the action again.")
        await self._fail(accepted, error or often, keep=False)

    async def turned_away(self, turn_id: str, error: StoryError) -> None:
        """Tells whoever reads along that nothing comes of the turn."""
        told: dict[str, Any] = {"code": error.code, "detail": error.cause}
        await self.events.append(turn_id, "error", told | ({"help": error.help} if error.help else {}), last=True)

    async def stored(self, turn_id: str) -> Turn | None:
        """The turn if it is in story memory already."""
        try:
            return await self.stores.memory.turn(self.scope, turn_id)
        except UnknownTurn:
            return None

    async def _resumes(self, accepted: Accepted) -> bool:
        """Whether the line's thread stopped in this very turn, in the graph that began it: `astream(None)` goes on there.

        After a deploy the next node may be another, or miss its keys: then the turn begins again, with what is out.
        """
        state = await self._unfinished(accepted["line"])
        begun_here = state.values.get("turn_id") == accepted["turn_id"] and bool(state.next)
        return begun_here and (state.metadata or {}).get(SHAPE) == shape_of(self.graph)

    async def _play(self, accepted: Accepted, services: TurnServices, resumes: bool | None = None) -> Turn:
        """`resumes`: whether the graph goes on where it stopped; None for a new turn, which nobody has begun."""
        annotate(resumed=bool(resumes) or accepted["tries"] > 0)
        if resumes is not None:  # whichever node it goes on with: what is out already is not said again
            await services.voice.released()
        turn: Turn | None = None
        stream = self.graph.astream(
            None if resumes else {key: accepted[key] for key in _INPUT},
            {**self.config(accepted["line"]), "metadata": {SHAPE: shape_of(self.graph)}},
            context=services,
            stream_mode=["custom", "updates"],
            durability="sync",
        )
        # Closed in any case: LangGraph's own tasks are still writing checkpoints when a turn is cancelled.
        async with aclosing(stream):
            async for mode, chunk in stream:
                if mode == "custom":
                    await self.events.append(accepted["turn_id"], "sentence", chunk)
                elif "commit" in chunk:
                    turn = cast(Turn, chunk["commit"]["turn"])
        if turn is None:
            # Another process had the lease when ours ran out, as it may while a store is gone, and was done first.
            turn = await self.stored(accepted["turn_id"])
        if turn is None:
            raise ModelError("The turn ended without a commit", cure="Run `tta trace` on the session.")
        return turn

    async def _unfinished(self, line: str) -> Any:
        """The thread's state. One that cannot be read is given up: story memory has all that lasts."""
        try:
            return await self.graph.aget_state(self.config(line))
        except (CheckpointDamaged, CheckpointUnreadable):
            await self.graph.checkpointer.adelete_thread(self.thread(line))
            return await self.graph.aget_state(self.config(line))

    def thread(self, line: str) -> str:
        """The LangGraph thread of a line: one a line, so that a thread's latest is never ambiguous."""
        return f"{self.scope.tenant}:{self.scope.session}:{line}"

    def config(self, line: str) -> "RunnableConfig":
        return {"configurable": {"thread_id": self.thread(line)}}

    async def _keep_trace(self, turn: Turn, services: TurnServices) -> None:
        entries = await services.trace.entries()
        if turn["kind"] != "story":
            entries = [without_words(entry) for entry in entries]
        if entries:
            await self.stores.memory.put_trace(self.scope, turn["turn_id"], [dict(entry) for entry in entries])
            await services.trace.drop()

    async def _fail(self, accepted: Accepted, error: StoryError, *, keep: bool) -> None:
        """Tells the readers of the stream; nothing more can be done if the store is what failed."""
        with suppress(*REDIS_FAILS, StoryError):
            await self.turned_away(accepted["turn_id"], error)
            if not keep:
                await self._step_forward(accepted)
                await self.inbox.clear()
