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
from api.processes import Watch
from api.serve import Server, opened, server_config
from graphs.engine import open_engine
from graphs.settings import read_settings

HOST = "127.0.0.1"
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


async def serve(
    data_dir: Path, pause_s: float, listening: socket.socket, watching: socket.socket | None = None
) -> None:
    """On a free port, which the line that `tta serve` prints tells."""
    async with open_engine(read_settings(data_dir=data_dir)) as engine:
        engine.use_model("offline", InstantModel(pause_s=pause_s))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        await Server(server_config(build_app(engine=engine)), url, 0.0, watching).serve([listening])


def main() -> None:
    """HOME PAUSE_S [PROCESSES [PORT --link FD]]: the last three are what `api.processes` asks of one of several."""
    home, pause_s, processes = Path(sys.argv[1]), float(sys.argv[2]), int([*sys.argv, "1"][3])
    if "--link" in sys.argv:
        with socket.socket(fileno=int(sys.argv[-1])) as link, opened(HOST, int(sys.argv[4]), shared=True) as listening:
            asyncio.run(serve(home, pause_s, listening, link))
        return
    with opened(HOST, 0, shared=processes > 1) as listening:
        if processes == 1:
            asyncio.run(serve(home, pause_s, listening))
            return
        port = listening.getsockname()[1]
        command = [sys.executable, "-P", __file__, str(home), str(pause_s), str(processes), str(port)]
        Watch(command, processes, {}).run(f"TTA serves on http://127.0.0.1:{port} from {processes} processes")


if __name__ == "__main__":
    configure("json")
    main()
