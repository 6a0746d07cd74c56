"""Removing: a session, a player's sessions, a tenant; what was broken off is finished, what nothing refers to is swept.

First the story gives way to a mark in the graph: from then on nobody sees it and nothing can be committed to it. Then
goes what Redis holds, then the graph's nodes, the mark last. Whatever breaks that off, a call again or the next
process to start finds the mark and goes on.
"""

from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import cached_property

from typing_extensions import TypedDict

from agents.errors import StoryError, TurnInProgress, UnknownSession
from graphs.archive.keyspace import Keyspace, keys_by_session, remove_keys
from graphs.locks import hold
from graphs.players import Players
from graphs.queueing import StoryQueue
from graphs.repeats import Repeats

DELETE_WAIT_S = 5.0
"""How long a deletion waits for a turn that is being played."""

NAMED = 5
"""Sessions that are named where they are many."""


class Removed(TypedDict):
    """What a deletion came to."""

    sessions: list[str]
    nodes: int


class Swept(TypedDict):
    """What a sweep came to: stories whose import or deletion it finished, sessions of which only keys in Redis were
    left, and lines whose checkpoints nothing refers to.
    """

    finished: list[str]
    strays: list[str]
    lines: int


class StoryRemover(StoryQueue):
    """The removing part of StoryEngine. Every method raises a StoryError and nothing else."""

    @cached_property
    def repeats(self) -> Repeats:
        """What requests with an Idempotency-Key came to: of a session that is deleted, nothing is kept."""
        return Repeats(self._stores, self.settings)

    @cached_property
    def players(self) -> Players:
        """The profiles, which go with their players."""
        return Players(self._stores.redis, self.settings.tenant, seal=self._stores.seal)

    async def delete(self, session: str, *, wait_s: float = DELETE_WAIT_S, keep_audit: bool = False) -> int:
        """Removes a session from both stores, its entries in the safety audit too, unless it is about to come back
        (`keep_audit`); how many nodes went.

        Raises UnknownSession, and TurnInProgress while a turn is being played after `wait_s`. Asked again, it removes
        the rest of what was broken off.
        """
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "delete", wait_s=wait_s):
                if not await self.memory.mark_deleted(self.scope(session)):
                    await self.session(session)  # raises, with the sessions that there are
                return await self._remove_marked(session, keep_audit=keep_audit)

    async def delete_player(self, player: str, *, wait_s: float = DELETE_WAIT_S) -> Removed:
        """Removes all sessions of a player, and the profile. Raises TurnInProgress, after the others are gone, naming those
        that are played; then the profile stays, too.
        """
        removed = await self._delete_all(player, wait_s)
        with self._translated():
            for each in (await self.players.get(player))["characters"]:
                await self.repeats.forget(f"{player}/{each['character']}")
            await self.players.remove(player)
        return removed

    async def delete_tenant(self, *, wait_s: float = DELETE_WAIT_S) -> Removed:
        """Removes everything of the tenant of the settings, what was left behind by broken-off calls included."""
        removed = await self._delete_all(None, wait_s)
        await self.sweep()
        with self._translated():
            await self.audit.stream.remove()
            await self.repeats.remove()
            await self.players.remove()
        return removed

    async def _delete_all(self, player: str | None, wait_s: float) -> Removed:
        """All are marked before the first is removed, so that all are out of sight at once, and stay so if this is
        cut off.
        """
        removed, busy = Removed(sessions=[], nodes=0), list[str]()
        with self._translated():
            async for session in self._ids(player):
                try:
                    async with hold(self._stores.redis, self._story(session), "delete", wait_s=wait_s):
                        if await self.memory.mark_deleted(self.scope(session)):
                            removed["sessions"].append(session)
                except TurnInProgress:
                    busy.append(session)
            for session in removed["sessions"]:
                async with hold(self._stores.redis, self._story(session), "delete", wait_s=wait_s):
                    removed["nodes"] += await self._remove_marked(session)
        if busy:
            raise TurnInProgress(
                f"Still being played: {', '.join(busy[:NAMED])}{' and others' if len(busy) > NAMED else ''}",
                cure="The rest is deleted. Ask again when the turn has ended.",
            )
        return removed

    async def _ids(self, player: str | None = None) -> AsyncGenerator[str]:
        """The tenant's sessions, or those of a player, page by page."""
        after = ""
        while page := await self.memory.session_ids(self.settings.tenant, player=player, after=after):
            after = page[-1]
            for session in page:
                yield session

    async def _remove_marked(self, session: str, *, keep_audit: bool = False) -> int:
        """The rest of a marked story, in both stores. The caller holds the lease."""
        await self._chapters.stop(self.scope(session))
        await self._remove_keys(session)
        if not keep_audit:
            await self.forget_audit(session)
        self._worlds.pop(session, None)
        self._storytellers.forget(self.scope(session))
        return await self.memory.delete(self.scope(session))

    async def _remove_keys(self, session: str) -> None:
        keys = self._keyspace(session)
        for line in await keys.kept_lines():
            await self._saver.adelete_thread(keys.thread(line))
        await keys.remove()
        await self.repeats.forget(session)

    def _keyspace(self, session: str) -> Keyspace:
        return Keyspace(self._stores.redis, self.settings.tenant, session)

    async def finish_removals(self) -> list[str]:
        """Removes what is left of broken-off deletions and imports; one that is under way elsewhere is left to that
        process.
        """
        finished: list[str] = []
        with self._translated():
            for session in await self.memory.unfinished(self.settings.tenant):
                with suppress(TurnInProgress):
                    async with hold(self._stores.redis, self._story(session), "sweep"):
                        # Again under the lease: an import may just have ended.
                        if session in await self.memory.unfinished(self.settings.tenant):
                            await self._remove_marked(session)
                            finished.append(session)
        return finished

    async def sweep(self) -> Swept:
        """Finishes what was broken off and removes what nothing refers to. Reads all keys of Redis: not for a turn's
        way.

        The checkpoints of a line go where no branch stands on it and no turn of it is accepted; only stepping into the
        nodes of its last turn is lost. A session that is being played is passed over.
        """
        swept = Swept(finished=await self.finish_removals(), strays=[], lines=0)
        with self._translated():
            redis, tenant = self._stores.redis, self.settings.tenant
            known: dict[str, bool] = {}
            strays: dict[str, list[str]] = {}
            async for session, key in keys_by_session(redis, tenant):
                if session not in known:
                    known[session] = await self._is_there(session)
                if not known[session]:
                    strays.setdefault(session, []).append(key)
            for session, keys in strays.items():
                with suppress(TurnInProgress):
                    async with hold(redis, self._story(session), "sweep"):
                        if await self._is_there(session):
                            continue
                        if await self.repeats.forget(session) + await remove_keys(redis, keys):
                            swept["strays"].append(session)
            for session in [session async for session in self.audit.stream.sessions()]:
                if not await self._is_there(session):  # it was noted while the session was being deleted
                    await self.forget_audit(session)
            after = ""
            while page := await self.memory.session_ids(tenant, after=after):
                after = page[-1]
                for session in page:
                    with suppress(TurnInProgress):
                        async with hold(redis, self._story(session), "sweep"):
                            swept["lines"] += await self._sweep_lines(session)
        return swept

    async def _is_there(self, session: str) -> bool:
        try:
            await self.memory.session(self.scope(session))
        except UnknownSession:
            return False
        return True

    async def _sweep_lines(self, session: str) -> int:
        keys = self._keyspace(session)
        kept = await keys.kept_lines()
        if not kept:
            return 0
        with suppress(StoryError):
            used = {branch["line"] for branch in await self.memory.branches(self.scope(session))}
            if accepted := await self._runner(session).inbox.current():
                used.add(accepted["line"])
            unused = [line for line in kept if line not in used]
            for line in unused:
                await self._saver.adelete_thread(keys.thread(line))
            return len(unused)
        return 0
