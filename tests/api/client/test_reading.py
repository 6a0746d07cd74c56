"""How a turn's stream is read: what a server says of waiting, what it tells twice, what it cannot tell, what ends it."""

import json
from typing import Any

import httpx
import pytest
from fakes import ScriptedModel
from patient import Told
from served import served

from agents.errors import ModelTimeout, StoreUnavailable, TurnCancelled
from api.client import Begun, Committed, ForeignAnswer, Sentence
from api.client.logins import Bearer
from api.client.opening import Client
from api.client.wire import Wire
from graphs.engine import StoryEngine

TURN: dict[str, Any] = {
    "turn_id": "t", "session": "s", "branch": "main", "line": "l", "parent": "root", "number": 1, "kind": "story", "action": "look",
    "narration": "One. Two.", "choices": [], "location": "quay", "inventory": [], "goals": [], "changes": [], "verdicts": [],
    "usage": {"calls": 0, "input_tokens": 0, "output_tokens": 0}, "model": "offline", "won": False, "at": "2026-11-27T00:00:00+00:00",
}  # fmt: skip
BEGUN = ("t:1-0", "metadata", {"turn_id": "t", "session": "s", "branch": "main"})
ONE, TWO = ("t:2-0", "sentence", {"text": "One."}), ("t:3-0", "sentence", {"text": "Two."})
DONE, END = ("t:4-0", "committed", {"turn": TURN}), ("t:5-0", "end", {})


def stream(*events: tuple[str, str, Any], status: int = 200) -> httpx.Response:
    frames = [f"id: {name}\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for name, kind, data in events]
    headers = {"content-type": "text/event-stream", "location": "/api/v1/sessions/s/turns/t"}
    return httpx.Response(status, content=("retry: 1500\n\n" + "".join(frames)).encode(), headers=headers)


async def read(*answers: httpx.Response, told: Told | None = None) -> tuple[list[Any], list[httpx.Request]]:
    left, asked = list(answers), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return left.pop(0)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://localhost:8000")
    client = Client(Wire(http, Bearer(), (told or Told()).patience(total_s=30.0)))
    return [event async for event in client.turns.stream("s", "look")], asked


WHOLE = [
    Begun("t", "s", "main", "t:1-0"),
    Sentence("One.", "t:2-0"),
    Sentence("Two.", "t:3-0"),
    Committed(TURN, "t:4-0"),
]  # type: ignore[arg-type]


async def test_a_stream_goes_on_after_the_last_event_and_waits_as_it_was_told() -> None:
    told = Told()
    events, asked = await read(stream(BEGUN, ONE), stream(TWO), stream(DONE, END), told=told)
    assert events == WHOLE
    assert told.waited == [1.5, 1.5]
    first, second, third = asked
    assert (first.method, first.url.path) == ("POST", "/api/v1/sessions/s/turns")
    assert {(each.method, each.url.path) for each in (second, third)} == {("GET", "/api/v1/sessions/s/turns/t/events")}
    assert [each.headers.get("last-event-id") for each in asked] == [None, "t:2-0", "t:3-0"]


async def test_what_is_told_again_is_no_news() -> None:
    """A server that begins anew, `metadata` without an id, a turn's end under another id once its stream has expired."""
    late = ("t:0-0", "committed", {"turn": TURN})
    anew = ("", "metadata", BEGUN[2])
    events, _ = await read(stream(BEGUN, ONE), stream(anew, ONE, TWO, DONE), stream(anew, late, END))
    assert events == WHOLE


async def test_what_a_newer_server_tells_besides_is_left_out() -> None:
    events, _ = await read(stream(BEGUN, ("t:1-1", "mood", {}), ONE, TWO, DONE, END))
    assert events == WHOLE


async def test_nothing_left_to_read_is_the_end() -> None:
    events, _ = await read(stream(BEGUN, ONE, TWO, DONE), httpx.Response(204))
    assert events == WHOLE


async def test_a_reader_that_failed_is_no_turn_that_failed() -> None:
    broken = ("", "error", {"code": "store_unavailable", "status": 503, "detail": "Redis is away"})
    events, asked = await read(stream(BEGUN, ONE, broken, ("", "end", {})), stream(TWO, DONE, END))
    assert events == WHOLE
    assert len(asked) == 2
    with pytest.raises(StoreUnavailable, match="Redis is away"):
        await read(*[stream(BEGUN, broken)] * 99)


@pytest.mark.parametrize(("code", "kind"), [("turn_cancelled", TurnCancelled), ("model_timeout", ModelTimeout)])
async def test_what_a_turn_ended_with_is_raised_with_its_help(code: str, kind: type[Exception]) -> None:
    ended = ("t:3-0", "error", {"code": code, "status": 409, "detail": "It ended", "help": {"tier": "crisis"}})
    with pytest.raises(kind) as failed:
        await read(stream(BEGUN, ONE, ended, END))
    assert getattr(failed.value, "help", None) == {"tier": "crisis"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(201, json=TURN),
        httpx.Response(200, text="<html>", headers={"content-type": "text/html"}),
        stream(("t:1-0", "sentence", ["no object"])),
        stream(("t:1-0", "committed", {"turn": {"turn_id": "t"}})),
    ],
)
async def test_what_is_no_stream_of_a_turn_is_foreign(answer: httpx.Response) -> None:
    with pytest.raises(ForeignAnswer):
        await read(answer)


async def test_a_stream_begins_though_its_model_is_still_thinking(engine: StoryEngine) -> None:
    """Else whoever takes it up would think that the server is dead."""
    model = ScriptedModel(answers=["<held> The range ticks."])
    engine.use_model("offline", model)
    session = (await engine.create("winter_light", seed=1))["session"]
    try:
        async with served(engine) as host, httpx.AsyncClient(base_url=f"http://{host}", timeout=60) as client:
            path = f"/api/v1/sessions/{session}/turns"
            queued = await client.post(path, json={"action": "wait"}, headers={"Prefer": "respond-async"})
            events = queued.json()["events"]
            async with client.stream("GET", events) as begun:
                first = await anext(line async for line in begun.aiter_lines() if line.startswith("id: "))
            last = first.removeprefix("id: ")
            async with client.stream("GET", events, headers={"Last-Event-ID": last}) as again:
                assert (again.status_code, model.go.is_set()) == (200, False)
                model.go.set()
                kinds = [line async for line in again.aiter_lines() if line.startswith("event: ")]
    finally:
        model.go.set()
    assert kinds[-2:] == ["event: committed", "event: end"]
