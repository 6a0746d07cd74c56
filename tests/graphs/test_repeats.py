"""What a request with a key came to: tried by one at a time, answered once, known again by whoever comes after a death."""

import asyncio
import hashlib
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis.exceptions import ConnectionError as RedisConnectionError

from agents.errors import KeyReused, RequestInProgress, StoreSealed, StoreUnavailable
from graphs import repeats as module
from graphs.cluster.client import ClusterRedis
from graphs.repeats import LARGEST, LEASE_MS, Answer, Attempt, Repeats
from graphs.sealing import PLAIN, FernetSeal, Seal
from graphs.settings import read_settings
from graphs.stores import Stores, translate_redis

ASKED = b"POST /quillwort"
DONE = Answer(201, (("location", "/here"),), b"zebrafinch")

Build = Callable[..., Repeats]


async def nothing() -> None:
    """A server that needs no healing."""


@pytest.fixture
def build(redis: Any) -> Build:
    """The records of a tenant of the test's own."""
    tenant = f"t{uuid.uuid4().hex[:12]}"

    def made(seal: Seal = PLAIN, **settings: Any) -> Repeats:
        return Repeats(Stores(redis, None, nothing, seal), read_settings(tenant=tenant, **settings))  # type: ignore[arg-type]

    return made


async def answered(repeats: Repeats, name: str, answer: Answer = DONE, session: str = "") -> None:
    async with repeats.attempt(name, ASKED) as attempt:
        await attempt.keep(answer, session)


async def told(repeats: Repeats, name: str, request: bytes = ASKED) -> Attempt:
    async with repeats.attempt(name, request) as attempt:
        return attempt


async def written(repeats: Repeats) -> dict[str, bytes]:
    """All that Redis holds of the tenant, but of the lists by which deletion finds it."""
    redis = repeats._redis
    keys = [key async for key in redis.scan_iter(match=f"*{repeats._tenant}*")]
    return {key.decode(): await redis.get(key) for key in keys if await redis.type(key) == b"string"}


async def test_the_same_request_has_the_first_answer_and_another_is_told_so(build: Build) -> None:
    repeats = build()
    name = repeats.name("POST", "/here", "key")
    await answered(repeats, name)
    for again in (repeats, build()):
        assert (await told(again, name)).answer == DONE
        with pytest.raises(KeyReused):
            await told(again, name, b"POST /marmalade")
    assert (await told(repeats, repeats.name("POST", "/there", "key"))).answer is None


async def test_one_of_twenty_is_at_it_and_the_others_are_told(build: Build) -> None:
    repeats, told_so, go = build(), list[str](), asyncio.Event()
    at_it: list[str] = []

    async def one() -> None:
        try:
            async with repeats.attempt("n", ASKED) as attempt:
                at_it.append(attempt.mark)
                await go.wait()
                await attempt.keep(DONE)
        except RequestInProgress:
            told_so.append("told")
        if len(told_so) == 19:
            go.set()

    await asyncio.wait_for(asyncio.gather(*(one() for _ in range(20))), 60)
    assert (len(at_it), len(told_so)) == (1, 19)
    assert (await told(repeats, "n")).answer == DONE


async def test_another_request_is_told_so_while_the_first_is_not_answered(build: Build) -> None:
    repeats = build()
    async with repeats.attempt("n", ASKED):
        with pytest.raises(KeyReused):
            await told(repeats, "n", b"another")


async def test_a_try_that_failed_leaves_its_mark_and_its_note(build: Build) -> None:
    repeats = build()
    first: list[Attempt] = []

    async def failing() -> None:
        async with repeats.attempt("n", ASKED) as attempt:
            first.append(attempt)
            assert (attempt.again, attempt.note, attempt.answer) == (False, "", None)
            assert await attempt.remember("turn 3") == "turn 3"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    async with repeats.attempt("n", ASKED) as second:
        assert (second.again, second.mark, second.note) == (True, first[0].mark, "turn 3")
        assert await second.remember("turn 2") == "turn 3"
    assert (await told(repeats, "n")).note == "turn 3"
    assert (await told(repeats, "m")).mark != first[0].mark


async def test_what_is_dropped_is_free_unless_an_earlier_try_may_have_done_something(build: Build) -> None:
    repeats = build()
    async with repeats.attempt("n", ASKED) as attempt:
        await attempt.drop()
    async with repeats.attempt("n", b"another") as attempt:
        assert not attempt.again
    async with repeats.attempt("n", b"another") as attempt:
        await attempt.drop()
    with pytest.raises(KeyReused):
        await told(repeats, "n")


DYING = """
import asyncio, os, sys
from graphs.repeats import Repeats
from graphs.settings import read_settings
from graphs.stores import Stores, build_redis

async def die():
    redis = build_redis(sys.argv[1], None)
    repeats = Repeats(Stores(redis, None, None), read_settings(tenant=sys.argv[2]))
    async with repeats.attempt("n", sys.argv[3].encode()) as attempt:
        await attempt.remember("it was turn 7")
        print(attempt.mark, flush=True)
        os._exit(9)

asyncio.run(die())
"""


async def test_a_process_that_dies_lets_go_of_the_request(build: Build, embedded_socket: str) -> None:
    repeats = build()
    url = repeats._redis.url_by_one() if isinstance(repeats._redis, ClusterRedis) else f"unix://{embedded_socket}"
    command = [sys.executable, "-c", DYING, url, repeats._tenant, ASKED.decode()]
    died = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert died.returncode == 9, died.stderr
    assert [key for key in await written(repeats) if "lease" in key], "it could not give it back"
    async with repeats.attempt("n", ASKED) as attempt:
        assert (attempt.again, attempt.mark, attempt.note) == (True, died.stdout.strip(), "it was turn 7")


async def test_what_died_on_another_machine_holds_the_request_for_its_lease_and_no_longer(build: Build) -> None:
    repeats = build()
    async with repeats.attempt("n", ASKED):
        (lease,) = [key for key in await written(repeats) if "lease" in key]
        assert 0 < await repeats._redis.pttl(lease) <= LEASE_MS
    await repeats._redis.set(lease, "elsewhere|1|repeat|x", px=LEASE_MS)
    with pytest.raises(RequestInProgress):
        await told(repeats, "n")
    await repeats._redis.delete(lease)  # as its expiry does
    assert (await told(repeats, "n")).again


async def test_a_long_request_keeps_its_lease(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE_MS", 2_000)
    repeats = build()
    async with repeats.attempt("n", ASKED), asyncio.timeout(30):
        (lease,) = [key for key in await written(repeats) if "lease" in key]
        before = left = await repeats._redis.pttl(lease)
        while left <= before:
            before = left
            await asyncio.sleep(0.05)
            left = await repeats._redis.pttl(lease)
        assert left > 0


async def test_neither_request_nor_answer_lies_open_in_a_sealed_store(build: Build) -> None:
    words = (b"zebrafinch", b"/here", b"turn 3")
    for seal, open_ in ((PLAIN, True), (FernetSeal([Fernet.generate_key().decode()]), False)):
        repeats = build(seal)
        name = repeats.name("POST", "/quillwort", str(open_))
        async with repeats.attempt(name, ASKED) as attempt:
            await attempt.remember("turn 3")
            await attempt.keep(DONE._replace(body=b"zebrafinch"))
        kept = (await written(repeats))[repeats._key(name)]
        found = [word in kept for word in words[1:]]
        assert found == [open_, open_], "an answer's text is in base64 even where nothing is sealed"
        assert b"quillwort" not in kept
        assert hashlib.sha256(ASKED).hexdigest().encode() not in kept
        assert (await told(repeats, name)).answer == DONE
        await repeats.remove()


async def test_a_key_and_what_it_belongs_to_are_one_hash(build: Build) -> None:
    repeats = build()
    names = [repeats.name(*parts) for parts in (("a", "bc"), ("ab", "c"), ("a", "b", "c"), ("a", "bd"))]
    names.append(Repeats(repeats_stores(repeats), read_settings(tenant="another")).name("a", "bc"))
    names.append(build(audit_key="k" * 32).name("a", "bc"))
    assert len({*names}) == len(names)
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in names)


def repeats_stores(repeats: Repeats) -> Stores:
    return Stores(repeats._redis, None, nothing)  # type: ignore[arg-type]


async def test_equal_requests_look_different_in_the_store(build: Build) -> None:
    repeats = build()
    for name in ("n", "m"):
        await answered(repeats, name)
    prints = [repeats._opened(raw)["fingerprint"] for raw in (await written(repeats)).values()]
    assert len({*prints}) == 2


async def test_an_answer_that_is_too_large_is_not_kept_and_says_so(build: Build) -> None:
    repeats = build()
    await answered(repeats, "n", DONE._replace(body=b"a" * (LARGEST + 1)))
    assert (await told(repeats, "n")).answer == DONE._replace(body=None)
    await answered(repeats, "m", DONE._replace(body=b"a" * LARGEST))
    assert (await told(repeats, "m")).answer == DONE._replace(body=b"a" * LARGEST)


async def test_a_record_lives_as_long_as_the_setting_says(build: Build) -> None:
    repeats = build(idempotency_ttl_s=120)
    async with repeats.attempt("n", ASKED) as attempt:
        assert 0 < await repeats._redis.ttl(repeats._key("n")) <= 120
        await attempt.keep(DONE, "s")
    assert 0 < await repeats._redis.ttl(repeats._key("n")) <= 120
    assert 120 <= await repeats._redis.ttl(repeats._names("s")) <= 120 + LEASE_MS // 1000


async def test_a_session_takes_its_answers_along_and_no_others(build: Build) -> None:
    repeats = build()
    for name, session in (("one", "s"), ("two", "s"), ("three", "t"), ("four", "")):
        await answered(repeats, name, session=session)
    assert await repeats.bind("five", ASKED, session="s")
    assert await repeats.forget("s") == 4
    left = [key.decode() async for key in repeats._redis.scan_iter(match=f"*{repeats._tenant}*")]
    assert sorted(left) == sorted([repeats._key("three"), repeats._key("four"), repeats._names("t")])
    await repeats.remove()
    assert await written(repeats) == {}


async def test_a_name_that_is_bound_belongs_to_its_request_until_it_is_free(build: Build) -> None:
    repeats = build()
    assert await repeats.bind("n", ASKED, session="s")
    assert 0 < await repeats._redis.ttl(repeats._key("n")) <= 86_400
    assert not await repeats.bind("n", ASKED, session="s")
    with pytest.raises(KeyReused):
        await repeats.bind("n", b"another", session="s")
    await repeats.unbind("n", session="s")
    assert await repeats._redis.zrange(repeats._names("s"), 0, -1) == []
    assert await repeats.bind("n", b"another", session="s")


async def test_a_new_key_seals_what_an_old_one_has_sealed(build: Build) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    await answered(build(FernetSeal([old])), "n")
    with pytest.raises(StoreSealed):
        await told(build(FernetSeal([new])), "n")
    both = build(FernetSeal([new, old]))
    before = await both._redis.ttl(both._key("n"))
    await both.reseal()
    assert (await told(build(FernetSeal([new])), "n")).answer == DONE
    assert 0 < await both._redis.ttl(both._key("n")) <= before


async def test_a_store_that_is_gone_says_so_before_anything_is_done(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any, **__: Any) -> Any:
        raise RedisConnectionError("redis://:password@host")

    repeats = build()
    monkeypatch.setattr(repeats._redis, "execute_command", gone)
    monkeypatch.setattr("graphs.roundtrips.WatchedRedis.execute_command", gone)  # a node of a Cluster
    monkeypatch.setattr("graphs.cluster.client.PATIENCE_S", 0.0)
    monkeypatch.setattr("redis.asyncio.client.Pipeline.execute", gone)
    reached = False
    with pytest.raises(StoreUnavailable) as caught:
        async with repeats.attempt("n", ASKED):
            reached = True
    assert not reached
    assert caught.value.line() == translate_redis(RedisConnectionError(), configured=False).line()
    for call in (repeats.bind("n", ASKED, session="s"), repeats.unbind("n"), repeats.forget("s"), repeats.remove()):
        with pytest.raises(StoreUnavailable):
            await call
