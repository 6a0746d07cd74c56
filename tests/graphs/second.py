"""A turn that has told something and waits for its model, while somebody wants something else."""

import asyncio

from cottage import begun
from flight import sentence_of

from graphs.engine import StoryEngine
from graphs.events import Event

TALE = "The range ticks. The cups hang still. <held> Rain falls on the roof."
SHORT = "A cup falls."


async def running(engine: StoryEngine, action: str = "look") -> tuple[str, str, "asyncio.Task[object]"]:
    """A session and its turn, which has told its first sentence and now waits for its model."""
    session = await begun(engine, "", model="scripted")
    turn_id, task = await engine.start(session, action)
    await sentence_of(engine, session, turn_id)
    return session, turn_id, task  # type: ignore[return-value]


async def told(engine: StoryEngine, session: str, turn_id: str) -> list[Event]:
    return [event async for event in engine.events(session, turn_id)]
