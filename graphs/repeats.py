"""What a request with an Idempotency-Key came to, so that the same request again gets the same answer and does nothing.

    repeat:{TENANT}:NAME         the record: to whose request the key belongs, and the answer once there is one; sealed
    repeat_lease:{TENANT}:NAME   somebody is at it; let go at once when that process dies here, else after LEASE_MS
    repeats:{TENANT:SESSION}     names of the records that are about a session, by which its deletion finds them
    repeats:{TENANT}:PLAYER/ID   as those, about a player's character

A NAME is a hash: what a client calls its request may be anything, so it is neither stored nor logged. Nor is the request:
a record has a keyed hash of it, with salt of its own (and TTA_AUDIT_KEY, where that is set), so that the hash of a short
text cannot be looked up. A record lives `idempotency_ttl_s` from its last change.

A process may die after something was done and before its answer is kept. The record then has no answer, but the mark and
the note of that try: by these the next one can see what there is already (`Attempt`).
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, NamedTuple, cast

from typing_extensions import TypedDict

from agents.errors import KeyReused, RequestInProgress, TurnInProgress
from graphs.clock import TimeIds
from graphs.keys import story_key, text_of
from graphs.locks import hold
from graphs.settings import Settings
from graphs.stores import Stores, translated

LEASE_MS = 60_000
"""How long a process that died on another machine, or hangs, keeps others from the request. Renewed by one that lives."""

LARGEST = 256 * 1024
"""The largest body of an answer that is kept, in bytes."""


class Answer(NamedTuple):
    """What was answered. `body` is None where it was too large to be kept."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


class _Record(TypedDict):
    salt: str
    fingerprint: str
    mark: str
    note: str
    answer: "tuple[int, list[list[str]], str | None] | None"


class Attempt:
    """One try at a request, which nobody else makes meanwhile. With `answer` there is nothing left to do."""

    def __init__(self, repeats: "Repeats", name: str, record: _Record, *, again: bool) -> None:
        self._repeats, self._name, self._record = repeats, name, record
        self.again = again
        """Whether there was a try before, which may have done what was asked for."""

    @property
    def mark(self) -> str:
        """32 hex digits, the same in every try: by it what was made can be found."""
        return self._record["mark"]

    @property
    def note(self) -> str:
        """What an earlier try has remembered; empty where none has."""
        return self._record["note"]

    @property
    def answer(self) -> Answer | None:
        kept = self._record["answer"]
        if kept is None:
            return None
        status, headers, body = kept
        told = None if body is None else base64.b64decode(body)
        return Answer(status, tuple((name, value) for name, value in headers), told)

    async def remember(self, note: str) -> str:
        """Keeps how things stand before they are changed, no words; what the first try that came so far has kept."""
        if not self.note:
            await self._repeats.write(self._name, {**self._record, "note": note})
            self._record["note"] = note
        return self.note

    async def keep(self, answer: Answer, session: str = "") -> None:
        """From now on this is the answer. It goes with the session that it is about, or the character: `PLAYER/ID`."""
        body = answer.body
        told = None if body is None or len(body) > LARGEST else base64.b64encode(body).decode()
        kept = (answer.status, [list(pair) for pair in answer.headers], told)
        await self._repeats.write(self._name, {**self._record, "answer": kept}, session=session)

    async def drop(self) -> None:
        """Nothing was done: the key is free, unless an earlier try may have done something."""
        if not self.again:
            await self._repeats.unbind(self._name)


class Repeats:
    """The records of one tenant. Every method raises a StoryError and nothing else."""

    def __init__(self, stores: Stores, settings: Settings, *, prefix: str = "tta") -> None:
        self._redis, self._seal = stores.redis, stores.seal
        self._tenant, self._ttl_s = settings.tenant, settings.idempotency_ttl_s
        self._secret = (settings.audit_key.get_secret_value() if settings.audit_key else "").encode()
        self._configured, self._prefix, self._ids = stores.configured, prefix, TimeIds()

    def name(self, *parts: str) -> str:
        """The record of whatever the parts name together: who asks, for what, under which key."""
        told = json.dumps([self._tenant, *parts]).encode()
        return hmac.digest(self._secret or b"tta", told, "sha256")[:16].hex()

    @asynccontextmanager
    async def attempt(self, name: str, request: bytes) -> AsyncGenerator[Attempt]:
        """Raises KeyReused for another request under that name, RequestInProgress while somebody else is at it, and
        StoreError: then nothing is done.
        """
        async with AsyncExitStack() as stack:
            with translated(configured=self._configured):
                record, _ = await self._bound(name, request)
                again = True
                if record["answer"] is None:
                    await stack.enter_async_context(self._lease(name))
                    # Again under the lease: it may have been answered meanwhile, or dropped.
                    record, _ = await self._bound(name, request)
                    again = bool(record["mark"])
                    if not again:
                        record["mark"] = self._ids.new()
                        await self.write(name, record)
            yield Attempt(self, name, record, again=again)

    async def bind(self, name: str, request: bytes, *, session: str) -> bool:
        """The name belongs to this request from now on: whether it is new. For what has an answer of its own elsewhere.

        Raises KeyReused, StoreError.
        """
        with translated(configured=self._configured):
            await self._index(name, session)
            return (await self._bound(name, request))[1]

    async def unbind(self, name: str, *, session: str = "") -> None:
        """The name belongs to nobody."""
        with translated(configured=self._configured):
            await self._redis.delete(self._key(name))
            if session:
                await self._redis.zrem(self._names(session), name)

    async def write(self, name: str, record: _Record, *, session: str = "") -> None:
        with translated(configured=self._configured):
            if session:  # first, so that a deletion finds every answer
                await self._index(name, session)
            await self._redis.set(self._key(name), self._closed(record), ex=self._ttl_s)

    async def forget(self, session: str) -> int:
        """Removes what is about a session or a character (`PLAYER/ID`); how many keys."""
        with translated(configured=self._configured):
            names: list[Any] = await self._redis.zrange(self._names(session), 0, -1)
            gone = int(await self._redis.unlink(*[self._key(text_of(name)) for name in names])) if names else 0
            return gone + int(await self._redis.unlink(self._names(session)))

    async def remove(self) -> None:
        """Everything of the tenant: a SCAN of the whole store."""
        with translated(configured=self._configured):
            async for name in self._all():
                await self._redis.unlink(self._key(name))

    async def reseal(self) -> None:
        """Seals every record anew, with the first of the keys that there are now. One that is written now is so anyway."""
        with translated(configured=self._configured):
            async for name in self._all():
                with suppress(RequestInProgress):
                    async with self._lease(name):
                        if raw := await self._redis.get(self._key(name)):
                            closed = self._closed(self._opened(raw))
                            await self._redis.set(self._key(name), closed, xx=True, keepttl=True)

    def _key(self, name: str) -> str:
        return story_key("repeat", self._tenant, name, prefix=self._prefix)

    def _names(self, session: str) -> str:
        if "/" in session:  # a character is no story: no sweep is to take its name for one's
            return story_key("repeats", self._tenant, session, prefix=self._prefix)
        return story_key("repeats", f"{self._tenant}:{session}", prefix=self._prefix)

    @asynccontextmanager
    async def _lease(self, name: str) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            lease = hold(
                self._redis,
                self._tenant,
                "repeat",
                kind="repeat_lease",
                of=name,
                lease_ms=LEASE_MS,
                prefix=self._prefix,
            )
            try:
                await stack.enter_async_context(lease)
            except TurnInProgress:
                raise RequestInProgress(
                    "The first request with that Idempotency-Key is not answered yet",
                    cure="Send it again in a moment, with the same key.",
                ) from None
            yield

    async def _bound(self, name: str, request: bytes) -> tuple[_Record, bool]:
        """The record, and whether it is new."""
        salt = secrets.token_hex(16)
        fresh = _Record(salt=salt, fingerprint=self._print(salt, request), mark="", note="", answer=None)
        old: Any = await self._redis.set(self._key(name), self._closed(fresh), nx=True, get=True, ex=self._ttl_s)
        if old is None:
            return fresh, True
        record = self._opened(old)
        if not hmac.compare_digest(record["fingerprint"], self._print(record["salt"], request)):
            raise KeyReused("That key was sent with another request", cure="Use a new key for a new request.")
        return record, False

    async def _index(self, name: str, session: str) -> None:
        key, now = self._names(session), int(time.time())
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(key, {name: now})
            pipe.zremrangebyscore(key, 0, now - self._ttl_s - LEASE_MS // 1000)
            pipe.expire(key, self._ttl_s + LEASE_MS // 1000)
            await pipe.execute()

    def _print(self, salt: str, request: bytes) -> str:
        return hmac.digest(self._secret + salt.encode(), hashlib.sha256(request).digest(), "sha256").hex()

    def _closed(self, record: _Record) -> str:
        return self._seal.close(json.dumps(record))

    def _opened(self, raw: Any) -> _Record:
        return cast(_Record, json.loads(self._seal.open(text_of(raw))))

    async def _all(self) -> AsyncGenerator[str]:
        start = self._key("*")[:-1]
        async for raw in self._redis.scan_iter(match=f"{start}*", count=1_000):
            yield text_of(raw).removeprefix(start)
