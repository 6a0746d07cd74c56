"""What is used up of a limit: counted together, given back, in nobody's name, and gone by itself."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from agents.errors import StoreUnavailable
from graphs import limits as module
from graphs.limits import Limits
from graphs.quotas import Quota
from graphs.stores import Stores

WHO = "player quillwort"
TURNS, REQUESTS, STREAMS = Quota("turns", 3, 60), Quota("requests", 3, 60), Quota("streams", 2)
TOKENS = Quota("tokens", 100, 86_400)

Build = Callable[[], Limits]


async def nothing() -> None:
    """A server that needs no healing."""


@pytest.fixture
def build(redis: Any) -> Build:
    """The limits of a tenant of the test's own, as often as there are processes."""
    tenant = f"t{uuid.uuid4().hex[:12]}"
    return lambda: Limits(Stores(redis, None, nothing), tenant)  # type: ignore[arg-type]


async def keys_of(limits: Limits) -> list[str]:
    return [key.decode() async for key in limits._redis.scan_iter("tta:1:*") if limits._tenant in key.decode()]


async def scores(limits: Limits, key: str) -> dict[Any, float]:
    return dict(await limits._redis.zrange(key, 0, -1, withscores=True))


@pytest.mark.parametrize("quota", [TURNS, REQUESTS], ids=lambda quota: quota.policy)
async def test_no_more_than_the_limit_are_taken_by_however_many_at_once(build: Build, quota: Quota) -> None:
    here, there = build(), build()
    taken = await asyncio.gather(*(each.take(quota, WHO) for each in (here, there) * 10))
    assert sum(standing.allowed for standing in taken) == 3
    last = await here.take(quota, WHO)
    assert (last.allowed, last.remaining) == (False, 0)
    assert 1 <= last.reset_s <= 60
    assert (await here.take(quota, "player another")).remaining == 2


async def test_one_that_is_given_back_can_be_taken_again_and_one_only(build: Build) -> None:
    limits = build()
    for _ in range(3):
        await limits.take(TURNS, WHO)
    await limits.give_back(TURNS, WHO)
    assert [(await limits.take(TURNS, WHO)).allowed for _ in range(2)] == [True, False]


async def test_what_is_refused_does_not_make_the_wait_longer(build: Build) -> None:
    limits, quota = build(), Quota("turns", 2, 2)
    first = [(await limits.take(quota, WHO)).allowed for _ in range(3)]
    assert first == [True, True, False]
    async with asyncio.timeout(30):
        while not (await limits.take(quota, WHO)).allowed:
            await asyncio.sleep(0.05)


async def test_tokens_count_past_the_limit_and_nothing_is_begun_after_it(build: Build) -> None:
    limits = build()
    assert (await limits.look(TOKENS, WHO))[1:] == (True, 100, 86_400)
    await limits.spend(TOKENS, WHO, 90)
    assert (await limits.look(TOKENS, WHO))[1:3] == (True, 10)
    await limits.spend(TOKENS, WHO, 500)
    assert (await limits.look(TOKENS, WHO))[1:3] == (False, 0)


async def test_no_more_are_open_at_a_time_and_one_that_is_closed_makes_room(build: Build) -> None:
    here, there = build(), build()
    opened = await asyncio.gather(*(each.open(STREAMS, WHO) for each in (here, there) * 3))
    leases = [lease for _, lease in opened if lease]
    assert [len(leases), sum(standing.allowed for standing, _ in opened)] == [2, 2]
    assert 1 <= next(standing.reset_s for standing, _ in opened if not standing.allowed) <= 30
    await leases[0].close()
    _, again = await there.open(STREAMS, WHO)
    assert again
    for lease in (again, leases[1]):
        await lease.close()
    assert await keys_of(here) == []


async def test_a_lease_is_renewed_while_it_is_open_and_runs_out_when_its_process_dies(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_MS", 2_000)
    limits = build()
    leases = [(await limits.open(STREAMS, WHO))[1] for _ in range(2)]
    assert all(leases)
    (key,) = await keys_of(limits)
    first = await scores(limits, key)
    async with asyncio.timeout(30):  # every lease outlives its first time
        while min((await scores(limits, key)).values()) <= max(first.values()):
            await asyncio.sleep(0.02)
    assert (await limits.open(STREAMS, WHO))[1] is None
    assert leases[0]
    leases[0]._renewing.cancel()  # type: ignore[union-attr]
    async with asyncio.timeout(30):
        while (taken := (await limits.open(STREAMS, WHO))[1]) is None:
            await asyncio.sleep(0.02)
    for lease in (taken, *leases):
        await lease.close()  # type: ignore[union-attr]


async def test_nobody_is_named_and_everything_goes_away_by_itself(build: Build) -> None:
    limits = build()
    _, lease = await limits.open(STREAMS, WHO)
    await limits.spend(TOKENS, WHO, 1)
    for quota in (TURNS, REQUESTS):
        await limits.take(quota, WHO)
    keys = await keys_of(limits)
    assert sorted({key.partition("}")[0] for key in keys}) == [
        f"tta:1:limit:{{{limits._tenant}", f"tta:1:streams:{{{limits._tenant}"
    ]  # fmt: skip
    assert len(keys) == 4
    for key in keys:
        assert "quillwort" not in key
        assert 0 < await limits._redis.ttl(key) <= 86_400, key
    assert lease
    await lease.close()


async def test_a_store_that_is_gone_is_said_in_our_own_words(build: Build, tmp_path: Any) -> None:
    gone = Limits(Stores(Redis.from_url(f"unix://{tmp_path}/none"), None, nothing), "t")  # type: ignore[arg-type]
    for call in (gone.take(TURNS, WHO), gone.look(TOKENS, WHO), gone.give_back(TURNS, WHO), gone.spend(TOKENS, WHO, 1),
                 gone.open(STREAMS, WHO)):  # fmt: skip
        with pytest.raises(StoreUnavailable) as caught:
            await call
        assert str(tmp_path) not in caught.value.line()


def test_who_plays_at_a_terminal_or_serves_without_limits_does_not_load_them() -> None:
    code = "import sys, api.cli.main, api.app, graphs.engine; print('limits' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
