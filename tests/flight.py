"""A turn whose process is gone after its first sentence."""

import asyncio

from graphs.engine import StoryEngine


async def left_in_flight(engine: StoryEngine, session: str, action: str) -> tuple[str, str]:
    """Its id and the sentence that was shown. The session's model must hang after a sentence (`ScriptedModel`)."""
    turn_id, task = await engine.start(session, action)
    shown = ""
    async for event in engine.events(session, turn_id):
        if event["kind"] == "sentence":
            shown = event["data"]["text"]
            break
    task.cancel()
    await asyncio.wait([task])
    assert shown
    assert task.cancelled()
    return turn_id, shown
