"""Players: what a player is called and prefers, in Redis, sealed where encryption is on; their stories are in the graph.

    players:{TENANT}     a hash: the player's id -> its profile, as JSON

A profile belongs to the player and to no branch: undo does not touch it. `preferences` are what a new session begins with
where it says nothing itself; whatever else a client keeps among them is given back as it was. Characters stand in it too, so
that they are sealed, taken along and removed with it.
"""

import json
from typing import Any, cast

from redis.asyncio import Redis
from typing_extensions import TypedDict

from agents.characters import Character
from graphs.keys import story_key, text_of
from graphs.sealing import PLAIN, Seal

LARGEST = 8 * 1024
"""Bytes of a player's preferences as JSON."""


class Profile(TypedDict):
    """One player. `created` and `changed` are ISO 8601, empty for who has no profile yet."""

    player: str
    name: str
    preferences: dict[str, Any]
    characters: list[Character]
    """Whom the player may be in a story, made first first."""
    created: str
    changed: str


class Players:
    """One tenant's profiles. Raises what redis-py raises, and StoreSealed for what no key opens."""

    def __init__(self, redis: "Redis", tenant: str, *, seal: Seal = PLAIN, prefix: str = "tta") -> None:
        self._redis: Any = redis
        self._seal = seal
        self._key = story_key("players", tenant, prefix=prefix)

    async def get(self, player: str) -> Profile:
        """The profile; an empty one of who has none."""
        raw = await self._redis.hget(self._key, player)
        none = Profile(player=player, name="", preferences={}, characters=[], created="", changed="")
        return self._read(raw) if raw else none

    async def put(self, profile: Profile) -> None:
        line = json.dumps(profile, ensure_ascii=False, separators=(",", ":"))
        await self._redis.hset(self._key, profile["player"], self._seal.close(line))

    async def remove(self, player: str = "") -> bool:
        """Takes a player's profile away, or everybody's; whether there was one."""
        return bool(await (self._redis.hdel(self._key, player) if player else self._redis.delete(self._key)))

    async def reseal(self) -> None:
        """Seals each anew with the first key."""
        async for player, raw in self._redis.hscan_iter(self._key):
            await self._redis.hset(self._key, player, self._seal.close(self._seal.open(text_of(raw))))

    def _read(self, raw: bytes | str) -> Profile:
        # One from before there were characters has none.
        return cast(Profile, {"characters": [], **json.loads(self._seal.open(text_of(raw)))})
