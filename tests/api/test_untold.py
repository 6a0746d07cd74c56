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


RUN: dict[str, Any] = {
    "threadId": "t",
    "runId": "run-0001",
    "state": {},
    "tools": [],
    "context": [],
    "forwardedProps": {},
}


async def test_committed_and_not_told_to_a_client_of_agui(
    client: AsyncClient, engine: StoryEngine, begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = await begin()
    session = turns.split("/")[4]
    run = {**RUN, "messages": [{"id": "1", "role": "user", "content": "look"}]}

    async def dies(*_: object) -> None:
        return

    with monkeypatch.context() as patched:
        patched.setattr("graphs.runner.Runner._end", dies)
        await engine.act(session, "look", turn_id="run-0001")
    async with asyncio.timeout(60):
        again = await client.post(turns.removesuffix("/turns") + "/agui", json=run)
    assert "RUN_FINISHED" in again.text


CRY = "I want to end my life tonight"


@pytest.mark.parametrize("odd", [[], {}, ["action"], 7])
async def test_a_type_that_is_no_word_costs_nobody_the_help(client: AsyncClient, begin: Any, odd: Any) -> None:
    turns = await begin()
    run = {**RUN, "messages": [{"id": "1", "role": odd, "content": CRY}]}
    answers = [
        await client.post(turns, json={"action": CRY, "type": odd}),
        await client.post("/api/v1/sessions", json={"title": CRY, "type": odd}),
        await client.post(turns.removesuffix("/turns") + "/agui", json=run),
    ]
    for answer in answers:
        assert answer.status_code == 422, answer.text
        assert answer.json()["help"]["tier"] == "crisis"


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
