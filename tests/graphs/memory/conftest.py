"""The backends of the contract: a new one adds its name and how it is opened here, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from story_reference import Reference

from graphs.memory import StoryMemory, open_falkordb, open_neo4j


@asynccontextmanager
async def open_backend(name: str, request: pytest.FixtureRequest) -> AsyncIterator[StoryMemory]:
    if name == "falkordb":
        async with open_falkordb(request.getfixturevalue("embedded_socket")) as memory:
            yield memory
    else:
        server = request.getfixturevalue("neo4j_server")
        async with open_neo4j(server.uri, server.user, server.password) as memory:
            yield memory


@pytest.fixture(params=["falkordb", "neo4j"])
async def memory(request: pytest.FixtureRequest) -> AsyncIterator[StoryMemory]:
    async with open_backend(request.param, request) as memory:
        await memory.setup()
        yield memory


@pytest.fixture
async def story(memory: StoryMemory) -> AsyncIterator[Reference]:
    """A new story at its root; gone after the test."""
    story = Reference(memory)
    await story.begin()
    yield story
    await memory.delete(story.scope)
