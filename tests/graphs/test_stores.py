"""A store that cannot be used is told in one line: which one, where, and never its password."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agents.errors import InvalidSetting, StoreFull, StoreUnavailable
from graphs.settings import read_settings
from graphs.stores import Reviving, build_redis, open_stores, translate_redis


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secretpw/x@127.0.0.1:1",
        "redis://:secretpw@127.0.0.1?socket_timeout=abc",
        "redis://:secretpw@127.0.0.1?foo=bar",
        "redis://:secretpw@127.0.0.1:abc",
        "redis://:secretpw@[::1",
    ],
)
async def test_a_url_that_is_none_is_told_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="TTA_REDIS_URL") as caught:
        async with open_stores(read_settings(redis_url=url, neo4j_uri="bolt://127.0.0.1:1", data_dir=tmp_path)):
            pass
    assert "secretpw" not in caught.value.line()
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("uri", ["bolt://127.0.0.1:x", "bolt://user:secretpw@[::1", "neo4j://"])
async def test_a_uri_that_is_none_is_told(uri: str, tmp_path: Path) -> None:
    with pytest.raises((InvalidSetting, StoreUnavailable), match=r"TTA_NEO4J_URI|does not answer") as caught:
        async with open_stores(read_settings(neo4j_uri=uri, data_dir=tmp_path, linger_s=0.2)):
            pass
    assert "secretpw" not in caught.value.line()


async def test_a_graph_that_does_not_answer_is_told_soon_and_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphs.memory.neo4j.REACH_S", 0.5)  # far less than the driver's own patience
    began = time.monotonic()
    settings = read_settings(
        neo4j_uri="neo4j://127.0.0.1:1", neo4j_password="secretpw", data_dir=tmp_path, linger_s=0.2
    )
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StoreUnavailable, match=r"at 127\.0\.0\.1:1") as caught:
        async with open_stores(settings):
            pass
    assert time.monotonic() - began < 8
    assert [record for record in caplog.records if record.name.startswith("neo4j")] == []
    assert "secretpw" not in caught.value.line()


def test_a_full_disk_is_called_one() -> None:
    assert isinstance(translate_redis(OSError(28, "No space left on device")), StoreFull)
    assert "TTA_REDIS_URL" not in translate_redis(ConnectionError(), configured=False).line()


async def test_a_client_is_built_without_a_connection() -> None:
    async def heal() -> None:
        raise AssertionError

    await build_redis("redis://127.0.0.1:1/0?health_check_interval=3", heal).aclose()


@pytest.mark.parametrize(("value", "country"), [("GB", "GB"), ("gb", "GB"), ("UK", "GB"), ("en_IE", "IE"), ("", "")])
def test_a_country_is_one_that_there_is(value: str, country: str) -> None:
    assert read_settings(locale=value).locale == country


@pytest.mark.parametrize(
    "settings", [{"locale": "zz"}, {"locale": "en_ZZ"}, {"locale": "EN"}, {"data_dir": "/tmp/\udcff"}]
)
def test_a_setting_that_cannot_be_is_told_with_its_name(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match=f"TTA_{next(iter(settings)).upper()}"):
        read_settings(**settings)


async def test_many_may_ask_at_once(embedded_socket: str) -> None:
    """By itself redis-py refuses the hundred-and-first command under way."""

    async def nothing() -> None: ...

    redis = build_redis(f"unix://{embedded_socket}", nothing)
    answers = await asyncio.gather(*(redis.execute_command("BLPOP", f"nothing-{n}", 0.1) for n in range(150)))
    assert answers == [None] * 150
    await redis.aclose()


@pytest.mark.parametrize(
    ("error", "asked", "revived"),
    [(RedisTimeoutError("late"), 1, 0), (RedisConnectionError("lost"), 4, 1)],
    ids=["waited for in vain", "a lost connection"],
)
async def test_what_was_waited_for_in_vain_is_not_asked_for_twice(error: Exception, asked: int, revived: int) -> None:
    calls: list[str] = []

    async def revive() -> None:
        calls.append("revive")

    async def ask() -> None:
        calls.append("ask")
        raise error

    async def heed(_: Exception) -> None:
        pass

    with pytest.raises(type(error)):
        await Reviving(revive).call_with_retry(ask, heed)
    assert (calls.count("ask"), calls.count("revive")) == (asked, revived)
