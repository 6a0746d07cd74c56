"""StoryEngine: the front door that the API, the command, evaluations and tests share.

    async with open_engine(settings) as engine:
        session = await engine.create("winter_light")
        turn = await engine.act(session["session"], "look around")

A turn runs in a task of its own: a caller that goes away cancels nothing.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from langchain_core.language_models import BaseChatModel
from redis.exceptions import RedisError

from agents.errors import Conflict, SessionPaused, StoryError
from agents.models import check_spec, open_model
from agents.prompts import Prompts
from agents.safety.crisis import response
from agents.safety.screen import Screen
from agents.services import Clock, Ids
from agents.story import Turn
from agents.world.load import load_world, pin
from graphs.actions import check_action, check_name, is_hex
from graphs.checkpoint import RedisSaver
from graphs.clock import SystemClock, TimeIds
from graphs.inbox import Accepted, Inbox
from graphs.locks import hold
from graphs.memory.protocol import Branch, Session
from graphs.reading import StoryReader
from graphs.runner import BranchRecall, Runner, StreamVoice
from graphs.sessions import new_session, opening_slots, opening_turn
from graphs.settings import Settings
from graphs.state import TurnServices
from graphs.stores import Stores, open_stores, translate_redis
from graphs.trace import TraceLog
from graphs.turn import build_turn_graph

KEEP_CHECKPOINTS = 24
"""Checkpoints kept a line: two turns' steps. What lasts is in story memory; older ones are only for stepping into."""

CHECKPOINT_TTL_S = 7 * 24 * 3600
"""Seconds that a line's checkpoints outlive its last turn: abandoned lines do not pile up."""

_LOCK_WAIT_S = 0.2


class StoryEngine(StoryReader):
    """Everything that can be done with stories. Every method raises a StoryError and nothing else."""

    def __init__(self, settings: Settings, stores: Stores, stack: AsyncExitStack) -> None:
        super().__init__(settings, stores)
        self.clock: Clock = SystemClock()
        self.ids: Ids = TimeIds()
        self.screen = Screen.load()
        self._stack = stack
        self._prompts = Prompts()
        self._models: dict[str, BaseChatModel] = {}
        self._tasks: set[asyncio.Task[Turn]] = set()
        self._saver = RedisSaver(stores.redis, keep=KEEP_CHECKPOINTS, ttl=CHECKPOINT_TTL_S)
        self._graph = build_turn_graph(self._saver)

    async def create(
        self,
        world: str,
        *,
        session: str = "",
        player: str = "player",
        model: str = "",
        seed: int | None = None,
        title: str = "",
        techniques: bool = False,
    ) -> Session:
        """Begins a story: pins the world, stores the root turn. Raises UnknownWorld, InvalidWorld, UnknownModel.

        The same session id again returns the session that is there. Without a seed, one is drawn.
        """
        source = load_world(world)
        spec = model or self.settings.model
        if spec not in self._models:
            check_spec(spec)
        record = new_session(
            source,
            session=session or self.ids.new()[:16],
            tenant=self.settings.tenant,
            player=player,
            model=spec,
            seed=uuid.uuid4().int % 10_000 if seed is None else seed,
            title=title,
            now=self.clock.now(),
        )
        slots = opening_slots(source.world, techniques=techniques)
        root = opening_turn(record, source.world, slots)
        return await self.memory.create(record, pin(source), root, slots)

    def use_model(self, spec: str, model: BaseChatModel) -> None:
        """Sessions of that spec are told by this model from now on: one that was made elsewhere, or a fake of a test."""
        self._models[spec] = model

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
            text = check_action(action)
            record = await self.session(session)
            if record["paused"]:
                raise SessionPaused("The story is paused", cure="Go on with `resume` when you are ready.")
            turn_id = turn_id or self.ids.new()
            accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._turn(record, text, turn_id, accepted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.wait([accepted, task], return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not accepted.done():
                task.result()
        except (RedisError, OSError) as error:
            raise self._with_help(translate_redis(error), action) from error
        except StoryError as error:
            raise self._with_help(error, action) from error.__cause__
        return turn_id, task

    async def _turn(self, record: Session, text: str, turn_id: str, accepted: "asyncio.Future[None]") -> Turn:
        """Under the session's lease: an unfinished turn is ended first, then this one is accepted and run."""
        session = record["session"]
        runner = self._runner(session)
        if stored := await runner.stored(turn_id):
            return stored
        async with hold(self._stores.redis, self._story(session), turn_id, wait_s=_LOCK_WAIT_S):
            finished = await self._finish(record, runner)
            if finished and finished["turn_id"] == turn_id:
                return finished
            position = await self.memory.position(self.scope(session))
            entry = Accepted(
                turn_id=turn_id,
                branch=position["branch"],
                line=position["line"] or f"l{turn_id}",
                action=text,
                seed=record["seed"] + (0 if position["line"] else int(turn_id[-4:], 16) if is_hex(turn_id) else 1),
            )
            await runner.inbox.put(entry)
            await runner.events.append(
                turn_id, "metadata", {"turn_id": turn_id, "session": session, "branch": entry["branch"]}
            )
            accepted.set_result(None)
            return await runner.run(entry, await self._services(record, entry, runner))

    async def recover(self, session: str) -> Turn | None:
        """Ends a turn that a process left unfinished, if there is one: the text begins with what was shown."""
        record = await self.session(session)
        runner = self._runner(session)
        if await runner.inbox.current() is None:
            return None
        async with hold(self._stores.redis, self._story(session), "recover", wait_s=_LOCK_WAIT_S):
            return await self._finish(record, runner)

    async def _finish(self, record: Session, runner: Runner) -> Turn | None:
        entry = await runner.inbox.current()
        if entry is None:
            return None
        await runner.events.reopen(entry["turn_id"])
        return await runner.run(entry, await self._services(record, entry, runner))

    async def undo(self, session: str, back: int = 1) -> Branch:
        """HEAD goes back; the next turn grows a new line. Raises Conflict where there is nothing to undo."""
        position = await self.position(session)
        if position["number"] == 0:
            raise Conflict("There is nothing to undo: this is the beginning", cure="Play a turn first.")
        async with hold(self._stores.redis, self._story(session), "undo", wait_s=_LOCK_WAIT_S):
            return await self.memory.move_head(self.scope(session), position["branch"], back=back)

    async def retry(self, session: str) -> Turn:
        """The last action once more, on a new line. The earlier attempt stays in history."""
        last = await self.turns(session, limit=1)
        if not last:
            raise Conflict("There is nothing to retry: this is the beginning", cure="Play a turn first.")
        await self.undo(session)
        return await self.act(session, last[0]["action"])

    async def save(self, session: str, name: str) -> Branch:
        """A named branch at HEAD; play goes on on the branch it was on. Conflict when the name is taken."""
        await self.session(session)
        return await self.memory.create_branch(self.scope(session), check_name(name))

    async def switch(self, session: str, name: str) -> Branch:
        """Play goes on on that branch. Raises UnknownBranch with the ones there are."""
        await self.session(session)
        return await self.memory.switch(self.scope(session), check_name(name))

    async def fork(self, session: str, name: str, *, at: int | None = None) -> Branch:
        """A named branch at turn number `at` of the active branch (default: HEAD), on which play goes on."""
        turn_id = None
        if at is not None:
            turn_id = "root" if at == 0 else (await self.find_turn(session, at))["turn_id"]
        await self.session(session)
        await self.memory.create_branch(self.scope(session), check_name(name), turn_id)
        return await self.memory.switch(self.scope(session), check_name(name))

    async def resume(self, session: str) -> Session:
        """The player's explicit choice to go on after a crisis. The risk that was seen stays remembered."""
        await self.session(session)
        return await self.memory.update(self.scope(session), paused=False)

    async def delete(self, session: str) -> int:
        """Removes a session from both stores; how many nodes went."""
        record = await self.session(session)
        removed = await self.memory.delete(self.scope(session))
        runner = self._runner(session)
        try:
            for line in await runner.inbox.lines():
                await self._saver.adelete_thread(runner.thread(line))
            await runner.inbox.forget()
        except (RedisError, OSError) as error:
            raise translate_redis(error) from error
        self._worlds.pop(record["session"], None)
        return removed

    async def close(self) -> None:
        """Waits for the turns that are running: what was accepted is brought to its end."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.settings.model_timeout_s)

    def _runner(self, session: str) -> Runner:
        inbox = Inbox(self._stores.redis, self._story(session))
        return Runner(self._graph, self._stores, self._events(session), inbox, self.scope(session))

    async def _services(self, record: Session, entry: Accepted, runner: Runner) -> TurnServices:
        session, scope = record["session"], self.scope(record["session"])
        if record["model"] not in self._models:
            self._models[record["model"]] = await self._stack.enter_async_context(open_model(record["model"]))
        return TurnServices(
            world=await self.world(session),
            storyteller=self._models[record["model"]],
            model=record["model"],
            prompts=self._prompts,
            screen=self.screen,
            recall=BranchRecall(self.memory, scope, entry["branch"]),
            voice=StreamVoice(runner.events, entry["turn_id"]),
            clock=self.clock,
            ids=self.ids,
            locale=self.settings.locale,
            model_timeout_s=self.settings.model_timeout_s,
            memory=self.memory,
            scope=scope,
            trace=TraceLog(self._stores.redis, self._story(session), entry["turn_id"]),
        )

    def _with_help(self, error: StoryError, action: object) -> StoryError:
        """No one in danger gets an error page: the same pure screening reads what is being turned away."""
        verdict = self.screen.action(action if isinstance(action, str) else "")
        if verdict["tier"] != "none" or isinstance(error, SessionPaused):
            tier = "crisis" if verdict["tier"] == "none" else verdict["tier"]
            error.help = {**response(tier, self.settings.locale), "paused": isinstance(error, SessionPaused)}
        return error


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncGenerator[StoryEngine]:
    """The engine over the stores that the settings name. Raises StoreUnavailable, StoreTooNew."""
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        engine = StoryEngine(settings, stores, stack)
        stack.push_async_callback(engine.close)
        yield engine
