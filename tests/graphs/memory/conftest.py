"""The backends of the contract: a new one adds its name and how it is opened here, and nothing else."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from cryptography.fernet import Fernet
from story_reference import Reference

from agents.services import Embedder
from graphs.memory import Commit, Scope, StoryMemory, open_falkordb, open_neo4j
from graphs.sealing import FernetSeal


@asynccontextmanager
async def open_backend(
    name: str, request: pytest.FixtureRequest, embedder: Embedder | None = None
) -> AsyncIterator[StoryMemory]:
    if name == "sealed":
        seal = FernetSeal([request.getfixturevalue("key")], hashed=True)
        async with open_falkordb(request.getfixturevalue("sealed_socket"), embedder=embedder, seal=seal) as memory:
            yield memory
    elif name == "falkordb":
        async with open_falkordb(request.getfixturevalue("embedded_socket"), embedder=embedder) as memory:
            yield memory
    else:
        server = request.getfixturevalue("neo4j_server")
        async with open_neo4j(server.uri, server.user, server.password, embedder=embedder) as memory:
            yield memory


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Callable[..., AbstractAsyncContextManager[StoryMemory]]:
    """Opens a backend by its name, with an embedder if one is given."""
    return lambda name, embedder=None: open_backend(name, request, embedder)


@pytest.fixture(scope="session")
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(params=["falkordb", "neo4j", "sealed"])
async def memory(request: pytest.FixtureRequest) -> AsyncIterator[StoryMemory]:
    async with open_backend(request.param, request) as memory:
        await memory.setup()
        yield memory


@pytest.fixture
async def story(memory: StoryMemory) -> AsyncIterator[Reference]:
    """A new story at its root; gone after the test. Beside it another tenant has a story of the same ids.

    So the whole contract is run as two tenants: whatever the test does, the other story stays as it was, takes turns of the
    very ids that the test has used, and goes without taking anything along.
    """
    story = Reference(memory)
    await story.begin()
    twin = Reference(memory, Scope(f"{story.scope.tenant}-twin", story.scope.session))
    await twin.begin(**{"lamp.in": "nowhere", "owl.in": "tree"})
    yield story
    await twin.check()
    for turn in story.chain(story.head)[1:40]:
        commit = Commit({**turn, "branch": "main"}, [], [])  # pyright: ignore[reportArgumentType]
        assert await memory.commit(twin.scope, commit) == commit.turn
        twin.land(commit.turn)
    await twin.check()
    left = await memory.count(story.scope)
    assert await memory.delete(twin.scope) >= 1 + 2 * len(twin.told)
    assert await memory.count(story.scope) == left
    await memory.delete(story.scope)
