"""The players' part of StoryEngine: profiles, how far somebody has come, which story is theirs now, and all of it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from typing_extensions import TypedDict

from agents.errors import InvalidInput, UnknownSession
from agents.safety.topics import check_topics
from agents.world.scene import goal_states
from agents.world.view import View
from graphs.locks import hold
from graphs.memory.shapes import Session
from graphs.players import LARGEST, Profile
from graphs.resealing import StoryResealer
from graphs.sessions import check_id, check_title

CHANGE_WAIT_S = 5.0
"""How long a change of a profile waits for another one, which takes a moment."""


class StoryProgress(TypedDict):
    """How far one story has come, on the branch that is played."""

    session: str
    world: str
    title: str
    turns: int
    goals_done: int
    goals: int
    won: bool
    paused: bool
    played: str


class StoryProfiles(StoryResealer):
    """Every method raises a StoryError and nothing else."""

    async def profile(self, player: str) -> Profile:
        """What is kept of a player; empty for who has said nothing yet. Raises InvalidInput for what is no player's id."""
        with self._translated():
            return await self.players.get(check_id(player, "player id"))

    async def change_profile(
        self, player: str, *, name: str | None = None, preferences: dict[str, Any] | None = None
    ) -> Profile:
        """What is given is changed; preferences are put in the place of those before. Raises InvalidInput for more than 8
        KB of them or topics that are none, with help for somebody who calls for it there.
        """
        with self._translated():
            check_id(player, "player id")
            called = None if name is None else check_title(self._harmless(name))
            preferred = None if preferences is None else self._preferences(preferences)
            async with self._changing(player) as kept:
                kept["name"] = kept["name"] if called is None else called
                kept["preferences"] = kept["preferences"] if preferred is None else preferred
            return kept

    @asynccontextmanager
    async def _changing(self, player: str) -> AsyncGenerator[Profile]:
        """The profile, kept as it is when the block ends, unless that raises. Of two that change it at once none writes over
        what the other has changed.
        """
        redis, tenant = self._stores.redis, self.settings.tenant
        async with hold(redis, tenant, "profile", kind="player_lock", of=player, wait_s=CHANGE_WAIT_S):
            kept, now = await self.players.get(player), self.clock.now().isoformat()
            yield kept
            kept["created"], kept["changed"] = kept["created"] or now, now
            await self.players.put(kept)

    def _preferences(self, given: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(given, ensure_ascii=False).encode("utf-8", "surrogatepass")) > LARGEST:
            raise InvalidInput(f"The preferences are longer than {LARGEST // 1024} KB", cure="Leave some out.")
        if avoid := given.get("avoid"):
            return {**given, "avoid": check_topics(avoid)}
        return given

    async def current(self, player: str) -> Session:
        """The session that the player has played last. Raises UnknownSession for who has none."""
        with self._translated():
            found = await self.memory.sessions(self.settings.tenant, player=check_id(player, "player id"), limit=1)
        if not found:
            raise UnknownSession(f"The player '{player[:64]}' has no session yet", cure="Begin one first.")
        return found[0]

    async def progress(self, player: str, *, limit: int = 50, after: str = "") -> tuple[list[StoryProgress], str]:
        """A page of the player's stories, as `sessions` pages them, and the id after which the next begins."""
        records, more = await self.sessions(player=check_id(player, "player id"), limit=limit, after=after)
        return list(await asyncio.gather(*map(self._come, records))), more

    async def _come(self, record: Session) -> StoryProgress:
        position = await self.position(record["session"])
        view = View((await self._pinned(record)).world, position["slots"])
        goals = goal_states(view)
        return StoryProgress(
            session=record["session"],
            world=record["world"],
            title=record["title"],
            turns=position["number"],
            goals_done=sum(goal["done"] for goal in goals),
            goals=len(goals),
            won=view.won,
            paused=record["paused"],
            played=record["played"],
        )

    async def export_player(self, player: str) -> AsyncGenerator[str]:
        """All of a player as JSON lines: the profile, then each session as `export` gives it, then an `end_player`."""
        profile = await self.profile(player)
        yield json.dumps({"player": profile}, ensure_ascii=False)
        count = 0
        async for session in self._ids(player):
            async for line in self.export(session):
                yield line
            count += 1
        yield json.dumps({"end_player": {"player": player, "sessions": count}})
