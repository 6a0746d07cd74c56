"""What is a tenant's and no story's, on a Redis Cluster: who may come in, what the webhook is owed."""

import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from audited import noted

from graphs.access.throttle import PER_ACCOUNT
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings

LONG = "quillwort marmalade 7"


@pytest.fixture
async def engine(cluster_url: str, tmp_path: Path) -> AsyncGenerator[StoryEngine]:
    own = f"t{uuid.uuid4().hex[:8]}"
    async with open_engine(read_settings(redis_url=cluster_url, data_dir=tmp_path, linger_s=0.2, tenant=own)) as opened:
        yield opened


async def test_an_account_logs_in_and_its_tokens_are_good_once(engine: StoryEngine) -> None:
    access = engine.access
    account = await access.accounts.create("ann", LONG)
    assert await access.accounts.verified("ann", LONG) == account
    assert await access.accounts.verified("ann", LONG + "!") is None
    begun = await access.families.begin(account)
    rotated = await access.families.rotate(begun["token"])
    assert rotated
    assert await access.families.holder(rotated["family"]) == ("ann", account["since"])
    assert await access.families.rotate(begun["token"]) is None, "used again, the family has ended"
    assert await access.families.rotate(rotated["token"]) is None
    changed = await access.accounts.set_password("ann", LONG + "!")
    assert changed["since"] != account["since"]
    await access.accounts.delete("ann")
    assert await access.accounts.all() == []


async def test_an_api_key_opens_until_it_is_revoked(engine: StoryEngine) -> None:
    key, text = await engine.access.keys.create("robot")
    assert await engine.access.keys.verified(text) == key
    assert [each["id"] for each in await engine.access.keys.all()] == [key["id"]]
    await engine.access.keys.revoke(key["id"])
    assert await engine.access.keys.verified(text) is None


async def test_failed_logins_of_an_account_and_an_address_are_counted_together(engine: StoryEngine) -> None:
    throttle = engine.access.throttle
    taken = [await throttle.take("ann", "10.0.0.1") for _ in range(PER_ACCOUNT + 1)]
    assert [bool(attempt) for attempt, _ in taken] == [True] * PER_ACCOUNT + [False]
    assert taken[-1][1] > 0
    await throttle.forgive(taken[0][0], "ann", "10.0.0.1")
    assert (await throttle.take("ann", "10.0.0.2"))[0]


async def test_what_the_webhook_is_owed_is_taken_once_and_paid(engine: StoryEngine) -> None:
    stream = engine.audit.stream
    assert await stream.put(noted("crisis", mark="m"), owed=True)
    assert not await stream.put(noted("crisis", mark="m"), owed=True)
    taken = await stream.take(60_000)
    assert taken
    assert await stream.take(60_000) is None
    await stream.paid(taken["id"], "delivered")
    assert await stream.owed() == 0
    assert (await stream.counts())["webhook|delivered"] == 1
