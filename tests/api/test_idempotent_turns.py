"""The key of a turn: it belongs to its words, and whoever sends it again while it runs hears its end."""

import asyncio
import json
from typing import Any

import pytest
from fakes import ScriptedModel
from httpx import AsyncClient
from repeated import DANGER, KEY, refused

from graphs.actions import turn_id_of
from graphs.engine import StoryEngine


async def test_the_key_of_a_turn_that_keeps_no_words_belongs_to_them_all_the_same(
    client: AsyncClient, engine: StoryEngine, session: str
) -> None:
    turns = f"{session}/turns"
    first = await client.post(turns, json={"action": DANGER}, headers=KEY)
    assert first.json()["kind"] == "crisis"
    again = await client.post(turns, json={"action": f" {DANGER} "}, headers=KEY)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    refused(await client.post(turns, json={"action": "look"}, headers=KEY), 422, "key_reused")
    redis: Any = engine._stores.redis
    kept = [await redis.get(key) async for key in redis.scan_iter(match="tta:1:repeat:*")]
    assert kept
    assert not any(b"end my life" in raw for raw in kept)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_turn_that_is_sent_again_while_it_runs_is_heard_to_its_end(
    client: AsyncClient, engine: StoryEngine, begin, accept: str
) -> None:
    model = ScriptedModel(answers=["The range ticks. <slow> Rain falls."], pause_s=1.0)
    engine.use_model("scripted", model)
    turns = await begin(model="scripted")
    first = asyncio.create_task(client.post(turns, json={"action": "look"}, headers=KEY))
    async with asyncio.timeout(30):
        while await engine._runner(turns.split("/")[4]).inbox.current() is None:
            await asyncio.sleep(0.01)
    other = asyncio.create_task(client.post(turns, json={"action": "wait"}, headers=KEY))
    again = await client.post(turns, json={"action": "look"}, headers={**KEY, "Accept": accept})
    assert again.status_code == 201
    turn = (await first).json()
    refused(await other, 422, "key_reused")
    events = [json.loads(line[6:]) for line in again.text.splitlines() if line.startswith("data: ")]
    assert (events[-2]["turn"] if events else again.json()) == turn
    assert len(model.asked) == 1
    assert [each["turn_id"] for each in (await client.get(turns)).json()["turns"]] == [turn["turn_id"]]


async def test_a_turn_of_which_nothing_came_is_not_begun_anew_for_who_read_it_along(
    client: AsyncClient, engine: StoryEngine, begin
) -> None:
    engine.use_model("scripted", ScriptedModel(answers=["<slow> <fail>"], pause_s=1.0))
    turns = await begin(model="scripted")
    sent = [asyncio.create_task(client.post(turns, json={"action": "look"}, headers=KEY)) for _ in range(2)]
    assert [each.status_code for each in await asyncio.gather(*sent)] == [503, 503]
    engine.use_model("scripted", ScriptedModel(answers=["The range ticks."]))
    assert (await client.get(turns)).json()["turns"] == []
    refused(await client.post(turns, json={"action": "wait"}, headers=KEY), 422, "key_reused")
    assert (await client.post(turns, json={"action": "look"}, headers=KEY)).status_code == 201


async def test_whoever_waits_for_a_turn_ends_it_where_its_process_dies(
    client: AsyncClient, engine: StoryEngine, begin
) -> None:
    engine.use_model("scripted", ScriptedModel(answers=["<hang>", "Rain falls."]))
    turns = await begin(model="scripted")
    session = turns.split("/")[4]
    turn_id, playing = await engine.start(session, "look", turn_id=turn_id_of(session, KEY["Idempotency-Key"]))
    waiting = asyncio.create_task(client.post(turns, json={"action": "look"}, headers=KEY))
    async with asyncio.timeout(30):
        while not any(task.get_coro().__name__ == "_joined" for task in engine._tasks):
            await asyncio.sleep(0.01)
    playing.cancel()
    answer = await waiting
    assert (answer.status_code, answer.json()["turn_id"]) == (201, turn_id)
    assert playing.cancelled()
    assert len((await client.get(turns)).json()["turns"]) == 1
