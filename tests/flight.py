"""A turn whose process is gone after its first sentence."""

import asyncio
from typing import Any

from graphs.engine import StoryEngine


async def broken_off(task: "asyncio.Task[Any]") -> None:
    """Cancels a task until it has ended: Python 3.11's wait_for, in which redis-py sends, swallows a cancellation that comes as
    it ends (bpo-37658)."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)


async def left_in_flight(engine: StoryEngine, session: str, action: str) -> tuple[str, str]:
    """Its id and the sentence that was shown. The session's model must hang after a sentence (`ScriptedModel`)."""
    turn_id, task = await engine.start(session, action)
    shown = ""
    async for event in engine.events(session, turn_id):
        if event["kind"] == "sentence":
            shown = event["data"]["text"]
            break
    await broken_off(task)
    assert shown
    assert task.cancelled()
    return turn_id, shown
