"""Playing: an action is accepted, its turn runs in a task of its own, and what a process left unfinished is ended."""

import asyncio
from contextlib import suppress
from functools import partial

from agents.errors import StoreError, StoryError, TurnInProgress
from agents.halt import cancelled
from agents.story import Turn
from agents.world.schema import World
from graphs.accepting import StoryAccepter
from graphs.actions import check_action
from graphs.chapters import Writer, behind
from graphs.inbox import Accepted
from graphs.locks import hold
from graphs.memory.shapes import KEYFRAME, Session
from graphs.metering import Entrance, Permit, freely, is_answered_with_help
from graphs.runner import Runner
from graphs.state import TurnServices
from graphs.waiting import Waiting, Waits, is_cry

LOCK_WAIT_S = 0.2

DRAIN_WAIT_S = 5.0
"""How long who plays what waits is patient at a time with whoever plays now."""

RECAP_WAIT_S = 2.0
"""How long somebody who comes back waits for a chapter that was left open; its rest is closed behind them."""

MAX_TRIES = 8
"""How often a turn is taken up again whose process died in it; then it is given up, so that play can go on."""


class StoryPlayer(StoryAccepter):
    """The playing half of StoryEngine. Every method raises a StoryError and nothing else."""

    async def act(self, session: str, action: str, *, turn_id: str = "", permit: Permit = freely) -> Turn:
        """Plays one action and waits for its turn. With a turn_id that is already played, returns that turn."""
        task = await self.start(session, action, turn_id=turn_id, permit=permit)
        return await asyncio.shield(task[1])

    async def start(
        self, session: str, action: str, *, turn_id: str = "", permit: Permit = freely
    ) -> tuple[str, asyncio.Task[Turn]]:
        """Accepts an action; its turn runs in a task. Returns the turn's id, under which `events` reads along.

        Raises what turns the action away (InvalidAction, UnknownSession, SessionPaused, TurnInProgress, StoreError);
        a person at risk gets the resources with that error (`StoryError.help`). `permit` has a say (`graphs.metering`).
        """
        try:
            with self._translated():
                text = check_action(action)
                return await self._accept(await self.session(session), turn_id, text, permit)
        except StoryError as error:
            raise self._with_help(error, action, session) from error.__cause__

    async def retry(self, session: str) -> Turn:
        """The last action once more, on a new line. If nothing comes of it, HEAD is where it was."""
        _, task = await self.start_retry(session)
        with self._translated():
            return await asyncio.shield(task)

    async def start_retry(
        self, session: str, *, turn_id: str = "", permit: Permit = freely
    ) -> tuple[str, asyncio.Task[Turn]]:
        """As `start`, for a retry. Raises Conflict where there is nothing to retry."""
        with self._translated():
            return await self._accept(await self.session(session), turn_id, None, permit)

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
        self.stop_playing()
        if running := {*self._tasks, *self._draining.values()}:
            await asyncio.wait(running, timeout=self.settings.model_timeout_s)
        await self._chapters.close()
        await self.close_audit()
        await self._wakes.close()

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

    async def _accept(
        self, record: Session, turn_id: str, text: str | None, permit: Permit
    ) -> tuple[str, asyncio.Task[Turn]]:
        """The turn's task, once its action is accepted or its turn is there. Without a text: a retry."""
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entrance = Entrance(permit, accepted, new=not turn_id)
        turn_id = turn_id or self.ids.new()
        task = asyncio.create_task(self._turn(record, text, turn_id, entrance))
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

    async def _turn(self, record: Session, text: str | None, turn_id: str, entrance: Entrance) -> Turn:
        try:
            with self._translated():
                runner = self._runner(record["session"])
                if not entrance.new and (stored := await runner.stored(turn_id)):
                    return stored
                async with hold(self._stores.redis, self._story(record["session"]), turn_id, wait_s=LOCK_WAIT_S):
                    return await self._leased(record, text, turn_id, runner, entrance)
        except TurnInProgress:
            raise  # nothing was accepted: whoever asked knows what becomes of it
        except StoryError as error:
            error.audited |= entrance.accepted.done()
            raise self._with_help(error, text, record["session"]) from error.__cause__

    async def _leased(
        self, record: Session, text: str | None, turn_id: str, runner: Runner, entrance: Entrance
    ) -> Turn:
        """Under the session's lease: an unfinished turn is ended first, then this one is accepted and run."""
        try:
            finished = await self._finish(record, runner)
            if finished and finished["turn_id"] == turn_id:
                return finished
        except StoryError:
            # Somebody who needs help now does not wait for a turn that cannot be ended.
            if not self._at_risk(record, text):
                raise
        # Again, since another turn may have ended while this one waited: a crisis pauses what comes after it.
        record = self._unpaused(await self.session(record["session"]))
        if not entrance.new and (stored := await runner.stored(turn_id)):
            return stored
        if await self._waiting(record["session"]).count() and not self._at_risk(record, text):
            self.play_waiting(record["session"])  # whoever was to play them may be dead
            raise TurnInProgress("Other actions wait in this session", cure="Wait until they are played, or wait, too.")
        entry = await self._entry(record, text, turn_id, runner)
        services = await self._accepted(record, entry, text or "", runner, permit=entrance.permit)
        entrance.accepted.set_result(None)
        return self._after(record, await runner.run(entry, services, new=entrance.new))

    def stop_playing(self) -> None:
        """What runs is played to its end; nothing that waits is begun any more."""
        self._closing = True

    async def waits(self, session: str) -> bool:
        """Whether something waits there."""
        with self._translated():
            return bool(await self._waiting(session).count())

    def _at_risk(self, record: Session, text: str | None) -> bool:
        return text is not None and self.screen.action(text, risk=record["risk"])["tier"] != "none"

    def play_waiting(self, session: str) -> None:
        """Plays what waits in the session, in a task of this process, once whoever plays there now has ended."""
        self._asked_for.add(session)
        if session not in self._draining:
            self._draining[session] = asyncio.create_task(self._drain(session))

    async def _drain(self, session: str) -> None:
        """A store that fails leaves the rest waiting: for the next nudge, or the next process that begins."""
        try:
            while session in self._asked_for:
                self._asked_for.discard(session)
                with suppress(StoryError):
                    await self.play_all(session)
        finally:
            del self._draining[session]  # with nothing awaited since the look: who asks now begins another task

    async def play_all(self, session: str) -> None:
        """Ends what a process left unfinished, and plays what waits, one after the other. Raises StoreError; the rest then
        still waits.
        """
        waiting, runner = self._waiting(session), self._runner(session)
        with self._translated():
            while not self._closing and (await waiting.count() or await runner.inbox.current()):
                try:
                    async with hold(self._stores.redis, self._story(session), "waiting", wait_s=DRAIN_WAIT_S):
                        await self._finish_quietly(session, runner)
                        if not (waits := await waiting.all()):
                            break
                        await self._play_next(session, waits[0], runner, waiting)
                except TurnInProgress:
                    continue  # somebody plays a long turn
            await waiting.forget()

    async def _finish_quietly(self, session: str, runner: Runner) -> None:
        """What was broken off is ended; what became of it is told in its own events."""
        try:
            await self._finish(await self.session(session), runner)
        except StoreError:
            raise
        except StoryError:
            return

    async def _play_next(self, session: str, waits: Waits, runner: Runner, waiting: Waiting) -> None:
        """Plays one that waited. What turns it away is told in its events, as there is nobody else to tell."""
        turn_id = waits["turn_id"]
        try:
            if await runner.stored(turn_id):
                await waiting.remove(turn_id)
                return
            record = self._unpaused(await self.session(session))
            entry = await self._entry(record, waits["action"], turn_id, runner, waited=waits)
            services = await self._accepted(record, entry, waits["action"], runner, noted=bool(waits["screened"]))
        except StoreError:
            raise
        except StoryError as error:
            if (verdict := waits["screened"]) and is_cry(waits):
                self._put_help(error, verdict)
            await runner.turned_away(turn_id, error)
            await waiting.remove(turn_id)
            return
        if not await waiting.remove(turn_id) and await waiting.was_dropped(turn_id):  # whoever did was told so
            await runner.give_up(entry, cancelled())
            return
        with suppress(StoryError):  # told in its events
            self._after(record, await runner.run(entry, services))

    async def _accepted(
        self,
        record: Session,
        entry: Accepted,
        text: str,
        runner: Runner,
        *,
        permit: Permit = freely,
        noted: bool = False,
    ) -> TurnServices:
        """From here on the turn is there, whatever becomes of this process. `noted`: the audit has its verdict."""
        turn_id = entry["turn_id"]
        services = await self._services(record, entry, runner)
        if not is_answered_with_help(entry["screened"]):
            await permit(record)
        await runner.inbox.put(entry)
        if entry["screened"] and not noted:
            self._note(entry["screened"], text, session=record["session"], turn=turn_id)
        opening = {"turn_id": turn_id, "session": record["session"], "branch": entry["branch"]}
        await runner.events.begin(turn_id, opening)  # of an action that waited, readers have it already
        return services

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
