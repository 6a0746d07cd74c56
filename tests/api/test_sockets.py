"""Play over a WebSocket: the same events in the same order, whatever breaks; refusals keep the connection and help."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import pytest
from cottage import begun
from fakes import ScriptedModel
from flight import broken_off, left_in_flight, sentence_of
from served import served
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import sockets, streams
from graphs.engine import StoryEngine

DANGER = "I want to end my life tonight"


@pytest.fixture
async def where(engine: StoryEngine) -> AsyncGenerator[str]:
    async with served(engine, send_buffer=4096) as address:
        yield address


def url(where: str, session: str) -> str:
    return f"ws://{where}/api/v1/sessions/{session}/play"


async def until_end(client: ClientConnection) -> list[dict[str, Any]]:
    """The events up to the next `end`."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["event"] != "end":
        events.append(json.loads(await asyncio.wait_for(client.recv(), 20)))
    return events


async def asked(client: ClientConnection, message: Any) -> list[dict[str, Any]]:
    await client.send(message if isinstance(message, str | bytes) else json.dumps(message))
    return await until_end(client)


async def test_a_turn_is_told_as_over_the_event_stream(engine: StoryEngine, where: str) -> None:
    session = await begun(engine, "")
    async with connect(url(where, session)) as client:
        events = await asked(client, {"type": "action", "action": "look", "turn_id": "turn-0001"})
        again = await asked(client, {"type": "action", "action": "wait"})
    stored = [event async for event in engine.events(session, "turn-0001")]
    assert [(event["id"], event["event"], event["data"]) for event in events] == [
        (event["id"], event["kind"], event["data"]) for event in stored
    ]
    assert [events[0]["event"], events[-2]["event"]] == ["metadata", "committed"]
    assert again[-2]["data"]["turn"]["number"] == 2


async def test_a_retry_is_another_turn_in_the_place_of_the_last(engine: StoryEngine, where: str) -> None:
    session = await begun(engine, "")
    async with connect(url(where, session)) as client:
        [*_, refused, _] = await asked(client, {"type": "retry"})
        first = (await asked(client, {"type": "action", "action": "look"}))[-2]["data"]["turn"]
        again = (await asked(client, {"type": "retry"}))[-2]["data"]["turn"]
    assert (refused["event"], refused["data"]["code"]) == ("error", "conflict")
    assert (again["number"], again["action"]) == (first["number"], first["action"])
    assert again["turn_id"] != first["turn_id"]


async def test_from_another_connection_one_can_cut_in(engine: StoryEngine, where: str) -> None:
    engine.use_model(
        "scripted", ScriptedModel(answers=["The range ticks. The cups hang still. <held> Rain falls.", "A cup falls."])
    )
    session = await begun(engine, "", model="scripted")
    async with connect(url(where, session)) as first, connect(url(where, session)) as second:
        await first.send(json.dumps({"type": "action", "action": "look", "turn_id": "turn-0001"}))
        await sentence_of(engine, session, await _accepted(engine, session))
        message = {"type": "action", "action": "wait", "multitask_strategy": "interrupt"}
        told = await asked(second, message)
        cut = await until_end(first)
    assert [cut[-2]["event"], cut[-2]["data"]["turn"]["turn_id"]] == ["committed", "turn-0001"]
    assert told[-2]["data"]["turn"]["parent"] == "turn-0001"


async def _accepted(engine: StoryEngine, session: str) -> str:
    """The id of the turn that is being played, once one is."""
    async with asyncio.timeout(30):
        while (accepted := await engine._runner(session).inbox.current()) is None:
            await asyncio.sleep(0.01)
    return accepted["turn_id"]


async def test_wherever_it_is_cut_each_event_comes_once_and_in_order(engine: StoryEngine, where: str) -> None:
    session = await begun(engine, "")
    async with connect(url(where, session)) as client:
        whole = await asked(client, {"type": "action", "action": "look", "turn_id": "turn-0001"})
    for cut in range(len(whole)):
        after = whole[cut]["id"]
        async with connect(url(where, session)) as client:
            rest = await asked(client, {"type": "resume", "turn_id": "turn-0001", "after": after})
        nothing = {"id": "", "event": "end", "data": {}, "turn_id": "turn-0001", "ref": ""}
        expected = whole[cut + 1 :] or [nothing]
        assert rest == expected


async def test_who_leaves_cancels_nothing(engine: StoryEngine, where: str) -> None:
    session = await begun(engine, "")
    async with connect(url(where, session)) as client:
        await client.send(json.dumps({"type": "action", "action": "look", "turn_id": "turn-0001"}))
        await asyncio.wait_for(client.recv(), 20)
    async with connect(url(where, session)) as client:
        events = await asked(client, {"type": "resume", "turn_id": "turn-0001"})
    assert events[-2]["data"]["turn"]["action"] == "look"


async def test_a_turn_whose_process_died_is_ended_for_whoever_resumes_it(engine: StoryEngine, where: str) -> None:
    engine.use_model("scripted", ScriptedModel(answers=["The range ticks. The cups hang still. <hang>"]))
    session = await begun(engine, "", model="scripted")
    turn_id, _ = await left_in_flight(engine, session, "look")
    engine.use_model("scripted", ScriptedModel(answers=["And the rain goes on."]))
    async with connect(url(where, session)) as client:
        told = await asked(client, {"type": "resume", "turn_id": turn_id})
    assert [event["event"] for event in told].count("committed") == 1
    assert told[-2]["data"]["turn"]["narration"].startswith("The range ticks.")


async def test_a_turn_whose_process_dies_while_it_is_told_is_ended(
    engine: StoryEngine, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.1)
    engine.use_model("scripted", ScriptedModel(answers=["The range ticks. The cups hang still. <hang>"]))
    session = await begun(engine, "", model="scripted")
    turn_id, task = await engine.start(session, "look")
    async with connect(url(where, session)) as client:
        await client.send(json.dumps({"type": "resume", "turn_id": turn_id}))
        while json.loads(await asyncio.wait_for(client.recv(), 20))["event"] != "sentence":
            pass
        await broken_off(task)
        engine.use_model("scripted", ScriptedModel(answers=["And the rain goes on."]))
        told = await until_end(client)
    assert [event["event"] for event in told].count("committed") == 1


REFUSED: list[tuple[str | bytes, str]] = [
    ("look", "invalid_json"),
    (b"\xff\xfe", "invalid_text"),
    ("[]", "invalid_request"),
    ('{"type": "dance"}', "invalid_request"),
    ('{"type": "action"}', "invalid_request"),
    ('{"type": "action", "action": "look", "speed": 9}', "invalid_request"),
    ('{"type": "action", "action": ""}', "invalid_action"),
    ('{"type": "resume", "turn_id": "never-was-one"}', "unknown_turn"),
    ('{"type": "action", "action": "' + "look " * 15_000 + '"}', "body_too_large"),
]


@pytest.mark.parametrize(("message", "code"), REFUSED, ids=[code for _, code in REFUSED])
async def test_a_refusal_keeps_the_connection(engine: StoryEngine, where: str, message: str | bytes, code: str) -> None:
    session = await begun(engine, "")
    async with connect(url(where, session)) as client:
        [error, _] = await asked(client, message)
        assert (error["event"], error["data"]["code"]) == ("error", code)
        assert error["data"]["request_id"]
        assert "help" not in error["data"]
        await client.send('{"type": "ping"}')
        assert json.loads(await client.recv())["event"] == "pong"


@pytest.mark.parametrize(
    "message",
    [
        DANGER,
        json.dumps({"type": "dance", "words": DANGER}),
        json.dumps({"type": "action", "action": f"{DANGER}. " + "look " * 3_000}),
        json.dumps({"type": "resume", "turn_id": "I-want-to-end-my-life"}),
        json.dumps({"type": "action", "action": f"{DANGER}. " + "look " * 20_000}),
        json.dumps({"type": "action", "action": f"{DANGER}. " + "look " * 100_000}),
        b"\xff\xfe" + DANGER.encode(),
    ],
    ids=["no json", "no such type", "too long", "as an id", "too large", "huge", "a mark before it"],
)
async def test_a_person_at_risk_gets_help_with_every_refusal(
    engine: StoryEngine, where: str, message: str | bytes
) -> None:
    session = await begun(engine, "")
    async with connect(url(where, session)) as client:
        [error, _] = await asked(client, message)
    assert error["event"] == "error"
    assert error["data"]["help"]["tier"] == "crisis"
    assert error["data"]["help"]["resources"]
    assert DANGER not in json.dumps(error)


async def test_a_crisis_is_answered_as_a_turn(engine: StoryEngine, where: str) -> None:
    session = await begun(engine, "")
    async with connect(url(where, session)) as client:
        events = await asked(client, {"type": "action", "action": DANGER})
        [paused, _] = await asked(client, {"type": "action", "action": "look"})
    assert events[-2]["data"]["turn"]["kind"] == "crisis"
    assert paused["data"]["code"] == "session_paused"


@pytest.mark.parametrize(
    ("session", "headers", "status"),
    [
        ("nobody", {}, 404),
        ("no%20id", {}, 404),
        ("", {"Origin": "https://elsewhere.example"}, 403),
        ("", {"Host": "elsewhere.example"}, 421),
        ("", {"X-Request-ID": DANGER}, 422),
    ],
)
async def test_who_may_not_connect_is_told_why(
    engine: StoryEngine, where: str, session: str, headers: dict[str, str], status: int
) -> None:
    known = await begun(engine, "")
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url(where, session or known), additional_headers=headers):
            pass
    assert caught.value.response.status_code == status
    told = json.loads(caught.value.response.body or b"{}")
    assert told["status"] == status
    assert ("help" in told) == (status == 422)


async def test_a_person_at_risk_at_a_wrong_address_gets_help(engine: StoryEngine, where: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url(where, "I%20want%20to%20end%20my%20life")):
            pass
    assert json.loads(caught.value.response.body or b"{}")["help"]["tier"] == "crisis"


async def test_nothing_is_compressed(engine: StoryEngine, where: str) -> None:
    """A small message could become a large one."""
    async with connect(url(where, await begun(engine, "")), compression="deflate") as client:
        assert client.response
        assert "sec-websocket-extensions" not in client.response.headers


async def test_a_page_of_this_server_may_connect(engine: StoryEngine, where: str) -> None:
    session = await begun(engine, "")
    async with connect(url(where, session), origin=f"http://{where}") as client:  # type: ignore[arg-type]
        assert (await asked(client, {"type": "action", "action": "look"}))[-1]["event"] == "end"


async def test_who_takes_nothing_is_let_go_and_told_why(
    engine: StoryEngine, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SEND_S", 0.3)
    engine.use_model("long", ScriptedModel(answers=["The long lamp burns, and the kettle is warm. " * 60]))
    session = await begun(engine, "", model="long")
    await engine.act(session, "look", turn_id="turn-0001")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", int(where.split(":")[1])))
    with capture_logs() as logs:
        async with connect(url(where, session), sock=slow, max_queue=1) as client:
            with suppress(ConnectionClosed):  # it may be let go before all is asked
                for _ in range(200):
                    await client.send(json.dumps({"type": "resume", "turn_id": "turn-0001"}))
            while not any(log["event"] == "request" for log in logs):
                await asyncio.sleep(0.05)
            with pytest.raises(ConnectionClosed):
                await all_of(client)
    assert (await engine.turn(session, "turn-0001"))["action"] == "look"


async def all_of(client: ClientConnection) -> None:
    while True:
        await asyncio.wait_for(client.recv(), 10)


@pytest.mark.parametrize("stuck", [False, True])
async def test_the_reason_of_letting_go_is_sent_if_it_can_be(stuck: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SEND_S", 0.01)
    told: list[tuple[int, str]] = []

    class Stuck:
        async def send_text(self, _: str) -> None:
            await asyncio.sleep(60)

        async def close(self, code: int, reason: str) -> None:
            told.append((code, reason))
            await asyncio.sleep(60 if stuck else 0)

    with pytest.raises(WebSocketDisconnect):
        await sockets._send_json(Stuck(), {"event": "end"})  # type: ignore[arg-type]
    assert [code for code, _ in told] == [sockets.TOO_SLOW]
    assert "resume" in told[0][1]
