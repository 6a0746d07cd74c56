"""One tenant's part of Redis that says who may come in. The only module here that speaks to Redis."""

import json
from collections.abc import Sequence
from typing import Any, cast

from redis.asyncio import Redis

from graphs.keys import story_key, text_of
from graphs.stores import REDIS_FAILS, translate_redis

_REPLACE = """
if redis.call('hget', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('hset', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


class AccessStore:
    """Commands under the tenant's keys. Raises StoreError and nothing else. `configured` as in `translate_redis`."""

    def __init__(self, redis: "Redis", tenant: str, *, configured: bool = True, prefix: str = "tta") -> None:
        self._redis = redis
        self._tenant, self._prefix, self._configured = tenant, prefix, configured

    def key(self, kind: str, name: str = "") -> str:
        return story_key(kind, self._tenant, name, prefix=self._prefix)

    async def call(self, command: str, *arguments: Any) -> Any:
        """What the command answers, its bytes as text."""
        try:
            return _text(await cast(Any, self._redis.execute_command(command, *arguments)))  # pyright: ignore[reportUnknownMemberType]
        except REDIS_FAILS as error:
            raise translate_redis(error, configured=self._configured) from error

    async def run(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:
        """What a Lua script answers: all of it happens, or none, and nothing between."""
        return await self.call("EVAL", script, len(keys), *keys, *arguments)


class Records:
    """Plain records of one kind, by id."""

    def __init__(self, store: AccessStore, kind: str) -> None:
        self._store = store
        self._key = store.key(kind)

    async def get(self, name: str) -> dict[str, Any] | None:
        raw = await self._store.call("HGET", self._key, name)
        return json.loads(raw) if raw else None

    async def add(self, name: str, record: dict[str, Any]) -> bool:
        """Whether there was none of that name."""
        return bool(await self._store.call("HSETNX", self._key, name, _line(record)))

    async def replace(self, name: str, was: dict[str, Any], record: dict[str, Any]) -> bool:
        """Whether it was still as it was: of two that change it at once one wins, and what is deleted stays so."""
        return bool(await self._store.run(_REPLACE, [self._key], name, _line(was), _line(record)))

    async def remove(self, name: str) -> bool:
        """Whether there was one."""
        return bool(await self._store.call("HDEL", self._key, name))

    async def all(self) -> list[dict[str, Any]]:
        """All of them, by name."""
        found = await self._store.call("HVALS", self._key)
        return sorted((json.loads(raw) for raw in found), key=lambda record: str(record["name"]))


def _line(record: dict[str, Any]) -> str:
    """The same record is always the same text."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True)


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return text_of(value)
    return [_text(each) for each in value] if isinstance(value, list) else value
