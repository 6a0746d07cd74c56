"""A turn over HTTP is played once, whatever the client repeats, and found again for ever."""

import asyncio

import pytest
from fakes import ScriptedModel, impatient
from httpx import AsyncClient

from graphs.engine import StoryEngine


async def test_a_turn_as_json(client: AsyncClient, begin) -> None:
    turns = await begin()
    made = await client.post(turns, json={"action": "look around"})
    assert made.status_code == 201
    turn = made.json()
    assert turn["number"] == 1
    assert turn["narration"]
    assert made.headers["location"] == f"{turns}/{turn['turn_id']}"
    assert (await client.get(made.headers["location"])).json() == turn


async def test_turns_by_pages(client: AsyncClient, begin) -> None:
    turns = await begin()
    for _ in range(5):
        await client.post(turns, json={"action": "wait"})
    first = (await client.get(turns, params={"limit": 3})).json()
    assert [turn["number"] for turn in first["turns"]] == [5, 4, 3]
    rest = (await client.get(turns, params={"limit": 3, "before": first["before"]})).json()
    assert [turn["number"] for turn in rest["turns"]] == [2, 1]
    assert rest["before"] is None
    for wrong in ({"limit": 201}, {"limit": 0}, {"before": 0}, {"before": "x"}):
        assert (await client.get(turns, params=wrong)).status_code == 422


async def test_the_same_key_is_the_same_turn(client: AsyncClient, begin) -> None:
    turns = await begin()
    key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    first = await client.post(turns, json={"action": "wait"}, headers=key)
    again = await client.post(turns, json={"action": " wait "}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = await client.post(turns, json={"action": "look"}, headers=key)
    assert other.status_code == 422
    assert len((await client.get(turns)).json()["turns"]) == 1


async def test_the_same_turn_id_is_the_same_turn(client: AsyncClient, begin) -> None:
    turns = await begin()
    asked = {"action": "wait", "turn_id": "my-turn-0001"}
    first, again = [(await client.post(turns, json=asked)).json() for _ in range(2)]
    assert first == again
    assert first["turn_id"] == "my-turn-0001"
    both = await client.post(turns, json=asked, headers={"Idempotency-Key": "k"})
    assert both.status_code == 409


@pytest.mark.parametrize("turn_id", ["root", "short", "with space", "x" * 65, "a/../b-12345"])
async def test_turn_ids_that_are_none(client: AsyncClient, begin, turn_id: str) -> None:
    refused = await client.post(await begin(), json={"action": "wait", "turn_id": turn_id})
    assert refused.status_code == 422


async def test_a_second_action_in_mid_turn(client: AsyncClient, engine: StoryEngine, begin) -> None:
    model = ScriptedModel(answers=["The range ticks. <held> Rain falls."])
    engine.use_model("scripted", model)
    turns = await begin(model="scripted")
    first = asyncio.create_task(client.post(turns, json={"action": "look"}))
    while not model.asked:  # its turn is running
        await asyncio.sleep(0.01)
        assert not first.done()
    refused = await client.post(turns, json={"action": "wait"})
    assert (refused.status_code, refused.json()["code"]) == (409, "turn_in_progress")
    assert refused.headers["retry-after"] == "1"
    model.go.set()
    assert (await first).status_code == 201


@pytest.mark.parametrize(("answer", "status"), [("<fail>", 503), ("<hang>", 504)])
async def test_a_turn_that_the_model_failed(
    client: AsyncClient, engine: StoryEngine, begin, answer: str, status: int
) -> None:
    if answer == "<hang>":
        impatient(engine)
    engine.use_model("scripted", ScriptedModel(answers=[answer]))
    turns = await begin(model="scripted")
    failed = await client.post(turns, json={"action": "look"})
    assert failed.headers["content-type"] == "application/problem+json"
    assert failed.status_code == status
    assert "quote the prompt" not in failed.text
    assert (await client.get(turns)).json()["turns"] == []
    impatient(engine, 60)
    engine.use_model("scripted", ScriptedModel(answers=["The range ticks."]))
    assert (await client.post(turns, json={"action": "look"})).status_code == 201


async def test_unknown_things(client: AsyncClient, begin) -> None:
    turns = await begin()
    assert (await client.get(f"{turns}/nothing")).json()["code"] == "unknown_turn"
    assert (await client.get(f"{turns}/nothing/events")).json()["code"] == "unknown_turn"
    for path in ("/api/v1/sessions/nobody", "/api/v1/sessions/nobody/turns", "/api/v1/sessions/nobody/turns/a/events"):
        refused = await client.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_session")
        assert "choices" not in refused.json(), "ids of other sessions are not for everybody"
    refused = await client.post("/api/v1/sessions/nobody/turns", json={"action": "look"})
    assert refused.json()["code"] == "unknown_session"


async def test_no_request_of_a_turn_is_handed_to_a_thread(client: AsyncClient, begin, monkeypatch) -> None:
    turns = await begin()
    path = turns.removesuffix("/turns")

    def handed(*_: object) -> None:
        raise AssertionError("a plain function among what the route depends on")

    monkeypatch.setattr("fastapi.dependencies.utils.run_in_threadpool", handed)
    monkeypatch.setattr("fastapi.routing.run_in_threadpool", handed)
    assert (await client.post(turns, json={"action": "wait"})).status_code == 201
    for seen in (path, turns, f"{path}/facts", "/api/v1/sessions", "/api/v1/players/me", "/api/v1/players/me/progress"):
        assert (await client.get(seen)).status_code == 200, seen
