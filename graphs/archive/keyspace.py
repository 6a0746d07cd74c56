"""What Redis holds of a story: every key by name, and how all of it is removed, written down and put back.

    waiting actions that come after it    halt    whether it is to stop, dropped    which of them were: not written down
    inbox   the accepted action          lines   every line it was played on      turns   ids of its turns of late
    events:TURN, trace:TURN              what happens in a turn, of late
    thread:LINE                          the two keys of a line's checkpoints (`graphs.checkpoint.keys`)

The safety audit is the tenant's and has keys of its own: `graphs.audit.stream` says why none of it is written down. Answers
to requests that may be repeated (`graphs.repeats`) live for a day and are not written down either.

What is written down is the plain data of each key, by its Redis type, in base64: DUMP's own form can only be read by
a Redis that is no older than the one that wrote it, and a backup may be needed where that one is no longer to be had.
"""

import base64
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast
from urllib.parse import unquote

from redis.asyncio import Redis

from graphs.checkpoint.keys import SCHEMA, Keys
from graphs.keys import story_key, text_of

BATCH = 500
"""Keys that one command removes or asks for."""


class Keyspace:
    """The keys of one story. `prefix` as elsewhere."""

    def __init__(self, redis: "Redis", tenant: str, session: str, *, prefix: str = "tta") -> None:
        self._redis = redis
        self._tenant, self._session = tenant, session
        self._story, self._prefix = f"{tenant}:{session}", prefix
        self._keys = Keys(prefix)

    def _key(self, role: str) -> str:
        """The key of a role but a thread: `inbox`, `lines`, `turns`, `events:TURN`, `trace:TURN`."""
        kind, _, turn_id = role.partition(":")
        return story_key(kind, self._story, turn_id, prefix=self._prefix)

    def thread(self, line: str) -> str:
        return f"{self._story}:{line}"

    async def lines(self) -> list[str]:
        """Every line that the story was played on."""
        found: Any = await cast(Any, self._redis.smembers(self._key("lines")))
        return sorted(text_of(line) for line in found)

    async def kept_lines(self) -> list[str]:
        """Those whose checkpoints are still there."""
        return [line for role, line in await self._there(await self.lines(), ("thread",)) if role == "thread"]

    async def turns(self) -> list[str]:
        """The ids of turns whose event stream or trace may still be there."""
        found: Any = await self._redis.zrange(self._key("turns"), 0, -1)
        return [text_of(turn_id) for turn_id in found]

    async def remove(self) -> int:
        """Removes all but the lease and the threads, which are the saver's; the lists by which they are found go
        last.
        """
        keys = [self._key(f"{kind}:{turn_id}") for turn_id in await self.turns() for kind in ("events", "trace")]
        gone = await remove_keys(self._redis, keys)
        await self._redis.zrem(story_key("waiting", self._tenant, prefix=self._prefix), self._session)
        return gone + await remove_keys(
            self._redis, [self._key(role) for role in ("inbox", "halt", "waiting", "dropped", "turns", "lines")]
        )

    async def dump(self) -> AsyncGenerator[dict[str, Any]]:
        """Each key as plain data, the accepted action first: what is read later is of the same turn or of a later
        moment.
        """
        roles = [("inbox", ""), ("waiting", ""), ("lines", ""), ("turns", "")]
        roles += [("thread", line) for line in await self.kept_lines()]
        roles += await self._there(await self.turns(), ("trace", "events"))
        for kind, name in roles:
            role = f"{kind}:{name}" if name else kind
            keys = self._keys.of(self.thread(name)) if kind == "thread" else [self._key(role)]
            held = await self._read(keys)
            if any(held):
                yield {"key": role, "schema": SCHEMA if kind == "thread" else 1, "held": held}

    async def restore(self, told: dict[str, Any]) -> None:
        """Puts back what `dump` told. A thread of another schema is left out: its turn begins anew from the inbox."""
        kind, _, name = str(told["key"]).partition(":")
        if told.get("schema") != (SCHEMA if kind == "thread" else 1):
            return
        keys = self._keys.of(self.thread(name)) if kind == "thread" else [self._key(str(told["key"]))]
        async with self._redis.pipeline(transaction=True) as pipe:
            for key, held in zip(keys, told["held"], strict=True):
                pipe.delete(key)
                if held:
                    _write(pipe, key, held)
            await pipe.execute()

    async def put_lines(self, lines: Sequence[str]) -> None:
        for start in range(0, len(lines), BATCH):
            await cast(Any, self._redis.sadd(self._key("lines"), *lines[start : start + BATCH]))

    async def _there(self, names: list[str], kinds: Sequence[str]) -> list[tuple[str, str]]:
        """Which of these keys there are."""
        found: list[tuple[str, str]] = []
        for start in range(0, len(names), BATCH):
            asked = [(kind, name) for name in names[start : start + BATCH] for kind in kinds]
            async with self._redis.pipeline(transaction=False) as pipe:
                for kind, name in asked:
                    thread = self._keys.of(self.thread(name))[0] if kind == "thread" else ""
                    pipe.exists(thread or self._key(f"{kind}:{name}"))
                answers = await pipe.execute()
            found += [each for each, there in zip(asked, answers, strict=True) if there]
        return found

    async def _read(self, keys: list[str]) -> list[dict[str, Any] | None]:
        """The keys' data, read in one breath."""
        kinds = [text_of(await self._redis.type(key)) for key in keys]
        async with self._redis.pipeline(transaction=True) as pipe:
            for key, kind in zip(keys, kinds, strict=True):
                _ask(pipe, key, kind)
                pipe.pttl(key)
            answers = await pipe.execute()
        held = zip(kinds, answers[::2], answers[1::2], strict=True)
        return [{"type": kind, "ttl_ms": ttl, "data": _told(kind, raw)} if raw else None for kind, raw, ttl in held]


async def remove_keys(redis: "Redis", keys: Sequence[str]) -> int:
    """How many there were."""
    gone = 0
    for start in range(0, len(keys), BATCH):
        gone += int(await redis.unlink(*keys[start : start + BATCH]))
    return gone


async def keys_by_session(redis: "Redis", tenant: str, *, prefix: str = "tta") -> AsyncGenerator[tuple[str, str]]:
    """Session and key of all that Redis holds of a tenant's stories: a SCAN of the whole store, never on a turn's
    way.
    """
    async for raw in redis.scan_iter(match=f"{prefix}:1:*{{{tenant}:*", count=1_000):
        key = text_of(raw)
        yield key.partition(f"{{{tenant}:")[2].partition("}")[0], key
    async for raw in redis.scan_iter(match=f"{prefix}:{SCHEMA}:{{{tenant}%3A*", count=1_000):
        key = text_of(raw)
        yield unquote(key.partition(f"{{{tenant}%3A")[2].partition("%3A")[0]), key


def _ask(pipe: Any, key: str, kind: str) -> None:
    asks = {
        "string": lambda: pipe.get(key),
        "set": lambda: pipe.smembers(key),
        "list": lambda: pipe.lrange(key, 0, -1),
        "hash": lambda: pipe.hgetall(key),
        "zset": lambda: pipe.zrange(key, 0, -1, withscores=True),
        "stream": lambda: pipe.xrange(key),
    }
    asks.get(kind, lambda: pipe.get(key))()


def _told(kind: str, raw: Any) -> Any:
    """A key's data as JSON."""
    if kind == "string":
        return _plain(raw)
    if kind in ("set", "list"):
        return [_plain(item) for item in (sorted(raw) if kind == "set" else raw)]
    if kind == "hash":
        return [[_plain(field), _plain(value)] for field, value in raw.items()]
    if kind == "zset":
        return [[_plain(member), float(score)] for member, score in raw]
    return [[text_of(sequence), [[_plain(f), _plain(v)] for f, v in fields.items()]] for sequence, fields in raw]


def _write(pipe: Any, key: str, held: dict[str, Any]) -> None:
    data = held["data"]
    if held["type"] == "string":
        pipe.set(key, _raw(data))
    elif held["type"] == "set":
        pipe.sadd(key, *map(_raw, data))
    elif held["type"] == "list":
        pipe.rpush(key, *map(_raw, data))
    elif held["type"] == "hash":
        pipe.hset(key, mapping={_raw(field): _raw(value) for field, value in data})
    elif held["type"] == "zset":
        pipe.zadd(key, {_raw(member): score for member, score in data})
    else:
        for sequence, fields in data:
            pipe.xadd(key, {_raw(field): _raw(value) for field, value in fields}, id=sequence)
    if held["ttl_ms"] > 0:
        pipe.pexpire(key, held["ttl_ms"])


def _plain(value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else str(value).encode()).decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
