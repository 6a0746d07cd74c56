"""The API as `tta serve` runs it, with a model that answers at once: a process of `tta bench api`."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from api.app import build_app
from api.logs import configure
from api.serve import Server, server_config
from graphs.engine import open_engine
from graphs.settings import read_settings

SENTENCES = (
    "The lamp throws its {} ring over the table. ",
    "Rain ticks at the {} window and runs down the glass. ",
    "Somewhere below a {} door moves in its frame. ",
    "The air is {} and smells of wood.",
)


class InstantModel(BaseChatModel):
    """Four sentences, a word a chunk, with a word that no other turn has in each: no turn is read for danger by heart. With `pause_s` it waits after the token that settles the first one, as a model that
    writes does, and says on stdout when that token came: `settled SECONDS`, of the machine's monotonic clock.
    """

    pause_s: float = 0.0
    _told: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        self._told += 1
        own = "".join(chr(ord("a") + int(digit)) for digit in str(self._told))
        words = "".join(SENTENCES).replace("{}", own).split(" ")
        settling = len(SENTENCES[0].split())
        for number, word in enumerate(words):
            if self.pause_s and number == settling:
                print(f"settled {time.perf_counter():.6f}", flush=True)
            yield ChatGenerationChunk(message=AIMessageChunk(content=word + " "))
            if self.pause_s and number == settling:
                await asyncio.sleep(self.pause_s)


async def serve(data_dir: Path, pause_s: float) -> None:
    """On a free port, which the line that `tta serve` prints tells."""
    async with open_engine(read_settings(data_dir=data_dir)) as engine:
        engine.use_model("offline", InstantModel(pause_s=pause_s))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            await Server(server_config(build_app(engine=engine)), url).serve([listening])


if __name__ == "__main__":
    configure("json")
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
