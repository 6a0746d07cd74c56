"""A turn that is there and was not told, or was not there a moment ago: whoever asks gets it all the same."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from test_events import EVENTS, read

from agents.errors import UnknownTurn
from agents.story import Turn
from graphs.engine import StoryEngine


async def test_committed_and_not_told(client: AsyncClient, begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process died between the two: whoever sends it again to read it along hears its end."""
    turns, key = await begin(), {"Idempotency-Key": "one"}

    async def dies(*_: object) -> None:
        return

    with monkeypatch.context() as patched:
        patched.setattr("graphs.runner.Runner._end", dies)
        sent = await client.post(turns, json={"action": "look"}, headers=key)
    async with asyncio.timeout(60):
        again = await client.post(turns, json={"action": "look"}, headers={**key, **EVENTS})
    events = read(again.text)
    assert [event["event"] for event in events[-2:]] == ["committed", "end"]
    assert events[-2]["data"]["turn"]["turn_id"] == sent.json()["turn_id"]


async def test_committed_between_two_looks(
    client: AsyncClient, engine: StoryEngine, begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = await begin()
    sent = (await client.post(turns, json={"action": "look"})).json()
    look, looks = engine.turn, list[str]()

    async def too_early(session: str, turn_id: str) -> Turn:
        looks.append(turn_id)
        if len(looks) == 1:
            raise UnknownTurn("It is not there yet")
        return await look(session, turn_id)

    monkeypatch.setattr(engine, "turn", too_early)
    found = await client.get(f"{turns}/{sent['turn_id']}")
    assert (found.status_code, found.json()["turn_id"]) == (200, sent["turn_id"])
