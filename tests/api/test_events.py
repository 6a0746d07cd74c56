"""A turn read along: in order, taken up where it broke, and not stopped by who stops listening."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from fakes import ScriptedModel
from flight import left_in_flight
from httpx import AsyncClient
from served import served

from agents.errors import StoreUnavailable
from api import streams
from api.app import build_app
from graphs.engine import StoryEngine

EVENTS = {"Accept": "text/event-stream"}
TALE = "The range ticks. <slow> The cups hang still. <slow> Rain falls."


def read(text: str) -> list[dict[str, Any]]:
    """The events of a stream as a browser would see them; comments are left out."""
    found: list[dict[str, Any]] = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append({"id": fields.get("id"), "event": fields["event"], "data": json.loads(fields["data"])})
    return found


@pytest.fixture
def tale(engine: StoryEngine) -> None:
    engine.use_model("scripted", ScriptedModel(answers=[TALE], pause_s=0.1))


async def test_a_turn_as_events(client: AsyncClient, begin, tale: None) -> None:
    turns = await begin(model="scripted")
    answer = await client.post(turns, json={"action": "look"}, headers=EVENTS)
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    events = read(answer.text)
    kinds = [event["event"] for event in events]
    assert kinds == ["metadata", "sentence", "sentence", "sentence", "committed", "end"]
    turn_id = events[0]["data"]["turn_id"]
    assert all(event["id"].startswith(f"{turn_id}:") for event in events)
    turn = events[-2]["data"]["turn"]
    assert turn["narration"] == " ".join(event["data"]["text"] for event in events if event["event"] == "sentence")
    assert (await client.get(answer.headers["location"])).json() == turn


async def test_taken_up_after_each_event(client: AsyncClient, begin, tale: None) -> None:
    turns = await begin(model="scripted")
    whole = await client.post(turns, json={"action": "look"}, headers=EVENTS)
    events, path = read(whole.text), whole.headers["location"] + "/events"
    assert read((await client.get(path)).text) == events
    for place, event in enumerate(events[:-1]):
        rest = await client.get(path, headers={"Last-Event-ID": event["id"]})
        assert read(rest.text) == events[place + 1 :]
    done = await client.get(path, headers={"Last-Event-ID": events[-1]["id"]})
    assert (done.status_code, done.content) == (204, b""), "a browser would come back for ever"
    for wrong in ("nonsense", "x:1-", f"x:{'9' * 60}-0", "x:٣-٣"):
        assert read((await client.get(path, headers={"Last-Event-ID": wrong.encode()})).text) == events


async def test_a_turn_whose_stream_has_expired(client: AsyncClient, engine: StoryEngine, begin, tale: None) -> None:
    turns = await begin(model="scripted")
    turn = (await client.post(turns, json={"action": "look"})).json()
    await engine._events(turn["session"]).drop(turn["turn_id"])
    path = f"{turns}/{turn['turn_id']}/events"
    events = read((await client.get(path)).text)
    assert [event["event"] for event in events] == ["metadata", "committed", "end"]
    assert events[1]["data"]["turn"] == turn
    late = read((await client.get(path, headers={"Last-Event-ID": f"{turn['turn_id']}:1795494815353-0"})).text)
    assert [event["event"] for event in late] == ["committed", "end"]
    assert (await client.get(path, headers={"Last-Event-ID": late[-1]["id"]})).status_code == 204


async def test_the_same_key_is_read_again(client: AsyncClient, begin, tale: None) -> None:
    turns = await begin(model="scripted")
    headers = {**EVENTS, "Idempotency-Key": "k"}
    first = await client.post(turns, json={"action": "look"}, headers=headers)
    again = await client.post(turns, json={"action": "look"}, headers=headers)
    assert read(again.text) == read(first.text)
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")


async def test_a_client_that_leaves_cancels_nothing(engine: StoryEngine, begin, tale: None) -> None:
    """The connection is cut after the first sentence; the turn is committed, once, and begins with it."""
    turns = await begin(model="scripted")
    body, headers, cut = json.dumps({"action": "look"}).encode(), [], asyncio.Event()
    shown: list[str] = []

    async def receive() -> dict[str, Any]:
        if not shown:
            shown.append("")
            return {"type": "http.request", "body": body, "more_body": False}
        await cut.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        headers.extend(message.get("headers", []))
        shown[0] += message.get("body", b"").decode()
        if "event: sentence" in shown[0]:
            cut.set()

    given = {"host": "localhost", "accept": "text/event-stream", "content-type": "application/json"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "POST",
        "path": turns,
        "raw_path": turns.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    app = build_app(engine=engine)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://[::1]") as client:
        await app(scope, receive, send)
        assert "event: end" not in shown[0]
        seen = read(shown[0])
        path = dict(headers)[b"location"].decode() + "/events"
        rest = read((await client.get(path, headers={"Last-Event-ID": seen[-1]["id"]})).text)
        assert [event["event"] for event in rest[-2:]] == ["committed", "end"]
        played = (await client.get(turns)).json()["turns"]
    assert len(played) == 1
    sentences = [event["data"]["text"] for event in [*seen, *rest] if event["event"] == "sentence"]
    assert played[0]["narration"] == " ".join(sentences)


async def test_a_turn_whose_process_died_is_ended(client: AsyncClient, engine: StoryEngine, begin) -> None:
    """Whoever asks for the events of an unfinished turn sees it end."""
    engine.use_model("scripted", ScriptedModel(answers=["The range ticks. The cups hang still. <hang>"]))
    turns = await begin(model="scripted")
    session = turns.split("/")[4]
    turn_id, _ = await left_in_flight(engine, session, "look")
    engine.use_model("scripted", ScriptedModel(answers=["And the rain goes on."]))
    told = read((await client.get(f"{turns}/{turn_id}/events")).text)
    assert [event["event"] for event in told].count("committed") == 1
    assert told[1]["data"]["text"] == "The range ticks."
    assert told[-2]["data"]["turn"]["narration"].startswith("The range ticks.")


async def test_a_turn_that_fails_tells_it_in_the_stream(client: AsyncClient, engine: StoryEngine, begin) -> None:
    engine.use_model("scripted", ScriptedModel(answers=["<fail>"]))
    turns = await begin(model="scripted")
    answer = await client.post(turns, json={"action": "look"}, headers=EVENTS)
    events = read(answer.text)
    assert [event["event"] for event in events][-2:] == ["error", "end"]
    problem = events[-2]["data"]
    assert (problem["status"], problem["code"]) == (503, "model_unavailable")
    assert problem["title"]


async def test_an_error_that_another_process_met(client: AsyncClient, engine: StoryEngine, begin, monkeypatch) -> None:
    """Whoever did not run the turn knows its error by the code alone."""

    async def failed(session: str, turn_id: str, *, after: str = ""):
        yield {"id": f"{turn_id}:5-0", "kind": "metadata", "data": {"turn_id": turn_id}}
        yield {"id": f"{turn_id}:6-0", "kind": "error", "data": {"code": "model_timeout", "detail": "Too slow"}}
        yield {"id": f"{turn_id}:7-0", "kind": "end", "data": {}}

    monkeypatch.setattr(engine, "events", failed)
    events = read((await client.get(f"{await begin()}/elsewhere/events")).text)
    problem = events[1]["data"]
    assert (problem["status"], problem["code"], problem["detail"]) == (504, "model_timeout", "Too slow")


async def test_a_turn_that_failed_at_once(client: AsyncClient, engine: StoryEngine, begin, monkeypatch) -> None:
    """It may be over before its stream is opened; its error is then the answer's status."""
    start = engine.start

    async def started(*args: Any, **kwargs: Any):
        turn_id, task = await start(*args, **kwargs)
        await asyncio.wait([task])
        return turn_id, task

    monkeypatch.setattr(engine, "start", started)
    engine.use_model("scripted", ScriptedModel(answers=["<fail>"]))
    answer = await client.post(await begin(model="scripted"), json={"action": "look"}, headers=EVENTS)
    assert answer.status_code == 503 or read(answer.text)[-2]["data"]["status"] == 503


async def test_refusals_come_before_the_stream(client: AsyncClient, begin) -> None:
    turns = await begin()
    for wrong in ("", "a" * 2001):
        refused = await client.post(turns, json={"action": wrong}, headers=EVENTS)
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


async def test_silence_is_filled(engine: StoryEngine, begin, monkeypatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.05)
    model = ScriptedModel(answers=["The range ticks. <held> Rain falls."])
    engine.use_model("scripted", model)
    turns, told = await begin(model="scripted"), ""
    async with (
        served(engine) as where,
        AsyncClient(base_url=f"http://{where}", timeout=60) as http,
        http.stream("POST", turns, json={"action": "look"}, headers=EVENTS) as answer,
    ):
        async for text in answer.aiter_text():
            told += text
            if told.count(": still here") == 3:
                model.go.set()
    assert told.count(": still here") >= 3
    assert read(told)[-1]["event"] == "end"


async def test_a_store_that_goes_away_while_reading(
    client: AsyncClient, engine: StoryEngine, begin, monkeypatch
) -> None:
    turns = await begin()
    real = engine.events

    async def breaking(*args: Any, **kwargs: Any):
        async for event in real(*args, **kwargs):
            yield event
            raise ConnectionError("the address is secret")

    monkeypatch.setattr(engine, "events", breaking)
    answer = await client.post(turns, json={"action": "look"}, headers=EVENTS)
    events = read(answer.text)
    assert [event["event"] for event in events] == ["metadata", "error", "end"]
    assert events[1]["data"]["code"] == StoreUnavailable("").code
    assert "secret" not in answer.text
    monkeypatch.undo()
    path = answer.headers["location"] + "/events"
    rest = read((await client.get(path, headers={"Last-Event-ID": events[0]["id"]})).text)
    assert [event["event"] for event in rest[-2:]] == ["committed", "end"]


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        ("text/event-stream", True),
        ("application/json, text/event-stream;q=0.9", True),
        ("*/*", False),
        ("", False),
        ("text/event-streams", False),
        ("text/event-stream;q=0, application/json", False),
        ("Text/Event-Stream ; charset=utf-8 ; Q = 0.000", False),
        ("text/event-stream;q=0.001", True),
    ],
)
def test_who_wants_events(accept: str, wants: bool) -> None:
    assert streams.wants_events(accept) is wants
