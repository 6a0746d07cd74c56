"""An engine over an embedded server of the test's own."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedModel
from redis.asyncio import Redis
from second import SHORT, TALE

from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[StoryEngine]:
    async with open_engine(read_settings(data_dir=tmp_path, linger_s=0.2, model_timeout_s=60)) as opened:
        yield opened


@pytest.fixture
async def redis(embedded_socket: str) -> AsyncGenerator[Any]:
    """A client of an embedded server that tests share: a tenant of its own keeps each apart."""
    client = Redis.from_url(f"unix://{embedded_socket}")
    yield client
    await client.aclose()


@pytest.fixture
def held(engine: StoryEngine) -> ScriptedModel:
    """Of sessions whose model is `scripted`: tells a sentence, holds back a second until it is known what follows, and waits
    for `go`; short tales after that.
    """
    made = ScriptedModel(answers=[TALE, SHORT])
    engine.use_model("scripted", made)
    return made
