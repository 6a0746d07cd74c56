"""Stories to be exported, on both backends at once, and engines over either pair of stores."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from neo4j_server import Server

from graphs.engine import StoryEngine, open_engine
from graphs.memory import StoryMemory, open_falkordb, open_neo4j
from graphs.settings import Settings, read_settings


@pytest.fixture
async def both(embedded_socket: str, neo4j_server: Server) -> AsyncIterator[dict[str, StoryMemory]]:
    """Two memories, by name."""
    async with AsyncExitStack() as stack:
        falkordb = await stack.enter_async_context(open_falkordb(embedded_socket))
        neo4j = await stack.enter_async_context(open_neo4j(neo4j_server.uri, neo4j_server.user, neo4j_server.password))
        for memory in (falkordb, neo4j):
            await memory.setup()
        yield {"falkordb": falkordb, "neo4j": neo4j}


@pytest.fixture(params=["falkordb", "neo4j"])
async def memory(request: pytest.FixtureRequest) -> AsyncIterator[StoryMemory]:
    async with AsyncExitStack() as stack:
        if request.param == "falkordb":
            opening = open_falkordb(request.getfixturevalue("embedded_socket"))
        else:
            server: Server = request.getfixturevalue("neo4j_server")
            opening = open_neo4j(server.uri, server.user, server.password)
        memory = await stack.enter_async_context(opening)
        await memory.setup()
        yield memory


@pytest.fixture(params=["embedded", "servers"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A tenant of the test's own, over the embedded server, or over a real Redis and a real Neo4j; where a test asks for it
    (`indirect`), over a Redis Cluster, too."""
    own = {"tenant": f"t{uuid4().hex[:8]}", "data_dir": tmp_path / "data", "linger_s": 0.2, "model_timeout_s": 60}
    if request.param == "cluster":
        return read_settings(**own, redis_url=request.getfixturevalue("cluster_url"))
    return read_settings(**own, **(request.getfixturevalue("real_servers") if request.param == "servers" else {}))


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[StoryEngine]:
    async with open_engine(settings) as opened:
        yield opened
