"""`/health/ready`: each dependency is told apart, in a second whatever hangs, without a word too many, and asked seldom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from ports import free_port

from agents.errors import StoreUnavailable, UnknownModel
from agents.safety.screen import Screen
from api import readiness
from graphs.engine import StoryEngine
from graphs.memory.falkordb import open_falkordb
from graphs.stores import build_redis

STATES = {"redis", "memory", "safety", "model", "audit", "workers", "webhook"}


@pytest.fixture(autouse=True)
def warm(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded before the first look, and looked at each time."""
    engine.screen.warm()
    monkeypatch.setattr(engine.screen, "warm_soon", lambda: None)  # else it ends in the midst of a test
    monkeypatch.setattr(readiness, "FRESH_S", 0.0)


async def asked(client: httpx.AsyncClient) -> tuple[int, str, dict[str, Any]]:
    answer = await client.get("/health/ready")
    told = answer.json()
    return answer.status_code, told["status"], told["dependencies"]


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """The URL of a server that takes every connection and never says a word."""
    ended = asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        yield f"redis://:a-password@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ended.set()


async def nothing() -> None:
    """Nobody brings it back."""


async def test_all_is_well(client: httpx.AsyncClient) -> None:
    status, told, found = await asked(client)
    assert (status, told, set(found)) == (200, "ready", STATES)
    assert {one["state"] for one in found.values()} == {"ok"}
    assert {one["cure"] for one in found.values()} == {""}
    assert all(0 <= one["ms"] < 60_000 for one in found.values())


@pytest.mark.parametrize("part", ["redis", "memory"])
async def test_a_store_that_hangs_is_told_and_waited_for_no_longer_than_a_second(
    client: httpx.AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    async with silent() as url, open_falkordb(url) as memory:
        redis = build_redis(url, nothing)
        if part == "redis":
            monkeypatch.setattr(engine, "_stores", replace(engine._stores, redis=redis))
        else:
            monkeypatch.setattr(engine, "memory", memory)
        # Its own limit, of 10 and 30 seconds, is beyond this one.
        status, told, found = await asyncio.wait_for(asked(client), 8)
        await redis.aclose()
    assert (status, told, found[part]["state"]) == (503, "failed", "failed")
    assert found[part]["says"] == f"It has not answered within {readiness.PATIENCE_S:g} s"
    assert {name for name, one in found.items() if one["state"] != "ok"} == {part}
    assert "a-password" not in str(found)
    assert "127.0.0.1" not in str(found)


@pytest.mark.parametrize("part", ["redis", "memory"])
async def test_a_store_that_is_gone_is_told_without_its_address(
    client: httpx.AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    port = free_port()
    async with open_falkordb(f"redis://:a-password@127.0.0.1:{port}") as memory:
        redis = build_redis(f"redis://:a-password@127.0.0.1:{port}", nothing)
        monkeypatch.setattr(
            engine, "_stores", replace(engine._stores, redis=redis if part == "redis" else engine._stores.redis)
        )
        if part == "memory":
            monkeypatch.setattr(engine, "memory", memory)
        status, _, found = await asked(client)
    assert (status, found[part]["state"]) == (503, "failed")
    assert found[part]["says"] == StoreUnavailable("").title
    assert "tta doctor" in found[part]["cure"]
    assert str(port) not in str(found)


async def test_a_classifier_that_is_loading_is_no_failure(
    client: httpx.AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.screen, "warmth", "warming")
    status, told, found = await asked(client)
    assert (status, told, found["safety"]["state"]) == (200, "degraded", "degraded")


async def test_a_classifier_that_cannot_be_loaded_is_one(
    client: httpx.AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __call__(self, *_: Any) -> Any:
            raise OSError("walnut")

        warm = __call__

    screen = Screen([Broken()], [Broken()])
    with pytest.raises(OSError, match="walnut"):
        screen.warm()
    monkeypatch.setattr(engine, "screen", screen)
    status, told, found = await asked(client)
    assert (status, told, found["safety"]["state"]) == (503, "failed", "failed")
    assert "walnut" not in str(found)


async def test_a_model_that_is_not_set_up(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(spec: str) -> None:
        raise UnknownModel(f"There is no model '{spec}' at walnut")

    monkeypatch.setattr(readiness, "check_spec", check)
    status, _, found = await asked(client)
    assert (status, found["model"]["state"], found["model"]["says"]) == (503, "failed", UnknownModel("").title)
    assert "walnut" not in str(found)


async def test_a_webhook_that_takes_nothing_and_entries_that_wait_are_degraded(
    client: httpx.AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owing = 0

    async def owed() -> int:
        return owing

    monkeypatch.setattr(engine, "owed", owed)
    owing = readiness.BACKLOG - 1
    assert (await asked(client))[1] == "ready"
    owing = readiness.BACKLOG
    status, told, found = await asked(client)
    assert (status, told, found["webhook"]["state"]) == (200, "degraded", "degraded")
    owing = 0
    monkeypatch.setattr(type(engine.audit), "waiting", 3)
    assert (await asked(client))[2]["audit"]["state"] == "degraded"


async def test_many_probes_ask_the_stores_once(
    client: httpx.AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings = 0

    async def ping() -> None:
        nonlocal pings
        pings += 1

    monkeypatch.setattr(engine, "ping", ping)
    monkeypatch.setattr(readiness, "FRESH_S", 3600.0)
    await asyncio.gather(*(asked(client) for _ in range(50)))
    await asked(client)
    assert pings == 1


async def test_what_was_found_is_a_figure_too(
    client: httpx.AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(client)
    assert 'tta_dependency_state{dependency="redis"} 1.0' in (await client.get("/metrics")).text

    async def ping() -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(engine, "ping", ping)
    monkeypatch.setattr(engine.screen, "warmth", "warming")
    await asked(client)
    told = (await client.get("/metrics")).text
    assert 'tta_dependency_state{dependency="redis"} 0.0' in told
    assert 'tta_dependency_state{dependency="safety"} 0.5' in told


async def test_a_process_lives_whatever_hangs(client: httpx.AsyncClient, engine: StoryEngine) -> None:
    assert (await client.get("/health/live")).json() == {"status": "live", "dependencies": {}}
