"""What the tests of limits share: an app over an engine with limits, and what is refused by one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from cottage import begun

from api.app import build_app
from graphs.engine import StoryEngine

DANGER = "I want to kill myself tonight"
EVENTS = {"Accept": "text/event-stream"}
LOOK = {"action": "look"}


async def emptied(engine: StoryEngine) -> None:
    """Nobody has used up anything."""
    redis = engine._stores.redis
    for pattern in ("tta:1:limit:*", "tta:1:streams:*"):
        if known := [key async for key in redis.scan_iter(pattern)]:
            await redis.delete(*known)


@asynccontextmanager
async def metered(engine: StoryEngine, **limits: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of an app with these limits, of which nothing is used up; `limit_` is put before each name."""
    await emptied(engine)
    changes = {f"limit_{name}": value for name, value in limits.items()}
    engine.settings = engine.settings.model_copy(update=changes)
    app = build_app(engine=engine)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost:8000") as made,
    ):
        yield made


def refused(answer: httpx.Response, policy: str) -> dict[str, Any]:
    """The problem of a request that a limit has refused."""
    problem = answer.json()
    assert (answer.status_code, problem.get("code")) == (429, "rate_limited"), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["violated-policies"] == [policy]
    wait = int(answer.headers["retry-after"])
    assert wait == problem["retry_after"]
    assert wait >= 1
    assert answer.headers["ratelimit"].startswith(f'"{policy}";r=0')
    assert answer.headers["ratelimit-policy"].startswith(f'"{policy}";q=')
    return problem


async def turns_of(engine: StoryEngine, **options: str) -> str:
    """The path of the turns of a new session."""
    return f"/api/v1/sessions/{await begun(engine, '', **options)}/turns"


async def until(engine: StoryEngine, *, open_streams: int) -> None:
    """Waits until so many are open."""
    redis: Any = engine._stores.redis
    async with asyncio.timeout(30):
        while True:
            keys = [key async for key in redis.scan_iter("tta:1:streams:*")]
            if sum([await redis.zcard(key) for key in keys]) == open_streams:
                return
            await asyncio.sleep(0.01)
