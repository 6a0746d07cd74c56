"""The audit in Redis: a stream a tenant, to which entries are only ever added.

    audit:{TENANT}            the stream
    audit_of:{TENANT}:SESSION which entries are a session's: mark to id, by which its deletion finds them
    audit_counts:{TENANT}     how many there were of each kind, ever; says nothing of anybody
    audit_owed:{TENANT}       ids of which the webhook is to be told, by when it is due (milliseconds)
    audit_key:{TENANT}        what texts are hashed with, where no TTA_AUDIT_KEY is set

They are of the tenant and not of a story, so `graphs.archive.keyspace` has none of them: a deletion takes a session's
entries out of the stream, and neither a backup nor an export has them. A stream takes no entry that is older than its
newest, and what was restored would be told to the webhook again; `tta safety audit --json` keeps it elsewhere.
"""

import json
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Any, cast

from redis.asyncio import Redis

from graphs.audit.entries import Entry, Noted, hash_of
from graphs.keys import story_key, text_of
from graphs.sealing import PLAIN, Seal

MAX_ENTRIES = 100_000
"""Entries that a stream holds, some 500 bytes each, give or take a node of it (100 entries): the oldest go first."""

PAGE = 500
_DAY_MS = 24 * 3600 * 1000

_PUT = """
if ARGV[6] == '1' and redis.call('hexists', KEYS[3], ARGV[1]) == 1 then return false end
local id = redis.call('xadd', KEYS[1], 'MINID', '~', ARGV[3], '*', 'entry', ARGV[2])
redis.call('xtrim', KEYS[1], 'MAXLEN', '~', ARGV[4])
redis.call('pexpire', KEYS[1], ARGV[5])
if ARGV[6] == '1' then
  redis.call('hset', KEYS[3], ARGV[1], id)
  redis.call('pexpire', KEYS[3], ARGV[5])
  if redis.call('hlen', KEYS[3]) % 64 == 0 then
    local oldest = tonumber(string.match(redis.call('xrange', KEYS[1], '-', '+', 'COUNT', 1)[1][1], '^%d+'))
    local held = redis.call('hgetall', KEYS[3])
    for at = 1, #held, 2 do
      if tonumber(string.match(held[at + 1], '^%d+')) < oldest then redis.call('hdel', KEYS[3], held[at]) end
    end
  end
end
if ARGV[7] ~= '' then redis.call('zadd', KEYS[4], ARGV[7], id) end
for at = 8, #ARGV, 2 do redis.call('hincrby', KEYS[2], ARGV[at], ARGV[at + 1]) end
return id
"""
_FORGET = """
local ids = redis.call('hvals', KEYS[2])
for _, id in ipairs(ids) do
  redis.call('xdel', KEYS[1], id)
  redis.call('zrem', KEYS[3], id)
end
redis.call('del', KEYS[2])
return #ids
"""
_TAKE = """
while true do
  local id = redis.call('zrangebyscore', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 1)[1]
  if not id then return false end
  local found = redis.call('xrange', KEYS[1], id, id)
  if #found > 0 then
    redis.call('zadd', KEYS[2], ARGV[2], id)
    return {id, found[1][2][2]}
  end
  redis.call('zrem', KEYS[2], id)
end
"""


def now_ms() -> int:
    """Ids of a stream begin with the server's time; what is compared with them is this machine's."""
    return time.time_ns() // 1_000_000


class AuditStream:
    """One tenant's entries. Raises what redis-py raises, and StoreSealed where the key was sealed with another one."""

    def __init__(
        self, redis: "Redis", tenant: str, *, days: int, key: str = "", seal: Seal = PLAIN, prefix: str = "tta"
    ) -> None:
        self._redis = redis
        self._tenant, self._prefix = tenant, prefix
        self._keep_ms = days * _DAY_MS
        self._seal = seal
        self._given = key.encode()
        self._made = b""

    def _key(self, kind: str, session: str = "") -> str:
        return story_key(kind, self._tenant, session, prefix=self._prefix)

    async def put(self, noted: Noted, *, owed: bool = False, counts: dict[str, int] | None = None) -> str:
        """Adds an entry and its counts; its id, empty where it was there. Asked twice, it is written once.

        What is older than the retention goes by whole nodes of the stream, so up to a hundred entries stay longer, until
        somebody reads; of a stream to which nothing comes the last ones go after that time.
        """
        entry = {**noted.entry, "hash": hash_of(await self._hash_key(), noted.digest) if noted.digest else ""}
        entry.pop("id")
        session = noted.entry["session"]
        keys = [self._key("audit"), self._key("audit_counts"), self._key("audit_of", session), self._key("audit_owed")]
        added: dict[str, int] = dict.fromkeys(noted.counters(), 1) | (counts or {})
        arguments: list[Any] = [
            noted.mark,
            json.dumps(entry, ensure_ascii=False),
            now_ms() - self._keep_ms,
            MAX_ENTRIES,
        ]
        arguments += [self._keep_ms, int(bool(session)), now_ms() if owed else ""]
        arguments += [part for pair in added.items() for part in pair]
        return text_of(await cast(Any, self._redis.eval(_PUT, len(keys), *keys, *arguments)) or b"")

    async def entries(self, *, since_ms: int = 0) -> AsyncGenerator[Entry]:
        """Those that are kept, newest first, from `since_ms` on. What is older than the retention goes here for good."""
        horizon, key = now_ms() - self._keep_ms, self._key("audit")
        await self._redis.xtrim(key, minid=str(horizon), approximate=False)
        last = "+"
        while page := cast(Any, await self._redis.xrevrange(key, last, str(max(horizon, since_ms)), count=PAGE)):
            for id_, fields in page:
                yield _entry(id_, fields[b"entry"])
            last = f"({text_of(page[-1][0])}"

    async def counts(self) -> dict[str, int]:
        """Every counter, by name (`Noted.counters`; `audit|failed`, `audit|lost`; `webhook|OUTCOME`)."""
        found: Any = await cast(Any, self._redis.hgetall(self._key("audit_counts")))
        return {text_of(name): int(count) for name, count in found.items()}

    async def count(self, name: str) -> None:
        await cast(Any, self._redis.hincrby(self._key("audit_counts"), name, 1))

    async def hash(self, digest: bytes) -> str:
        """What the entries of that text hold."""
        return hash_of(await self._hash_key(), digest)

    async def forget(self, session: str) -> int:
        """Takes a session's entries out of the stream; how many."""
        keys = [self._key("audit"), self._key("audit_of", session), self._key("audit_owed")]
        return int(await cast(Any, self._redis.eval(_FORGET, len(keys), *keys)))

    async def sessions(self) -> AsyncGenerator[str]:
        """The sessions that have entries: a SCAN of the whole store, never on a turn's way."""
        start = self._key("audit_of", "*")[:-1]
        async for raw in self._redis.scan_iter(match=f"{start}*", count=1_000):
            yield text_of(raw).removeprefix(start)

    async def remove(self) -> None:
        """Everything of the tenant, counts and key too."""
        for session in [session async for session in self.sessions()]:
            await self.forget(session)
        kinds = ("audit", "audit_counts", "audit_owed", "audit_key")
        await self._redis.unlink(*[self._key(kind) for kind in kinds])
        self._made = b""

    async def reseal(self) -> None:
        """Seals the key anew, with the first of the keys that there are now."""
        if not self._given and await self._redis.exists(self._key("audit_key")):
            await self._redis.set(self._key("audit_key"), self._seal.close((await self._hash_key()).hex()))

    async def take(self, lease_ms: int) -> Entry | None:
        """An entry that the webhook is owed and that is due. It is due again after `lease_ms`, unless it is paid."""
        keys, now = [self._key("audit"), self._key("audit_owed")], now_ms()
        found: Any = await cast(Any, self._redis.eval(_TAKE, len(keys), *keys, now, now + lease_ms))
        return _entry(*found) if found else None

    async def put_off(self, id_: str, wait_ms: int) -> None:
        """Says when it is due again. One that was forgotten meanwhile stays that."""
        await self._redis.zadd(self._key("audit_owed"), {id_: now_ms() + wait_ms}, xx=True)

    async def paid(self, id_: str, outcome: str) -> None:
        """The webhook is owed it no longer; counted as `webhook|OUTCOME`, in one breath."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(self._key("audit_owed"), id_)
            pipe.hincrby(self._key("audit_counts"), f"webhook|{outcome}", 1)
            await pipe.execute()

    async def owed(self) -> int:
        """How many entries the webhook has not taken."""
        return int(await self._redis.zcard(self._key("audit_owed")))

    async def next_due_ms(self) -> int | None:
        """Milliseconds until the next is due, 0 if it is; None where nothing is owed."""
        found: Any = await self._redis.zrange(self._key("audit_owed"), 0, 0, withscores=True)
        return max(0, int(found[0][1]) - now_ms()) if found else None

    async def _hash_key(self) -> bytes:
        """The given key, else the one that the first of all processes has made. Guessing a short text is as hard as
        getting at it: whoever has the store has this one too, unless it is sealed.
        """
        if self._given or self._made:
            return self._given or self._made
        key = self._key("audit_key")
        await self._redis.set(key, self._seal.close(secrets.token_hex(32)), nx=True)
        kept: Any = await self._redis.get(key)
        self._made = bytes.fromhex(self._seal.open(text_of(kept)))
        return self._made


def id_ms(id_: str) -> int:
    """When an entry was written."""
    return int(id_.partition("-")[0])


def _entry(id_: Any, raw: Any) -> Entry:
    return cast(Entry, {"id": text_of(id_), **json.loads(raw)})
