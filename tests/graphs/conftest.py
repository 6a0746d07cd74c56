"""An engine over an embedded server of the test's own."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedModel
from redis.asyncio import Redis
from redis_servers import cluster_url_of
from second import SHORT, TALE

from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings
from graphs.stores import build_redis


@pytest.fixture
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[StoryEngine]:
    """Where a test asks for it (`indirect`), `cluster` has all but the graph on a Redis Cluster."""
    on_cluster = getattr(request, "param", "embedded") == "cluster"
    url = request.getfixturevalue("cluster_url") if on_cluster else None
    settings = read_settings(data_dir=tmp_path, linger_s=0.2, model_timeout_s=60, redis_url=url)
    async with open_engine(settings) as opened:
        yield opened


@pytest.fixture(params=["embedded", "cluster"])
async def redis(request: pytest.FixtureRequest) -> AsyncGenerator[Any]:
    """A client of an embedded server, or of a Cluster, that tests share: a tenant of its own keeps each apart."""
    if request.param == "cluster":
        client = build_redis(cluster_url_of(request.getfixturevalue("cluster_nodes")), nothing)
    else:
        client = Redis.from_url(f"unix://{request.getfixturevalue('embedded_socket')}")
    yield client
    await client.aclose()


async def nothing() -> None:
    """A server that needs no healing."""


@pytest.fixture
def held(engine: StoryEngine) -> ScriptedModel:
    """Of sessions whose model is `scripted`: tells a sentence, holds back a second until it is known what follows, and waits
    for `go`; short tales after that.
    """
    made = ScriptedModel(answers=[TALE, SHORT])
    engine.use_model("scripted", made)
    return made
