"""StoryEngine: the front door that the API, the command, evaluations and tests share.

    async with open_engine(settings) as engine:
        session = await engine.create("winter_light")
        turn = await engine.act(session["session"], "look around")

A turn runs in a task of its own: a caller that goes away cancels nothing.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from agents.errors import Conflict, HeadMoved, ModelUnavailable, StoryError, UnknownSession, UnknownTurn
from agents.models import check_spec
from agents.safety.topics import check_topics, is_named
from agents.story import Turn
from agents.world.load import load_world, pin
from graphs.actions import check_name
from graphs.audit.webhook import webhook_target
from graphs.characters import StoryCharacters
from graphs.locks import hold
from graphs.memory.shapes import Branch, Session
from graphs.playing import LOCK_WAIT_S
from graphs.runner import Runner
from graphs.sessions import check_title, new_session, opening_slots, opening_turn
from graphs.settings import Settings
from graphs.stores import open_stores

if TYPE_CHECKING:
    from graphs.access import Access


class StoryEngine(StoryCharacters):
    """Everything that can be done with stories. Every method raises a StoryError and nothing else.

    `act`, `start`, `retry` and `recover` are in `graphs/playing.py`, what changes nothing in `graphs/reading.py`, export,
    import, backup and restore in `graphs/keeping.py`, deletion in `graphs/removing.py`, the safety audit in
    `graphs/auditing.py`. Of a paused session nothing moves but by `resume`.
    """

    @cached_property
    def access(self) -> "Access":
        """Who may come in: accounts, API keys, refresh tokens, failed logins."""
        from graphs.access import build_access  # noqa: PLC0415 - who plays at a terminal pays for none of it
        from graphs.access.store import AccessStore  # noqa: PLC0415

        store = AccessStore(self._stores.redis, self.settings.tenant, configured=self._stores.configured)
        return build_access(store, self._now, self._new_id)

    def _now(self) -> datetime:
        return self.clock.now()

    def _new_id(self) -> str:
        return self.ids.new()

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
        avoid: Sequence[str] = (),
        character: str = "",
    ) -> Session:
        """Begins a story: pins the world, stores the root turn. Raises UnknownWorld, InvalidWorld, UnknownModel.

        The same session id again returns the session that is there. Without a seed, one is drawn. The model is opened, so
        that one that cannot work is told before the story begins. `avoid`: as in the method of that name. `character`: one
        of the player's by its id, of which the session keeps a copy; UnknownCharacter.
        """
        with self._translated():
            for name in (session, player, title):
                self._harmless(name)
            title = check_title(title)
            source = load_world(world)
            spec = await self._spec(model)
            record = new_session(
                source,
                session=session or self.ids.new()[:16],
                tenant=self.settings.tenant,
                player=player,
                model=spec,
                seed=uuid.uuid4().int % 10_000 if seed is None else seed,
                title=title,
                now=self.clock.now(),
                avoid=self._topics(avoid),
                character=await self._protagonist(player, character) if character else None,
            )
            slots = opening_slots(source.world, techniques=techniques)
            root = opening_turn(record, source.world, slots)
            try:
                return await self.memory.create(record, pin(source), root, slots)
            except UnknownSession:  # the rest of another one is in the way
                await self.finish_removals()
            try:
                return await self.memory.create(record, pin(source), root, slots)
            except UnknownSession:
                raise Conflict(
                    f"The session '{record['session']}' is being imported or deleted", cure="Try again in a moment."
                ) from None

    async def _spec(self, model: str) -> str:
        """The model's spec, by default the settings' one, once it was opened."""
        spec = model or self.settings.model
        if spec not in self._storytellers.models:
            check_spec(spec)
        await self._storytellers.check(spec)
        return spec

    async def join(self, session: str, turn_id: str) -> asyncio.Task[Turn] | None:
        """The end of the turn that is being played under that id, here or in another process; None where none is.

        If that process dies, the turn is ended here. The task raises ModelUnavailable where nothing comes of the turn: it
        is not begun anew for somebody who only wanted to know.
        """
        with self._translated():
            record, runner = await self.session(session), self._runner(session)
            accepted = await runner.inbox.current()
        if accepted is None or accepted["turn_id"] != turn_id:
            return None
        task = asyncio.create_task(self._joined(record, runner, turn_id))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _joined(self, record: Session, runner: Runner, turn_id: str) -> Turn:
        with self._translated():
            wait_s = self.settings.model_total_s
            async with hold(self._stores.redis, self._story(record["session"]), turn_id, wait_s=wait_s):
                if stored := await runner.stored(turn_id):
                    return stored
                finished = await self._finish(record, runner)
            if finished and finished["turn_id"] == turn_id:
                return finished
            raise ModelUnavailable("Nothing came of that turn", cure="Send the action again.")

    async def undo(self, session: str, back: int = 1, *, head: str = "") -> Branch:
        """HEAD goes back; the next turn grows a new line. Raises Conflict where there is nothing to undo.

        A turn that a process left unfinished is ended first: it is the last one, and what it began with was shown. With
        `head` nothing is done unless that turn is the last one: HeadMoved.
        """
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "undo", wait_s=LOCK_WAIT_S):
                await self._settled(session)
                position = await self.memory.position(self.scope(session))
                if head and position["head"] != head:
                    raise HeadMoved("Another turn is the last one now", cure="Look where the story stands.")
                if position["number"] == 0:
                    raise Conflict("There is nothing to undo: this is the beginning", cure="Play a turn first.")
                return await self.memory.move_head(self.scope(session), position["branch"], back=back)

    async def save(self, session: str, name: str, *, at: int | None = None, turn_id: str = "") -> Branch:
        """A named branch at turn number `at` of the active branch, at a turn by its id, or at HEAD; play stays where it was.

        The id may be that of a turn which was taken back or is on another branch. Raises UnknownTurn, and Conflict when the
        name is taken.
        """
        with self._translated():
            await self.session(session)
            plain = self._name(name)
            if turn_id:
                await self.turn(session, turn_id)
            elif at is not None:
                turn_id = "root" if at == 0 else (await self.find_turn(session, at))["turn_id"]
            return await self.memory.create_branch(self.scope(session), plain, turn_id or None)

    async def switch(self, session: str, name: str) -> Branch:
        """Play goes on on that branch. Raises UnknownBranch with the ones there are."""
        with self._translated():
            self._unpaused(await self.session(session))
            return await self.memory.switch(self.scope(session), self._name(name))

    async def delete_branch(self, session: str, name: str) -> None:
        """Takes a branch's name away; its turns stay, as what was undone does. Conflict for the one that is played."""
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "delete", wait_s=LOCK_WAIT_S):
                await self._settled(session)  # what is unfinished may be on that very branch
                await self.memory.delete_branch(self.scope(session), name)

    async def take_attempt(self, session: str, number: int) -> Turn:
        """HEAD goes to another attempt at its turn, numbered from 1 as `attempts` lists them. Raises UnknownTurn.

        What stood there stays an attempt; the next turn starts a new line.
        """
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "attempt", wait_s=LOCK_WAIT_S):
                await self._settled(session)
                position = await self.memory.position(self.scope(session))
                found = await self.memory.attempts(self.scope(session), position["head"])
                if not 1 <= number <= len(found):
                    valid = [str(each) for each in range(1, len(found) + 1)]
                    cure = "`attempts` tells what each came to." if valid else "Nothing was played here yet."
                    raise UnknownTurn(f"The last turn has no attempt {number}", cure=cure, choices=valid)
                turn = found[number - 1]
                await self.memory.take_attempt(self.scope(session), position["branch"], turn["turn_id"])
                return turn

    async def fork(self, session: str, name: str, *, at: int | None = None, turn_id: str = "") -> Branch:
        """As `save`, and play goes on on the new branch."""
        with self._translated():
            self._unpaused(await self.session(session))
            made = await self.save(session, name, at=at, turn_id=turn_id)
            return await self.memory.switch(self.scope(session), made["name"])

    async def _settled(self, session: str) -> None:
        """A turn that a process left unfinished is ended, so that HEAD can be moved: under the session's lease. Raises
        SessionPaused, also where that turn was a crisis.
        """
        if await self._finish(self._unpaused(await self.session(session)), self._runner(session)):
            self._unpaused(await self.session(session))

    async def resume(self, session: str) -> Session:
        """The player's explicit choice to go on after a crisis. The risk that was seen stays remembered."""
        with self._translated():
            await self.session(session)
            return await self.memory.update(self.scope(session), paused=False)

    async def pause(self, session: str) -> Session:
        """The player's choice that nothing moves until `resume`. A turn that runs is finished. Raises TurnInProgress."""
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "pause", wait_s=LOCK_WAIT_S):
                await self.session(session)
                return await self.memory.update(self.scope(session), paused=True)

    async def change(
        self,
        session: str,
        *,
        title: str | None = None,
        avoid: Sequence[str] | None = None,
        check: Callable[[], Awaitable[None]] | None = None,
    ) -> Session:
        """What is given is changed; undo touches none of it. One write, after `check`, which may raise; between the two
        nothing moves in the session.

        `title`: at most 120 characters, empty for the world's own. `avoid`: the story leaves these topics out from its next
        turn on, and no others; InvalidInput for more than twelve or one longer than forty characters
        (`agents.safety.topics`). Either raises it with help for somebody who calls for it there.
        """
        with self._translated():
            record = await self.session(session)
            named = None if title is None else check_title(self._harmless(title)) or (await self.world(session)).title
            topics = None if avoid is None else self._topics(avoid)
            if check is None:
                return await self.memory.update(self.scope(record["session"]), title=named, avoid=topics)
            async with hold(self._stores.redis, self._story(session), "change", wait_s=LOCK_WAIT_S):
                await check()
                return await self.memory.update(self.scope(record["session"]), title=named, avoid=topics)

    async def avoid(self, session: str, topics: Sequence[str]) -> Session:
        """As `change` with topics to leave out."""
        return await self.change(session, avoid=topics)

    def _topics(self, names: Sequence[str]) -> list[str]:
        kept = check_topics(names)
        return [name if is_named(name) else self._harmless(name) for name in kept]

    def _name(self, name: str) -> str:
        """A branch's name. Raises InvalidAction, with help for somebody who calls for it there."""
        try:
            plain = check_name(name)
        except StoryError as error:
            raise self._with_help(error, name) from None
        return self._harmless(plain)


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncGenerator[StoryEngine]:
    """The engine over the stores that the settings name. Raises InvalidSetting, StoreUnavailable, StoreTooNew."""
    target = webhook_target(settings)
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        engine = StoryEngine(settings, stores, stack)
        stack.push_async_callback(engine.close)
        with suppress(StoryError):  # whoever comes to play is not kept from it by what was to be removed
            await engine.finish_removals()
        engine.begin_webhook(target)
        yield engine
