"""Turns for which nobody waits, a second action while one is played, and stopping one: over HTTP."""

import asyncio
from typing import Any

import pytest
from fakes import ScriptedModel
from flight import sentence_of
from httpx import AsyncClient, Response
from test_events import EVENTS, read

from graphs.engine import StoryEngine

TALE = "The range ticks. The cups hang still. <held> Rain falls on the roof."
LATER = {"Prefer": "respond-async"}
CRISIS = "I am going to kill myself tonight, I have the pills here"


@pytest.fixture
def model(engine: StoryEngine) -> ScriptedModel:
    made = ScriptedModel(answers=[TALE, "A cup falls."])
    engine.use_model("scripted", made)
    return made


async def until_turn(client: AsyncClient, path: str) -> Response:
    """The turn, asked for until it is over."""
    async with asyncio.timeout(60):
        while (answer := await client.get(path)).status_code == 202:
            assert answer.headers["retry-after"] == "1"
            await asyncio.sleep(0.02)
    return answer


async def running(client: AsyncClient, engine: StoryEngine, turns: str) -> str:
    """The path of a turn that has told something and waits for its model."""
    sent = (await client.post(turns, json={"action": "look"}, headers=LATER)).json()
    await sentence_of(engine, sent["session"], sent["turn_id"])
    return sent["turn"]


async def test_nobody_has_to_wait(client: AsyncClient, begin: Any) -> None:
    turns = await begin()
    sent = await client.post(turns, json={"action": "look"}, headers=LATER)
    assert sent.status_code == 202, sent.text
    assert sent.headers["preference-applied"] == "respond-async"
    told = sent.json()
    assert (told["status"], told["ahead"], told["turn"]) == ("queued", 0, sent.headers["location"])
    turn = await until_turn(client, told["turn"])
    assert (turn.status_code, turn.json()["action"], turn.json()["turn_id"]) == (200, "look", told["turn_id"])
    events = read((await client.get(told["events"])).text)
    assert [events[0]["event"], events[-2]["event"], events[-1]["event"]] == ["metadata", "committed", "end"]


async def test_sent_again_it_is_played_once(client: AsyncClient, begin: Any) -> None:
    turns = await begin()
    headers = {**LATER, "Idempotency-Key": "one"}
    first = await client.post(turns, json={"action": "look"}, headers=headers)
    await until_turn(client, first.json()["turn"])
    again = await client.post(turns, json={"action": "look"}, headers=headers)
    assert (again.status_code, again.json()["turn_id"]) == (201, first.json()["turn_id"])
    other = await client.post(turns, json={"action": "wait"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert len((await client.get(turns)).json()["turns"]) == 1


async def test_what_waits_as_events(client: AsyncClient, engine: StoryEngine, begin: Any, model: ScriptedModel) -> None:
    turns = await begin(model="scripted")
    await running(client, engine, turns)
    body = {"action": "wait", "multitask_strategy": "enqueue"}
    waiting = asyncio.create_task(client.post(turns, json=body, headers=EVENTS))
    async with asyncio.timeout(60):
        while not await engine.waits(turns.split("/")[-2]):
            await asyncio.sleep(0.02)
    model.go.set()
    events = read((await waiting).text)
    assert [event["event"] for event in events] == ["metadata", "sentence", "committed", "end"]
    assert events[2]["data"]["turn"]["number"] == 2


async def test_refused_cut_in_and_taken_back(
    client: AsyncClient, engine: StoryEngine, begin: Any, model: ScriptedModel
) -> None:
    for strategy, left in (("interrupt", ["wait", "look"]), ("rollback", ["wait"])):
        model.answers[:] = [TALE, "A cup falls."]
        model.go.clear()
        turns = await begin(model="scripted")
        first = await running(client, engine, turns)
        refused = await client.post(turns, json={"action": "wait", "multitask_strategy": "reject"}, headers=LATER)
        assert (refused.status_code, refused.json()["code"]) == (409, "turn_in_progress")
        second = await client.post(turns, json={"action": "wait", "multitask_strategy": strategy})
        assert second.status_code == 201, second.text
        assert [turn["action"] for turn in (await client.get(turns)).json()["turns"]] == left
        gone = await client.get(first)
        assert gone.status_code == (200 if strategy == "interrupt" else 409)
        if strategy == "rollback":
            assert gone.json()["code"] == "turn_cancelled"


async def test_an_unknown_strategy_names_the_known(client: AsyncClient, begin: Any) -> None:
    answer = await client.post(await begin(), json={"action": "look", "multitask_strategy": "replace"})
    assert answer.status_code == 422
    assert "'rollback'" in answer.text


async def test_stopped(client: AsyncClient, engine: StoryEngine, begin: Any, model: ScriptedModel) -> None:
    turns = await begin(model="scripted")
    path = await running(client, engine, turns)
    stopped = await client.delete(f"{turns}/current")
    assert (stopped.status_code, stopped.json()["turn_id"]) == (200, path.rpartition("/")[2])
    assert (await client.get(turns)).json()["turns"] == []
    assert (await client.get(path)).json()["code"] == "turn_cancelled"
    nothing = await client.delete(f"{turns}/current")
    assert (nothing.status_code, nothing.json()["code"]) == (404, "unknown_turn")
    played = await client.post(turns, json={"action": "wait"})
    assert (played.status_code, played.json()["number"]) == (201, 1)
    over = await client.delete(f"{turns}/{played.json()['turn_id']}")
    assert (over.status_code, over.json()["code"]) == (409, "conflict")
    assert (await client.delete(f"{turns}/{'b' * 32}")).status_code == 404


async def test_who_is_in_danger_is_answered_as_a_turn(
    client: AsyncClient, engine: StoryEngine, begin: Any, model: ScriptedModel
) -> None:
    turns = await begin(model="scripted")
    await running(client, engine, turns)
    sent = await client.post(turns, json={"action": CRISIS, "multitask_strategy": "enqueue"})
    assert (sent.status_code, sent.json()["kind"]) == (201, "crisis")
    refused = await client.post(turns, json={"action": CRISIS}, headers=LATER)
    assert (refused.status_code, refused.json()["code"]) == (409, "session_paused")
    assert refused.json()["help"]["tier"] == "crisis"


async def test_a_cry_that_another_one_was_before_is_told_where_to_turn(
    client: AsyncClient, engine: StoryEngine, begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first pauses the story; of the second the words are gone, and its verdict stays."""
    turns = await begin()
    with monkeypatch.context() as nobody_plays:
        nobody_plays.setattr(engine, "play_waiting", lambda _: None)
        sent = [(await client.post(turns, json={"action": CRISIS}, headers=LATER)).json() for _ in range(2)]
    await engine.play_all(turns.split("/")[-2])
    first, second = [await client.get(one["turn"]) for one in sent]
    assert first.json()["kind"] == "crisis"
    assert (second.status_code, second.json()["code"]) == (409, "session_paused")
    assert second.json()["help"]["tier"] == "crisis"
    told = read((await client.get(sent[1]["events"])).text)
    assert [event["event"] for event in told[-2:]] == ["error", "end"]
    assert told[-2]["data"]["help"]["resources"]
