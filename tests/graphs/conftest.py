"""An engine over an embedded server of the test's own."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[StoryEngine]:
    async with open_engine(read_settings(data_dir=tmp_path, linger_s=0.2, model_timeout_s=60)) as opened:
        yield opened
