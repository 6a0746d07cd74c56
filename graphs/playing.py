"""Playing: an action is accepted, its turn runs in a task of its own, and what a process left unfinished is ended.

What a person at risk wrote is screened before anything is written: such a turn is accepted with the verdict and without
the words, so that no store, no checkpoint and no append-only file ever holds them.
"""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from agents.errors import Conflict, SessionPaused, StoreError, StoryError
from agents.safety.judge import Judge
from agents.services import Clock, Ids
from agents.story import Heard, Turn, Verdict
from agents.world.schema import World
from graphs.actions import check_action
from graphs.chapters import Chapters, Writer, behind
from graphs.clock import SystemClock, TimeIds
from graphs.inbox import Accepted, Inbox, is_stopped
from graphs.locks import hold
from graphs.memory.shapes import KEYFRAME, Position, Scope, Session
from graphs.preparing import StoryPreparer
from graphs.runner import BranchRecall, Runner, StreamVoice
from graphs.settings import Settings
from graphs.state import TurnServices
from graphs.stores import Stores
from graphs.storytellers import Storytellers

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

LOCK_WAIT_S = 0.2

RECAP_WAIT_S = 2.0
"""How long somebody who comes back waits for a chapter that was left open; its rest is closed behind them."""

MAX_TRIES = 8
"""How often a turn is taken up again whose process died in it; then it is given up, so that play can go on."""


class StoryPlayer(StoryPreparer):
    """The playing half of StoryEngine. Every method raises a StoryError and nothing else."""

    def __init__(self, settings: Settings, stores: Stores, stack: AsyncExitStack) -> None:
        super().__init__(settings, stores)
        self.clock: Clock = SystemClock()
        self.ids: Ids = TimeIds()
        self._chapters = Chapters(stores.memory, self._prompts, timeout_s=settings.model_total_s)
        self._storytellers = Storytellers(stores.memory, settings.redact, stack)
        self._tasks: set[asyncio.Task[Turn]] = set()

    def use_model(self, spec: str, model: "BaseChatModel") -> None:
        """Sessions of that spec are told by this model from now on: one that was made elsewhere, or a fake of a test."""
        self._storytellers.models[spec] = model

    async def act(self, session: str, action: str, *, turn_id: str = "") -> Turn:
        """Plays one action and waits for its turn. With a turn_id that is already played, returns that turn."""
        task = await self.start(session, action, turn_id=turn_id)
        return await asyncio.shield(task[1])

    async def start(self, session: str, action: str, *, turn_id: str = "") -> tuple[str, asyncio.Task[Turn]]:
        """Accepts an action; its turn runs in a task. Returns the turn's id, under which `events` reads along.

        Raises what turns the action away (InvalidAction, UnknownSession, SessionPaused, TurnInProgress, StoreError);
        a person at risk gets the resources with that error (`StoryError.help`).
        """
        try:
            with self._translated():
                text = check_action(action)
                return await self._accept(await self.session(session), turn_id or self.ids.new(), text)
        except StoryError as error:
            raise self._with_help(error, action, session) from error.__cause__

    async def retry(self, session: str) -> Turn:
        """The last action once more, on a new line. If nothing comes of it, HEAD is where it was."""
        _, task = await self.start_retry(session)
        with self._translated():
            return await asyncio.shield(task)

    async def start_retry(self, session: str, *, turn_id: str = "") -> tuple[str, asyncio.Task[Turn]]:
        """As `start`, for a retry. Raises Conflict where there is nothing to retry."""
        with self._translated():
            return await self._accept(await self.session(session), turn_id or self.ids.new(), None)

    async def recover(self, session: str) -> Turn | None:
        """Ends a turn that a process left unfinished, if there is one: the text begins with what was shown."""
        with self._translated():
            record = await self.session(session)
            if await self._inbox(session).current() is None:
                return None  # as mostly, and without the graph
            runner = self._runner(session)
            async with hold(self._stores.redis, self._story(session), "recover", wait_s=LOCK_WAIT_S):
                return await self._finish(record, runner)

    async def recap(self, session: str) -> str:
        """As below; a chapter that an earlier process left open is closed first, if that takes no longer than a moment."""
        record, position = await self.session(session), await self.position(session)
        if behind(position):
            self._chapters.begin(self._writer(record, await self.world(session)), position["branch"])
            await self._chapters.wait(self.scope(session), RECAP_WAIT_S)
        return await super().recap(session)

    async def close(self) -> None:
        """Waits for the turns that are running: what was accepted is brought to its end."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.settings.model_timeout_s)
        await self._chapters.close()
        await self.close_audit()

    def _after(self, record: Session, turn: Turn) -> Turn:
        """The turn; if it ends a chapter, that is closed in a task of its own."""
        _, pinned = self._worlds.get(record["session"], ("", None))
        if pinned and turn["kind"] == "story" and turn["number"] % KEYFRAME == 0:
            self._chapters.begin(self._writer(record, pinned.world), turn["branch"])
        return turn

    def _writer(self, record: Session, world: World) -> Writer:
        scope, model, told = self.scope(record["session"]), record["model"], self.telling(record)
        storyteller = partial(self._storytellers.told, scope, model)
        return Writer(scope=scope, world=world, model=model, storyteller=storyteller, telling=told, clock=self.clock)

    async def _accept(self, record: Session, turn_id: str, text: str | None) -> tuple[str, asyncio.Task[Turn]]:
        """The turn's task, once its action is accepted or its turn is there. Without a text: a retry."""
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._turn(record, text, turn_id, accepted))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait([accepted, task], return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not accepted.done():
            task.result()
        return turn_id, task

    def _ended(self, task: asyncio.Task[Turn]) -> None:
        """A turn's error is told in its event stream: one whose caller has gone is no error of the event loop's."""
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def _turn(self, record: Session, text: str | None, turn_id: str, accepted: "asyncio.Future[None]") -> Turn:
        try:
            with self._translated():
                runner = self._runner(record["session"])
                if stored := await runner.stored(turn_id):
                    return stored
                async with hold(self._stores.redis, self._story(record["session"]), turn_id, wait_s=LOCK_WAIT_S):
                    return await self._leased(record, text, turn_id, runner, accepted)
        except StoryError as error:
            error.audited |= accepted.done()
            raise self._with_help(error, text, record["session"]) from error.__cause__

    async def _leased(
        self, record: Session, text: str | None, turn_id: str, runner: Runner, accepted: "asyncio.Future[None]"
    ) -> Turn:
        """Under the session's lease: an unfinished turn is ended first, then this one is accepted and run."""
        try:
            finished = await self._finish(record, runner)
            if finished and finished["turn_id"] == turn_id:
                return finished
        except StoryError:
            # Somebody who needs help now does not wait for a turn that cannot be ended.
            if text is None or self.screen.action(text, risk=record["risk"])["tier"] == "none":
                raise
        # Again, since another turn may have ended while this one waited: a crisis pauses what comes after it.
        record = self._unpaused(await self.session(record["session"]))
        if stored := await runner.stored(turn_id):
            return stored
        entry = await self._entry(record, text, turn_id, runner)
        services = await self._services(record, entry, runner)
        await runner.inbox.put(entry)
        if entry["screened"]:
            self._note(entry["screened"], text or "", session=record["session"], turn=turn_id)
        await runner.events.append(
            turn_id, "metadata", {"turn_id": turn_id, "session": record["session"], "branch": entry["branch"]}
        )
        accepted.set_result(None)
        return self._after(record, await runner.run(entry, services))

    async def _entry(self, record: Session, text: str | None, turn_id: str, runner: Runner) -> Accepted:
        """What is accepted: the words of a story turn, or a verdict and no words."""
        scope = self.scope(record["session"])
        position = await self.memory.position(scope)
        instead_of = ""
        if text is None:
            last = await self.memory.turns(scope, limit=1)
            if not last:
                raise Conflict("There is nothing to retry: this is the beginning", cure="Play a turn first.")
            text, instead_of = last[0]["action"], last[0]["turn_id"]
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

    async def _finish(self, record: Session, runner: Runner) -> Turn | None:
        """Ends the turn that stands accepted, if one does. One that has cost several processes is given up."""
        entry = await runner.inbox.current()
        if entry is None:
            return None
        if entry["tries"] >= MAX_TRIES:
            await runner.give_up(entry)
            return None
        services = await self._services(record, entry, runner)
        await runner.inbox.put({**entry, "tries": entry["tries"] + 1})
        await runner.events.reopen(entry["turn_id"])
        try:
            return self._after(record, await runner.run(entry, services))
        except StoreError:
            await runner.inbox.put(entry)  # the process lives: it was a store, and that does not count
            raise

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

    def _inbox(self, session: str) -> Inbox:
        return Inbox(self._stores.redis, self._story(session), seal=self._stores.seal)

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
