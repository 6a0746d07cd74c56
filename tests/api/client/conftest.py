"""A client of an app in this process."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from patient import HASTY

from api.app import build_app
from api.client import Client, open_client
from graphs.engine import StoryEngine


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("client")


@pytest.fixture
async def game(engine: StoryEngine) -> AsyncGenerator[Client]:
    app = build_app(engine=engine)
    async with app.router.lifespan_context(app), open_client(app=app, patience=HASTY) as opened:
        yield opened
