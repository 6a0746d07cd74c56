"""Closing chapters: work after the commit, in tasks of its own, never in the player's way.

When a turn ends a chapter (`number % KEYFRAME == 0`), what its turns came to is summarised and kept in story memory. If
the process dies first, the next one makes up for it: at the next end of a chapter, or when somebody comes back and asks
for a recap. Whatever fails here costs a summary, never a turn.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.errors import StoreError, StoryError
from agents.narrative.summarise import Stretch, Summary, extract, summarise
from agents.prompts import Prompts
from agents.safety.redaction import Redaction
from agents.safety.telling import Telling
from agents.services import Clock
from agents.world.schema import World
from graphs.ending import end
from graphs.memory.protocol import StoryMemory
from graphs.memory.shapes import KEYFRAME, Chapter, Position, Scope
from graphs.untraced import kept_here

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

AT_ONCE = 32
"""Most chapters that one task closes: all of a block, so that a story from before there were chapters catches up soon."""

ASKED = 2
"""Of those, the newest are a model's; a story that catches up does not ask it for every old one."""

CLOSE_S = 5.0
"""Longest wait for the tasks when the engine closes; what is not closed then, the next process closes."""

_log = logging.getLogger(__name__)


def asks_model(spec: str) -> bool:
    """Whether a session's model writes its chapters. `offline` is rules itself; `local` answers one call at a time, so that
    the next turn would wait for the summary, and its context does not hold a chapter."""
    return spec != "offline" and spec.partition(":")[0] != "local"


def behind(position: Position) -> bool:
    """Whether the newest chapter that the branch could have is not closed."""
    return position["number"] // KEYFRAME * KEYFRAME > position["closed"]


@dataclass(frozen=True, kw_only=True)
class Writer:
    """What writing the chapters of one session takes."""

    scope: Scope
    world: World
    model: str
    """The session's spec."""
    storyteller: "Callable[[], Awaitable[tuple[BaseChatModel, Redaction]]]"
    """Opens the session's model, if it is asked, with what puts the player's words back into its summary."""
    telling: Telling
    clock: Clock


class Chapters:
    """The chapters that are being closed, one task a session at a time."""

    def __init__(self, memory: StoryMemory, prompts: Prompts, *, timeout_s: float) -> None:
        self._memory = memory
        self._prompts = prompts
        self._timeout_s = timeout_s
        self._tasks: dict[Scope, asyncio.Task[None]] = {}

    def begin(self, writer: Writer, branch: str) -> None:
        """Closes what is open on the branch, in a task; after the session's task that is running, if one is."""
        task = asyncio.create_task(self._after(self._tasks.get(writer.scope), writer, branch))
        self._tasks[writer.scope] = task
        task.add_done_callback(lambda done: self._ended(writer.scope, done))

    async def wait(self, scope: Scope, timeout_s: float) -> None:
        """Until the session's task is done, or so many seconds."""
        if task := self._tasks.get(scope):
            await asyncio.wait([task], timeout=timeout_s)

    async def stop(self, scope: Scope) -> None:
        """Ends the session's task: it is about to be deleted."""
        if task := self._tasks.get(scope):
            await end(task)

    async def close(self) -> None:
        """Waits for all tasks for a while and ends the rest."""
        if tasks := list(self._tasks.values()):
            _, late = await asyncio.wait(tasks, timeout=CLOSE_S)
            await end(*late)

    async def close_open(self, writer: Writer, branch: str) -> int:
        """Closes what is open on the branch, oldest first; how many. Raises StoryError."""
        opened = await self._memory.open_chapters(writer.scope, branch)
        asked = set(opened[-ASKED:]) if asks_model(writer.model) else set[str]()
        for turn_id in opened[:AT_ONCE]:
            await self._close(writer, turn_id, ask=turn_id in asked)
        return len(opened[:AT_ONCE])

    async def _close(self, writer: Writer, turn_id: str, *, ask: bool) -> None:
        made = await self._memory.open_chapter(writer.scope, turn_id)
        stretch = Stretch(
            world=writer.world,
            number=made["number"],
            turns=made["turns"],
            moments=made["moments"],
            before=made["before"],
            after=made["after"],
            so_far=made["so_far"],
        )
        summary = await self._summary(writer, stretch) if ask else extract(stretch, writer.telling.topics)
        if summary.fault:
            _log.info("chapter %d is told by rules: %s", made["number"], summary.fault)
        chapter = Chapter(
            turn_id=turn_id,
            number=made["number"],
            first=made["turns"][0]["number"],
            last=made["turns"][-1]["number"],
            text=summary.text,
            so_far=summary.so_far,
            source=summary.source,
            model=writer.model,
            usage=summary.usage,
            at=writer.clock.now().isoformat(),
        )
        await self._memory.close_chapter(writer.scope, chapter)

    async def _summary(self, writer: Writer, stretch: Stretch) -> Summary:
        try:
            storyteller, redaction = await writer.storyteller()
        except StoryError:  # a model that cannot be opened: the next turn says so
            return extract(stretch, writer.telling.topics)
        with kept_here():
            made = await summarise(stretch, storyteller, self._prompts, writer.telling, timeout_s=self._timeout_s)
        # Checked with placeholders, as a narration is; kept with the values.
        return replace(made, text=redaction.restore(made.text), so_far=redaction.restore(made.so_far))

    async def _after(self, running: "asyncio.Task[None] | None", writer: Writer, branch: str) -> None:
        if running is not None:
            await asyncio.wait([running])
        try:
            await self.close_open(writer, branch)
        except Exception as error:  # no turn's fault; its text may quote the player, so only the type is told
            # A store that fails is told by the next turn, too: at a terminal it is not said twice.
            level = logging.INFO if isinstance(error, StoreError) else logging.WARNING
            _log.log(level, "a chapter could not be closed: %s", type(error).__name__)

    def _ended(self, scope: Scope, task: "asyncio.Task[None]") -> None:
        if self._tasks.get(scope) is task:
            del self._tasks[scope]
