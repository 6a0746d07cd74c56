"""What a turn is accepted with: the action's verdict, its line, and everything that its agents may call.

What a person at risk wrote is screened before anything is written: such a turn is accepted with the verdict and without
the words, so that no store, no checkpoint and no append-only file ever holds them.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from agents.errors import Conflict, SessionPaused
from agents.safety.judge import Judge
from agents.services import Clock, Ids
from agents.story import Heard, Turn, Verdict
from graphs.chapters import Chapters
from graphs.clock import SystemClock, TimeIds
from graphs.inbox import Accepted, is_stopped
from graphs.memory.shapes import Position, Scope, Session
from graphs.preparing import StoryPreparer
from graphs.runner import BranchRecall, Runner, StreamVoice
from graphs.settings import Settings
from graphs.state import TurnServices
from graphs.stores import Stores
from graphs.storytellers import Storytellers
from graphs.waiting import Waiting, Waits

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class StoryAccepter(StoryPreparer):
    """The accepting part of StoryEngine. Every method raises a StoryError and nothing else."""

    def __init__(self, settings: Settings, stores: Stores, stack: AsyncExitStack) -> None:
        super().__init__(settings, stores)
        self.clock: Clock = SystemClock()
        self.ids: Ids = TimeIds()
        self._chapters = Chapters(stores.memory, self._prompts, timeout_s=settings.model_total_s)
        self._storytellers = Storytellers(stores.memory, settings.redact, stack)
        self._tasks: set[asyncio.Task[Turn]] = set()
        self._draining: dict[str, asyncio.Task[None]] = {}
        """By session: what plays the actions that wait there."""
        self._closing = False
        self._asked_for: set[str] = set()
        """Sessions in which something has begun to wait since that task last looked."""

    def use_model(self, spec: str, model: "BaseChatModel") -> None:
        """Sessions of that spec are told by this model from now on: one that was made elsewhere, or a fake of a test."""
        self._storytellers.models[spec] = model

    async def _entry(
        self, record: Session, text: str | None, turn_id: str, runner: Runner, *, waited: Waits | None = None
    ) -> Accepted:
        """What is accepted: the words of a story turn, or a verdict and no words. Without a text, the last one again.

        `waited`: it comes from those that waited, with the verdict that it had then or the turn that it takes back.
        """
        scope = self.scope(record["session"])
        position = await self.memory.position(scope)
        instead_of = ""
        if text is None:
            last = await self.memory.turns(scope, limit=1)
            if not last:
                raise Conflict("There is nothing to retry: this is the beginning", cure="Play a turn first.")
            text, instead_of = last[0]["action"], last[0]["turn_id"]
        elif waited and waited["instead_of"] == position["head"]:
            instead_of = position["head"]
        if waited and waited["screened"]:
            verdict, heard = waited["screened"], waited["heard"] or []
        else:
            verdict, heard = await self._screened(record, position, text)
        goes_on = position["line"] and not instead_of
        return Accepted(
            turn_id=turn_id,
            branch=position["branch"],
            line=position["line"] if goes_on else f"l{turn_id}",
            action=text if verdict["action"] == "allow" else "",
            # Of a new line the number counts, not its id: the same seed and actions tell the same story.
            seed=record["seed"] + (0 if goes_on else 1 + await runner.inbox.count_lines()),
            screened=verdict,
            heard=heard,
            instead_of=instead_of,
            tries=0,
        )

    async def _screened(self, record: Session, position: Position, text: str) -> tuple[Verdict, list[Heard]]:
        """The verdict, and what is kept in mind: by rules and classifier, and by the judge where these are not sure."""
        heard = position["heard"]
        found = self.screen.screen(text, risk=record["risk"], heard=heard)
        if found.unsure and self.settings.safety_model:
            found = await self._judge(self.scope(record["session"])).settle(found, text, heard)
        return found.verdict, found.heard

    def _judge(self, scope: Scope) -> Judge:
        async def model() -> "BaseChatModel":
            return (await self._storytellers.told(scope, self.settings.safety_model))[0]

        return Judge(model, self._prompts.get("judge"), timeout_s=self.settings.safety_timeout_s)

    def _unpaused(self, record: Session) -> Session:
        """The session, if it may move. Raises SessionPaused, with the places to turn to where a risk is remembered."""
        if record["paused"]:
            error = SessionPaused("The story is paused", cure="Go on with `resume` when you are ready.")
            error.by_choice = record["risk"] == "none"
            raise self._with_help(error, "")
        return record

    def _runner(self, session: str) -> Runner:
        inbox, scope = self._inbox(session), self.scope(session)
        return Runner(self._graph, self._stores, self._events(session), inbox, scope, self._note_turn)

    async def _services(self, record: Session, entry: Accepted, runner: Runner) -> TurnServices:
        session, scope = record["session"], self.scope(record["session"])
        # An answer of fixed words asks no model, so it waits for none and fails with none.
        spec = "offline" if is_stopped(entry) else record["model"]
        pinned = await self._pinned(record)
        known = await self._storytellers.redaction(scope, entry["action"])
        storyteller, redaction = await self._storytellers.told(scope, spec)
        return TurnServices(
            world=pinned.world,
            upgrades=pinned.upgrades,
            storyteller=storyteller,
            redaction=redaction,
            model=record["model"],
            prompts=self._prompts,
            screen=self.screen,
            telling=self.telling(record),
            character=record["character"],
            recall=BranchRecall(self.memory, scope, entry["branch"]),
            voice=StreamVoice(runner.events, entry["turn_id"], redaction),
            clock=self.clock,
            ids=self.ids,
            locale=self.settings.locale,
            model_timeout_s=self.settings.model_timeout_s,
            model_total_s=self.settings.model_total_s,
            reminder_tokens=self.settings.reminder_tokens,
            memory=self.memory,
            scope=scope,
            trace=self._log(session, entry["turn_id"], known),
        )

    def _waiting(self, session: str) -> Waiting:
        return Waiting(self._stores.redis, self.settings.tenant, session, seal=self._stores.seal)
