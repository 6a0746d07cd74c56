"""Looking into stories: what can be asked of one without changing it."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager, suppress

from agents.errors import StoryError, UnknownSession, UnknownSubject, UnknownTurn, unforeseen
from agents.prompts import Prompts
from agents.safety.leaks import Leaks
from agents.safety.redaction import Redaction
from agents.safety.screen import Screen
from agents.safety.telling import Telling
from agents.story import Fact, Turn, apply_changes
from agents.world.avoidance import leave_out
from agents.world.load import Pinned, load_pinned
from agents.world.schema import World
from agents.world.upgrade import fit
from graphs.events import Event, Events
from graphs.inbox import Inbox
from graphs.memory.protocol import StoryMemory
from graphs.memory.shapes import KEYFRAME, Branch, Chapter, Position, Scope, Session
from graphs.sessions import recap, story_so_far
from graphs.settings import Settings
from graphs.stores import REDIS_FAILS, Stores, check_redis, translate_redis
from graphs.trace import TraceEntry, TraceLog
from graphs.wakes import Wakes

SUGGESTED = 5
"""Sessions that are named to somebody who names one that is not there."""


class StoryReader:
    """The reading half of StoryEngine. Every method raises a StoryError and nothing else."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self.settings = settings
        self.memory: StoryMemory = stores.memory
        self.screen = Screen.load(settings.safety_dir)
        self._stores = stores
        self._wakes = Wakes(stores.redis, settings.tenant, stores.heal)
        self._prompts = Prompts()
        self._leaks = Leaks(self._prompts.texts())
        self._worlds: dict[str, tuple[str, Pinned]] = {}
        """By session: the fingerprint of its world, and the world."""

    async def ping(self) -> None:
        """Raises StoreUnavailable where Redis does not answer."""
        with self._translated():
            await check_redis(self._stores.redis, configured=self._stores.configured)

    async def session(self, session: str) -> Session:
        """Raises UnknownSession, with the ids of those played last."""
        try:
            return await self.memory.session(self.scope(session))
        except UnknownSession:
            known = await self.memory.sessions(self.settings.tenant, limit=SUGGESTED + 1)
            raise UnknownSession(
                f"There is no session '{session[:64]}'",
                cure="List them with `tta sessions list`.",
                choices=[item["session"] for item in known[:SUGGESTED]],
                more=len(known) > SUGGESTED,
            ) from None

    async def sessions(
        self, *, player: str | None = None, limit: int = 50, after: str = ""
    ) -> tuple[list[Session], str]:
        """A page of sessions, those begun last first (ids that a client chose: by name, backwards), and the id after which
        the next page begins, empty where there is none.

        Each is on one page, whatever is played or begun meanwhile. Those that are being imported or deleted are left out.
        """
        ids = await self.memory.session_ids(
            self.settings.tenant, player=player, after=after, limit=limit + 1, newest_first=True
        )
        found = await asyncio.gather(*(self._if_there(session) for session in ids[:limit]))
        return [record for record in found if record], ids[limit - 1] if len(ids) > limit else ""

    async def _if_there(self, session: str) -> Session | None:
        with suppress(UnknownSession):
            return await self.memory.session(self.scope(session))
        return None

    async def world(self, session: str) -> World:
        """The world as it was pinned when the session began, or was moved to another edition."""
        return (await self._pinned(await self.session(session))).world

    async def _pinned(self, record: Session) -> Pinned:
        session = record["session"]
        fingerprint, pinned = self._worlds.get(session, ("", None))
        # Another process may have upgraded it.
        if pinned is None or fingerprint != record["fingerprint"]:
            pinned = load_pinned(await self.memory.world_text(self.scope(session)))
            self._worlds[session] = (record["fingerprint"], pinned)
        return pinned

    def telling(self, record: Session) -> Telling:
        """What may be told to the session's player."""
        return Telling(self.screen, self._leaks, tuple(record["avoid"]))

    async def position(self, session: str, branch: str | None = None) -> Position:
        """Where a branch stands, as the next turn will find it."""
        pinned = await self._pinned(await self.session(session))
        position = await self.memory.position(self.scope(session), branch)
        if changes := fit(pinned.world, position["slots"], pinned.upgrades):
            position["slots"] = apply_changes(position["slots"], changes)
        return position

    async def events(self, session: str, turn_id: str, *, after: str = "") -> AsyncGenerator[Event]:
        """The events of a turn, from the one after `after`; for a turn whose stream has expired, its end."""
        events = self._events(session)
        with self._translated():
            # One that has just been accepted has no event yet.
            if await events.exists(turn_id) or await self._inbox(session).is_current(turn_id):
                async for event in events.read(turn_id, after=after):
                    yield event
                return
        turn = await self.turn(session, turn_id)
        yield Event(id=f"{turn_id}:0-0", kind="committed", data={"turn": turn})
        yield Event(id=f"{turn_id}:0-1", kind="end", data={})

    async def turn(self, session: str, turn_id: str) -> Turn:
        """Raises UnknownSession, UnknownTurn."""
        await self.session(session)
        return await self.memory.turn(self.scope(session), turn_id)

    async def turns(
        self, session: str, *, branch: str | None = None, limit: int = 50, before: int | None = None
    ) -> list[Turn]:
        """Turns of a branch from HEAD backwards, newest first."""
        await self.session(session)
        return await self.memory.turns(self.scope(session), branch, limit=limit, before=before)

    async def branches(self, session: str) -> list[Branch]:
        await self.session(session)
        return await self.memory.branches(self.scope(session))

    async def recap(self, session: str) -> str:
        """What somebody who comes back needs to know: the newest chapter's story so far, what came since, where they are.

        However long the story, at most two thousand characters and a handful of statements.
        """
        world, position = await self.world(session), await self.position(session)
        turns = await self.turns(session, limit=max(20, min(position["number"] - position["closed"], 2 * KEYFRAME)))
        told = recap(world, position, turns, await self._so_far(session, position, turns))
        return leave_out(told, self.telling(await self.session(session)).topics)

    async def _so_far(self, session: str, position: Position, turns: list[Turn]) -> str:
        """The story up to the last of the turns (newest first): of the newest chapter, and of what came since."""
        since = [turn for turn in reversed(turns) if turn["number"] > position["closed"]]
        if not position["closed"] or not since:
            return position["story_so_far"]
        before = await self.memory.slots_at(self.scope(session), since[0]["parent"])
        return story_so_far(await self.world(session), position, before, since)

    async def chapters(
        self, session: str, *, branch: str | None = None, limit: int = 10, before: int | None = None
    ) -> list[Chapter]:
        """The closed chapters of a branch, newest first, numbers below `before`."""
        await self.session(session)
        return await self.memory.chapters(self.scope(session), branch, limit=limit, before=before)

    async def attempts(self, session: str, turn_id: str | None = None) -> list[Turn]:
        """All attempts at a turn (default: the last of the active branch), itself among them, oldest first.

        Empty at the beginning. Raises UnknownTurn.
        """
        turn_id = turn_id or (await self.position(session))["head"]
        await self.turn(session, turn_id)
        return await self.memory.attempts(self.scope(session), turn_id)

    async def facts(
        self, session: str, *, branch: str | None = None, at: int | None = None, about: str | None = None
    ) -> list[Fact]:
        """What holds after turn `at` (default: the branch's last).

        Raises UnknownTurn for one that is not played yet, UnknownSubject where nothing is said of what is asked `about`.
        """
        position = await self.position(session, branch)
        if at is not None and at > position["number"]:
            valid = f"0 to {position['number']}"
            raise UnknownTurn(f"The branch '{position['branch']}' has no turn {at}", choices=[valid])
        scope = self.scope(session)
        found = await self.memory.facts(scope, branch, at=at, about=about)
        if about and not found:
            known = await self.memory.facts(scope, branch, at=at)
            subjects = list(dict.fromkeys(fact["subject"] for fact in known))
            raise UnknownSubject(f"Nothing is said of '{about[:60]}'", choices=subjects)
        return found

    async def trace(self, session: str, turn_id: str) -> list[TraceEntry]:
        """Each node of a past turn, in order. Raises UnknownTurn."""
        await self.turn(session, turn_id)
        kept = await self.memory.trace(self.scope(session), turn_id)
        with self._translated():
            return [TraceEntry(**entry) for entry in kept] if kept else await self._log(session, turn_id).entries()

    def _log(self, session: str, turn_id: str, redaction: Redaction | None = None) -> TraceLog:
        story = self._story(session)
        return TraceLog(self._stores.redis, story, turn_id, seal=self._stores.seal, redaction=redaction)

    async def find_turn(self, session: str, number: int | None) -> Turn:
        """The turn with that number on the active branch; without a number the last one. Raises UnknownTurn."""
        found = await self.turns(session, limit=1, before=None if number is None else number + 1)
        if found and number in (None, found[0]["number"]):
            return found[0]
        branches = await self.branches(session)
        (here,) = [branch for branch in branches if branch["active"]]
        there = [branch["name"] for branch in branches if branch["number"] >= (number or 1)]
        last = here["number"]
        held = {0: "it is at the beginning", 1: "it has only turn 1"}.get(last, f"it has turns 1 to {last}")
        missing = f"no turn {number}" if number else "no turns"
        raise UnknownTurn(
            f"The active branch '{here['name']}' has {missing}: {held}",
            cure=f"`load {there[0]}` in `tta play --session {session}` goes to a branch that has it"
            if number and there
            else f"See the branches: tta branches {session}",
        )

    def scope(self, session: str) -> Scope:
        return Scope(self.settings.tenant, session)

    @contextmanager
    def _translated(self) -> Generator[None]:
        """Whatever fails inside is a StoryError outside."""
        try:
            yield
        except StoryError:
            raise
        except REDIS_FAILS as error:
            raise translate_redis(error, configured=self.settings.redis_url is not None) from error
        except Exception as error:
            raise unforeseen(error) from error

    def _story(self, session: str) -> str:
        return f"{self.settings.tenant}:{session}"

    def _events(self, session: str) -> Events:
        stores, ttl_s = self._stores, self.settings.event_ttl_s
        return Events(stores.redis, self._story(session), self._wakes, ttl_s=ttl_s, seal=stores.seal)

    def _inbox(self, session: str) -> Inbox:
        return Inbox(self._stores.redis, self._story(session), self._wakes, seal=self._stores.seal)
