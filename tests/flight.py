"""A turn whose process is gone after its first sentence."""

import asyncio
from collections.abc import Sized
from contextlib import aclosing
from typing import Any

from graphs.engine import StoryEngine


async def broken_off(task: "asyncio.Task[Any]", asked: Sized = (None,), times: int = 1) -> None:
    """Cancels a turn, once its model was `asked` so often. Earlier it may be sending to Redis, by Python 3.11's wait_for, which
    swallows a cancellation that comes as it ends (bpo-37658): so it is cancelled again, but not while it is tidying up."""
    while len(asked) < times and not task.done():
        await asyncio.sleep(0.01)
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=20)


async def sentence_of(engine: StoryEngine, session: str, turn_id: str) -> str:
    """The first sentence that a turn tells, once it has."""
    async with aclosing(engine.events(session, turn_id)) as events:
        async for event in events:
            if event["kind"] == "sentence":
                return str(event["data"]["text"])
    raise AssertionError("nothing was told")


async def left_in_flight(engine: StoryEngine, session: str, action: str) -> tuple[str, str]:
    """Its id and the sentence that was shown. The session's model must hang after a sentence (`ScriptedModel`)."""
    turn_id, task = await engine.start(session, action)
    shown = await sentence_of(engine, session, turn_id)
    await broken_off(task)
    assert task.cancelled()
    return turn_id, shown
