"""An engine over an embedded server of its own, and clients of the API over it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cottage import COTTAGE, begun
from doors import PASSWORD, Door, door
from fastapi import FastAPI
from seen import Seen
from starting import Serve, starting

from api.app import build_app
from api.terminal.play import Play
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings

Begin = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Serve]:
    with starting(tmp_path / "data") as start:
        yield start


@pytest.fixture
async def engine(data_dir: Path) -> AsyncGenerator[StoryEngine]:
    """The server of a module's tests lingers between them, so that each opens it in a moment."""
    async with open_engine(read_settings(data_dir=data_dir, linger_s=1, model_timeout_s=60)) as opened:
        yield opened


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of an app within its lifespan."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost:8000") as made,
    ):
        yield made


@pytest.fixture
async def client(engine: StoryEngine) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(build_app(engine=engine)) as made:
        yield made


@pytest.fixture
def begin(engine: StoryEngine) -> Begin:
    """Begins a session in the world that only tests have; returns the path of its turns."""

    async def make(**changes: Any) -> str:
        return f"/api/v1/sessions/{await begun(engine, '', **changes)}/turns"

    return make


@pytest.fixture
async def session(client: httpx.AsyncClient, begin: Begin) -> str:
    """The path of a session of three turns, with a branch."""
    turns = await begin()
    path = turns.removesuffix("/turns")
    for _ in range(3):
        await client.post(turns, json={"action": "wait"})
    await client.post(f"{path}/branches", json={"name": "late"})
    return path


@pytest.fixture
async def play(engine: StoryEngine) -> Play:
    """A sitting at a new session."""
    made = await engine.create(COTTAGE, seed=1)
    sitting = Play(engine, made["session"], Seen())
    await sitting.begin(new=True)
    return sitting


@pytest.fixture
async def closed(engine: StoryEngine) -> AsyncGenerator[Door]:
    """An API with a login, for two players and an operator."""
    async with door(engine) as opened:
        for name, role in (("anna", "player"), ("berta", "player"), ("olga", "operator")):
            await engine.access.accounts.create(name, PASSWORD, role=role)  # type: ignore[arg-type]
        yield opened
