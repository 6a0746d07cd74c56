"""The small world with one of everything, and a story begun in it."""

from pathlib import Path
from typing import Any

from graphs.engine import StoryEngine

COTTAGE = str(Path(__file__).parent / "data" / "cottage.yaml")


async def begun(engine: StoryEngine, session: str = "s", **options: Any) -> str:
    """The id of a session that has just begun, always with the same seed."""
    return (await engine.create(COTTAGE, session=session, seed=1, **options))["session"]
