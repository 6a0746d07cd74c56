"""The API as `tta serve` runs it, with a model that answers at once: a process of `tta bench api`. Prints its port."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from api.app import build_app
from api.logs import configure
from api.serve import server_config
from graphs.engine import open_engine
from graphs.settings import read_settings

SENTENCES = (
    "The lamp throws its ring over the table. ",
    "Rain ticks at the window and runs down the glass. ",
    "Somewhere below a door moves in its frame. ",
    "The air is cool and smells of wood.",
)


class InstantModel(BaseChatModel):
    """Four sentences, a word a chunk, without a wait."""

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for sentence in SENTENCES:
            for word in sentence.split(" "):
                yield ChatGenerationChunk(message=AIMessageChunk(content=word + " "))


async def serve(data_dir: Path) -> None:
    settings = read_settings(data_dir=data_dir)
    async with open_engine(settings) as engine:
        engine.use_model("offline", InstantModel())
        with socket.create_server(("127.0.0.1", 0)) as listening:
            print(listening.getsockname()[1], flush=True)
            await uvicorn.Server(server_config(build_app(engine=engine))).serve([listening])


if __name__ == "__main__":
    configure("json")
    asyncio.run(serve(Path(sys.argv[1])))
