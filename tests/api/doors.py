"""An app that asks for a login, whoever comes to it, and a clock that moves when it is told to."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from argon2 import PasswordHasher
from pydantic import SecretStr

from agents.services import Clock
from api.app import build_app
from graphs.engine import StoryEngine

PASSWORD = " ".join(["correct", "horse", "battery"])
SIGNED_WITH = "0123456789" * 4


class SetClock(Clock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Door:
    """The app, asked as whoever has a token."""

    client: httpx.AsyncClient
    engine: StoryEngine
    clock: SetClock
    tokens: dict[str, str] = field(default_factory=dict)

    async def token(self, **form: str) -> httpx.Response:
        return await self.client.post("/api/v1/auth/token", data=form)

    async def login(self, name: str, password: str = PASSWORD, **form: str) -> dict[str, Any]:
        answer = await self.token(grant_type="password", username=name, password=password, **form)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, path: str, token: str | None = None, **options: Any) -> httpx.Response:
        return await self.ask("GET", path, token, **options)

    async def ask(self, method: str, path: str, token: str | None = None, **options: Any) -> httpx.Response:
        headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        return await self.client.request(method, path, headers=headers, **options)


@asynccontextmanager
async def door(engine: StoryEngine, **settings: Any) -> AsyncGenerator[Door]:
    """An app with a login over that engine, its data emptied of whoever was let in before."""
    changes = {"auth": "local", "auth_secret": SecretStr(SIGNED_WITH), **settings}
    engine.settings = engine.settings.model_copy(update=changes)
    clock = engine.clock = SetClock()
    engine.access.accounts.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    redis = engine._stores.redis
    if known := [key async for key in redis.scan_iter("tta:1:*{local}*")]:
        await redis.delete(*known)
    app = build_app(engine=engine)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost:8000") as client,
    ):
        yield Door(client, engine, clock)
