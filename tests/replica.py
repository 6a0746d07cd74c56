"""`tta` as a process of the tests. It is what users run, with one model more: `held` says a sentence, waits until the file
that HELD_UNTIL names is there, and says another.

    python tests/replica.py serve --port 8001
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from agents import models
from agents.models import opening

BEFORE, AFTER = "The lamp ticks softly.", "Rain falls on the roof."


def _held() -> Any:
    from fakes import ScriptedModel  # noqa: PLC0415 - LangChain
    from langchain_core.messages import AIMessageChunk  # noqa: PLC0415
    from langchain_core.outputs import ChatGenerationChunk  # noqa: PLC0415

    class Held(ScriptedModel):
        async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            for word in f"{BEFORE} {AFTER[0]}".split(" "):  # a sentence is over when the next one begins
                yield ChatGenerationChunk(message=AIMessageChunk(content=word + " " * (word != AFTER[0])))
            while not Path(os.environ["HELD_UNTIL"]).exists():
                await asyncio.sleep(0.02)
            yield ChatGenerationChunk(message=AIMessageChunk(content=AFTER[1:]))

    return Held(answers=[""])


def _with_held() -> None:
    check, open_model = opening.check_spec, opening.open_model

    def checking(spec: str) -> None:
        if spec != "held":
            check(spec)

    @asynccontextmanager
    async def opened(spec: str) -> AsyncGenerator[Any]:
        if spec == "held":
            yield _held()
            return
        async with open_model(spec) as model:
            yield model

    for module in (opening, models):
        module.check_spec, module.open_model = checking, opened


def _end_with(parent: int) -> None:
    """A test that is killed leaves nobody behind."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _with_held()
    from api.cli import main

    main()
