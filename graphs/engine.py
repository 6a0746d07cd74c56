"""StoryEngine: the front door that the API, the command, evaluations and tests share.

    async with open_engine(settings) as engine:
        session = await engine.create("winter_light")
        turn = await engine.act(session["session"], "look around")

A turn runs in a task of its own: a caller that goes away cancels nothing.
"""

import uuid
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict

from typing_extensions import TypedDict

from agents.errors import Conflict, InvalidInput, StoryError, UnknownTurn
from agents.models import check_spec
from agents.story import Turn, Value
from agents.world.load import load_world, pin
from agents.world.schema import World
from agents.world.upgrade import MAX_UPGRADES, Upgrade, compare, fit, misfits
from graphs.actions import check_name
from graphs.locks import hold
from graphs.memory.shapes import Branch, Edition, Session
from graphs.playing import LOCK_WAIT_S, StoryPlayer
from graphs.sessions import new_session, opening_slots, opening_turn
from graphs.settings import Settings
from graphs.stores import open_stores


class Upgraded(TypedDict):
    """What an upgrade did, or would do: `misfits` say what is in a branch's state and not in the new edition."""

    session: str
    world: str
    before: int
    version: int
    fingerprint: str
    upgraded: bool
    misfits: list[dict[str, Value]]
    """branch, slot, value, becomes, because."""


class StoryEngine(StoryPlayer):
    """Everything that can be done with stories. Every method raises a StoryError and nothing else.

    `act`, `start`, `retry` and `recover` are in `graphs/playing.py`, what changes nothing in `graphs/reading.py`. Of a
    paused session nothing moves but by `resume`.
    """

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

        The same session id again returns the session that is there. Without a seed, one is drawn. The model is opened, so
        that one that cannot work is told before the story begins.
        """
        with self._translated():
            for name in (session, player, title):
                self._harmless(name)
            source = load_world(world)
            spec = model or self.settings.model
            if spec not in self._models:
                check_spec(spec)
            await self._storyteller(spec)
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

    async def undo(self, session: str, back: int = 1) -> Branch:
        """HEAD goes back; the next turn grows a new line. Raises Conflict where there is nothing to undo."""
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "undo", wait_s=LOCK_WAIT_S):
                self._unpaused(await self.session(session))
                position = await self.memory.position(self.scope(session))
                if position["number"] == 0:
                    raise Conflict("There is nothing to undo: this is the beginning", cure="Play a turn first.")
                return await self.memory.move_head(self.scope(session), position["branch"], back=back)

    async def save(self, session: str, name: str) -> Branch:
        """A named branch at HEAD; play goes on on the branch it was on. Conflict when the name is taken."""
        with self._translated():
            await self.session(session)
            return await self.memory.create_branch(self.scope(session), self._name(name))

    async def switch(self, session: str, name: str) -> Branch:
        """Play goes on on that branch. Raises UnknownBranch with the ones there are."""
        with self._translated():
            self._unpaused(await self.session(session))
            return await self.memory.switch(self.scope(session), self._name(name))

    async def delete_branch(self, session: str, name: str) -> None:
        """Takes a branch's name away; its turns stay, as what was undone does. Conflict for the one that is played."""
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "delete", wait_s=LOCK_WAIT_S):
                record = self._unpaused(await self.session(session))
                await self._finish(record, self._runner(session))  # it may be on that very branch
                await self.memory.delete_branch(self.scope(session), name)

    async def take_attempt(self, session: str, number: int) -> Turn:
        """HEAD goes to another attempt at its turn, numbered from 1 as `attempts` lists them. Raises UnknownTurn.

        What stood there stays an attempt; the next turn starts a new line.
        """
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "attempt", wait_s=LOCK_WAIT_S):
                self._unpaused(await self.session(session))
                position = await self.memory.position(self.scope(session))
                found = await self.memory.attempts(self.scope(session), position["head"])
                if not 1 <= number <= len(found):
                    valid = [str(each) for each in range(1, len(found) + 1)]
                    raise UnknownTurn(f"The last turn has no attempt {number}", choices=valid)
                turn = found[number - 1]
                await self.memory.take_attempt(self.scope(session), position["branch"], turn["turn_id"])
                return turn

    async def fork(self, session: str, name: str, *, at: int | None = None, turn_id: str = "") -> Branch:
        """A named branch, on which play goes on: at turn number `at` of the active branch, at a turn by its id, or at HEAD.

        The id may be that of a turn which was taken back or is on another branch. Raises UnknownTurn.
        """
        with self._translated():
            self._unpaused(await self.session(session))
            plain = self._name(name)
            if turn_id:
                await self.turn(session, turn_id)
            elif at is not None:
                turn_id = "root" if at == 0 else (await self.find_turn(session, at))["turn_id"]
            await self.memory.create_branch(self.scope(session), plain, turn_id or None)
            return await self.memory.switch(self.scope(session), plain)

    async def resume(self, session: str) -> Session:
        """The player's explicit choice to go on after a crisis. The risk that was seen stays remembered."""
        with self._translated():
            await self.session(session)
            return await self.memory.update(self.scope(session), paused=False)

    async def upgrade(self, session: str, world: str = "", *, dry_run: bool = False) -> Upgraded:
        """Moves a session to the present edition of its world (by default the shipped one of that id; or a file).

        States follow when they are played next, on whatever branch. Raises UnknownWorld, InvalidWorld, and Conflict for
        another world than the session's.
        """
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "upgrade", wait_s=LOCK_WAIT_S):
                record = await self.session(session)
                source = load_world(world or record["world"])
                if source.world.world != record["world"]:
                    raise Conflict(f"The session plays '{record['world']}', and that is '{source.world.world}'",
                                   cure="Name the file of that world.")  # fmt: skip
                await self._finish(record, self._runner(session))  # it was begun in the world as it was
                pinned = await self._pinned(record)
                upgrades = [*pinned.upgrades, compare(pinned.world, source.world, source.fingerprint)]
                if len(upgrades) > MAX_UPGRADES:
                    raise Conflict(f"The session has been through {MAX_UPGRADES} editions", cure="Begin a new one.")
                done = source.fingerprint != record["fingerprint"] and not dry_run
                misfits = await self._misfits(session, pinned.world, source.world, upgrades)
                if done:
                    edition = Edition(source.world.version, source.fingerprint, pin(source, upgrades))
                    await self.memory.update(self.scope(session), world=edition)
        return Upgraded(session=session, world=record["world"], version=source.world.version,
                        before=record["world_version"], fingerprint=source.fingerprint, upgraded=done,
                        misfits=misfits)  # fmt: skip

    async def _misfits(self, session: str, old: World, new: World, upgrades: list[Upgrade]) -> list[dict[str, Value]]:
        """What does not fit any more where each branch stands."""
        found: list[dict[str, Value]] = []
        for branch in await self.branches(session):
            slots = (await self.memory.position(self.scope(session), branch["name"]))["slots"]
            found += [
                {"branch": branch["name"], **asdict(misfit)}
                for misfit in misfits(old, slots, fit(new, slots, upgrades))
            ]
        return found

    async def delete(self, session: str) -> int:
        """Removes a session from both stores; how many nodes went.

        Redis first: where one store is gone, the session is still there, and asking again removes the rest.
        """
        with self._translated():
            record = await self.session(session)
            await self._chapters.stop(self.scope(session))
            runner = self._runner(session)
            for line in await runner.inbox.lines():
                await self._saver.adelete_thread(runner.thread(line))
            await runner.inbox.forget()
            removed = await self.memory.delete(self.scope(session))
            self._worlds.pop(record["session"], None)
            return removed

    def _name(self, name: str) -> str:
        """A branch's name. Raises InvalidAction, with help for somebody who calls for it there."""
        try:
            plain = check_name(name)
        except StoryError as error:
            raise self._with_help(error, name) from None
        return self._harmless(plain)

    def _harmless(self, name: str) -> str:
        """A name that may be stored and shown: the words of a person at risk are not. Raises InvalidInput with help."""
        if self.screen.action(name.replace("_", " "))["action"] != "allow":
            error = InvalidInput("That cannot be a name", cure="Choose another name.")
            raise self._with_help(error, name.replace("_", " "))
        return name


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncGenerator[StoryEngine]:
    """The engine over the stores that the settings name. Raises StoreUnavailable, StoreTooNew."""
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        engine = StoryEngine(settings, stores, stack)
        stack.push_async_callback(engine.close)
        yield engine
