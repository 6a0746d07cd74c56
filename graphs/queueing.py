"""A second action while a turn is played: it waits, cuts in, or takes the other one back. And stopping a turn at all.

What the client chooses has the names of LangGraph's `multitask_strategy`:

    reject      the second one is refused
    enqueue     it waits until those before it are over
    interrupt   the turn that runs ends where it is, with what was told; what waits is dropped
    rollback    nothing of the turn that runs stays, also where it has just been committed; what waits is dropped

An action of a person at risk waits for nobody: whatever was chosen, it goes first and cuts in, and nothing drops it.
"""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Literal

from typing_extensions import TypedDict

from agents.errors import Conflict, ModelUnavailable, StoryError, TurnInProgress, UnknownTurn
from agents.halt import How, cancelled
from agents.story import Turn
from graphs.actions import check_action
from graphs.inbox import Accepted, is_stopped
from graphs.locks import hold, is_held
from graphs.memory.shapes import Session
from graphs.metering import Permit, freely, is_answered_with_help
from graphs.playing import StoryPlayer
from graphs.runner import Runner
from graphs.settings import Settings
from graphs.stores import Stores
from graphs.waiting import MOST, Waits, is_cry, sessions_that_wait

if TYPE_CHECKING:
    from graphs.nudges import Nudges

Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]

CANCEL_WAIT_S = 15.0
"""Longest wait until a turn that is to stop has stopped: a store may be in the middle of something."""

_OVER = "The turn was over before it could be stopped"

SWEEP_S = 1.5
"""How often a process looks for sessions in which something waits and nobody plays."""


class Queued(TypedDict):
    """How a turn stands that was sent. `ahead`: how many are played before it; none but `queued` has any."""

    turn_id: str
    session: str
    status: Literal["queued", "running", "committed"]
    ahead: int


class StoryQueue(StoryPlayer):
    """The queueing part of StoryEngine. Every method raises a StoryError and nothing else."""

    def __init__(self, settings: Settings, stores: Stores, stack: AsyncExitStack) -> None:
        super().__init__(settings, stores, stack)
        self._stack = stack
        self._opening = asyncio.Lock()
        self._nudges: Nudges | None = None

    async def send(
        self, session: str, action: str, *, turn_id: str = "", strategy: Strategy = "reject", permit: Permit = freely
    ) -> tuple[str, asyncio.Task[Turn]]:
        """As `start`, for an action that may find a turn running. The task ends with the turn, whoever plays it."""
        if strategy == "reject":
            return await self.start(session, action, turn_id=turn_id, permit=permit)
        queued = await self.enqueue(session, action, turn_id=turn_id, strategy=strategy, permit=permit)
        if queued["status"] != "committed":
            self.play_waiting(session)
        task = asyncio.create_task(self._followed(session, queued["turn_id"]))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return queued["turn_id"], task

    async def _accept(
        self, record: Session, turn_id: str, text: str | None, permit: Permit
    ) -> tuple[str, asyncio.Task[Turn]]:
        """As that of StoryPlayer; a person at risk is not refused where a turn is played, but cuts in."""
        try:
            return await super()._accept(record, turn_id, text, permit)
        except TurnInProgress:
            if text is None or not self._at_risk(record, text):
                raise
            return await self.send(record["session"], text, turn_id=turn_id, strategy="enqueue", permit=permit)

    async def enqueue(
        self, session: str, action: str, *, turn_id: str = "", strategy: Strategy = "enqueue", permit: Permit = freely
    ) -> Queued:
        """Keeps an action until it is played by `play_waiting`, here or in another process. The same turn_id again is the
        same action. Raises what turns it away: as `start`, and TurnInProgress where too many wait.
        """
        try:
            with self._translated():
                text, record = check_action(action), await self.session(session)
                if turn_id and (known := await self._sent_before(session, turn_id)):
                    return known  # asked again, it changes nothing: above all it takes no other turn back
                return await self._line_up(self._unpaused(record), text, turn_id or self.ids.new(), strategy, permit)
        except StoryError as error:
            raise self._with_help(error, action, session) from error.__cause__

    async def _sent_before(self, session: str, turn_id: str) -> Queued | None:
        """How a turn stands that was sent before."""
        try:
            return await self.queued(session, turn_id)
        except UnknownTurn:
            if await self._runner(session).stored(turn_id) is None:
                return None
            return Queued(turn_id=turn_id, session=session, status="committed", ahead=0)

    async def _line_up(self, record: Session, text: str, turn_id: str, strategy: Strategy, permit: Permit) -> Queued:
        session = record["session"]
        runner, waiting = self._runner(session), self._waiting(session)
        verdict, heard = await self._screened(record, await self.memory.position(self.scope(session)), text)
        others, running = await waiting.all(), await runner.inbox.current()  # in this order, as in `queued`
        stopped = verdict["action"] != "allow"
        if strategy == "reject" and (running or others) and verdict["tier"] == "none":
            raise TurnInProgress("The session is playing another turn", cure="Wait until it has ended, or enqueue it.")
        if strategy == "enqueue" and len(others) >= MOST and not stopped:
            raise TurnInProgress(f"{MOST} actions wait already", cure="Wait until some are played.")
        if not is_answered_with_help(verdict):
            await permit(record)
        how: How | None = "interrupt" if stopped else None
        if strategy in ("interrupt", "rollback"):
            how = "rollback" if strategy == "rollback" else "interrupt"
            for each in others:
                if not is_cry(each):
                    await self._drop(session, each["turn_id"])
        taken_back = running["turn_id"] if running and strategy == "rollback" else ""
        waits = Waits(turn_id=turn_id, action=text, screened=None, heard=None, instead_of=taken_back)
        if (
            stopped
        ):  # it is known by what it is, and its words are kept nowhere: what is to be noted of them is noted now
            waits.update(action="", screened=verdict, heard=heard)
            self._note(verdict, text, session=session, turn=turn_id)
        opening = {"turn_id": turn_id, "session": session, "branch": record["branch"]}
        await runner.inbox.expect(turn_id)
        await runner.events.begin(turn_id, opening)
        await waiting.put(waits, first=how is not None and not is_cry(waits))  # cries go first by themselves
        # Again: one of those that waited may have been begun since.
        now = await runner.inbox.current() if how else None
        if how and now and now["turn_id"] != turn_id and not is_stopped(now):
            await runner.inbox.ask_to_halt(now["turn_id"], how)
        if stopped:  # fixed words need no worker, and whoever is at risk waits for none
            self.play_waiting(session)
        ahead = 0 if how else len(others) + bool(running)
        return Queued(turn_id=turn_id, session=session, status="queued", ahead=ahead)

    async def nudge(self, session: str) -> None:
        """Has what waits in the session played: by a worker where there are such (TTA_QUEUE), else here."""
        if self.settings.queue == "workers":
            with self._translated():
                await (await self.nudges()).nudge(session)
        else:
            self.play_waiting(session)

    async def nudges(self) -> "Nudges":
        """Opened once, and closed with the engine."""
        async with self._opening:
            if self._nudges is None:
                from graphs.nudges import open_nudges  # noqa: PLC0415 - docket costs a second that only its users pay

                opening = open_nudges(self._stores, self.settings)
                self._nudges = await self._stack.enter_async_context(opening)
            return self._nudges

    async def workers(self) -> int | None:
        """How many live workers there are; None where what waits is played here. Raises StoreError."""
        if self.settings.queue != "workers":
            return None
        with self._translated():
            return await (await self.nudges()).workers()

    async def work(self, stopping: asyncio.Event, *, concurrency: int = 20) -> None:
        """Plays what waits in this tenant's sessions until `stopping` (`graphs.nudges`)."""
        from graphs.nudges import work  # noqa: PLC0415 - as above

        with self._translated():
            await work(self, self._stores, self.settings, stopping, concurrency=concurrency)

    async def queued(self, session: str, turn_id: str) -> Queued:
        """How a turn stands that is not over. Raises UnknownTurn for one that is, or was never sent; what ended it, where
        nothing came of it and that is still known.
        """
        with self._translated():
            runner = self._runner(session)
            # In this order: a turn is accepted before it waits no more, so it cannot slip through between the two looks.
            others, running = await self._waiting(session).all(), await runner.inbox.current()
            if running and running["turn_id"] == turn_id:
                return Queued(turn_id=turn_id, session=session, status="running", ahead=0)
            for place, each in enumerate(others):
                if each["turn_id"] == turn_id:
                    ahead = place + bool(running)
                    return Queued(turn_id=turn_id, session=session, status="queued", ahead=ahead)
        raise UnknownTurn(f"No turn '{turn_id[:64]}' is waiting or running")

    async def failure(self, session: str, turn_id: str) -> StoryError | None:
        """What a turn ended with of which nothing came, as long as its events are kept."""
        with self._translated():
            return await self._events(session).failure(turn_id)

    async def cancel(self, session: str, turn_id: str = "") -> str:
        """Stops the turn that runs, or drops one that waits; its id. Nothing of it stays.

        Raises UnknownTurn where none is to be stopped, Conflict where it was over before it stopped: then it is committed.
        What answers a person at risk cannot be stopped.
        """
        with self._translated():
            record, runner = await self.session(session), self._runner(session)
            if any(each["turn_id"] == turn_id and is_cry(each) for each in await self._waiting(session).all()):
                raise Conflict("What answers a person at risk is not stopped", cure="Wait until it is played.")
            if turn_id and await self._drop(session, turn_id):
                return turn_id
            running = await runner.inbox.current()
            if running is None or turn_id not in ("", running["turn_id"]):
                if turn_id and await runner.stored(turn_id):
                    raise Conflict(_OVER, cure="Take it back with `undo`.")
                raise UnknownTurn("No such turn is waiting or running", cure="There is nothing to stop.")
            turn_id = running["turn_id"]
            if not is_stopped(running):
                await runner.inbox.ask_to_halt(turn_id, "rollback")
            await self._until_over(record, running, runner)
            if await runner.stored(turn_id):
                raise Conflict(_OVER, cure="Take it back with `undo`.")
            return turn_id

    async def keep_playing(self, stopping: asyncio.Event) -> None:
        """Every few seconds, plays what waits where nobody plays: whoever was to may be dead. Until `stopping`.

        To cancel it would not do: a cancellation that comes as a store answers is lost (bpo-37658).
        """
        while not stopping.is_set():
            with suppress(StoryError):
                await self.play_left()
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_S):
                    await stopping.wait()

    async def play_left(self) -> list[str]:
        """Plays what waits in sessions where nobody plays; which these are."""
        with self._translated():
            redis = self._stores.redis
            sessions = await sessions_that_wait(redis, self.settings.tenant)
            left = [session for session in sessions if not await is_held(redis, self._story(session))]
        for session in left:
            self.play_waiting(session)
        return left

    async def _drop(self, session: str, turn_id: str) -> bool:
        """Whether it waited."""
        if not await self._waiting(session).drop(turn_id):
            return False
        await self._runner(session).turned_away(turn_id, cancelled())
        return True

    async def _until_over(self, record: Session, running: Accepted, runner: Runner) -> None:
        """Until that turn is no more. Where its process is dead, it is given up here. Raises TurnInProgress."""
        clock = asyncio.get_running_loop().time
        until = clock() + CANCEL_WAIT_S
        with self._wakes.waiting(runner.events.key(running["turn_id"])) as waiter:
            while clock() < until:
                with suppress(TurnInProgress):
                    async with hold(self._stores.redis, self._story(record["session"]), "cancel"):
                        left = await runner.inbox.current()
                        if left and left["turn_id"] == running["turn_id"]:
                            if is_stopped(left) or await runner.stored(left["turn_id"]):
                                await self._finish(record, runner)
                            else:
                                await runner.give_up(left, cancelled())
                        return
                current = await runner.inbox.current()
                if current is None or current["turn_id"] != running["turn_id"]:
                    return
                await waiter.wait(0.2)
        raise TurnInProgress("The turn is asked to stop and has not stopped yet", cure="Try again in a moment.")

    async def _followed(self, session: str, turn_id: str) -> Turn:
        """The turn, once whoever plays it has committed it. Raises what ended it."""
        runner = self._runner(session)
        with self._translated(), self._wakes.waiting(runner.events.key(turn_id)) as waiter:
            while True:
                if turn := await runner.stored(turn_id):
                    return turn
                if failed := await runner.events.failure(turn_id):
                    raise failed
                try:
                    await self.queued(session, turn_id)
                except UnknownTurn:
                    if not await runner.events.exists(turn_id) and not await runner.stored(turn_id):
                        raise ModelUnavailable("Nothing came of that turn", cure="Send the action again.") from None
                await waiter.wait()
