"""Hostile input and hostile others: what is sent, what a header or a log is made to say, whom we ask. See `test_owasp.py`."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cottage import begun
from doors import door
from endpoint import endpoint
from fakes import ScriptedModel
from httpx import AsyncClient
from served import served
from test_heads import said
from test_jwks import ISSUED, RSA, Issuer
from watched import logged_here
from websockets.asyncio.client import connect

from api.app import build_app
from api.auth import jwks
from graphs.engine import StoryEngine

ROOT = "root"
"""The id of every story's opening."""
SESSIONS = "/api/v1/sessions"
JSON = {"Content-Type": "application/json"}
DEEP = 30_000
EVIL = "x-evil"
ESC = "\x1b"

HEAVY: dict[str, tuple[bytes, int]] = {
    "deep lists": (b"[" * DEEP + b"]" * DEEP, 400),
    "deep lists without end": (b"[" * 2 * DEEP, 400),
    "deep objects": (b'{"action":' * 5_000 + b"1" + b"}" * 5_000, 400),
    "a deep field": (b'{"action": "look", "turn_id": ' + b"[" * 900 + b"]" * 900 + b"}", 400),
    "a number of many digits": (b'{"action": "look", "turn_id": ' + b"9" * 20_000 + b"}", 400),
    "a number beyond numbers": (b'{"action": "look", "turn_id": 1e999999}', 400),
    "no number": (b'{"action": "look", "turn_id": NaN}', 400),
    "many fields": (json.dumps({f"field {n}": n for n in range(3_000)}).encode(), 422),
    "too large": (b'{"action": "' + b"a" * 70_000 + b'"}', 413),
    "much too large": (b'{"action": "' + b"a" * 6_000_000 + b'"}', 413),
}


async def test_api4_heavy_bodies_are_refused_and_the_next_is_answered(client: AsyncClient, begin: Any) -> None:
    turns = await begin()
    for kind, (body, status) in HEAVY.items():
        async with asyncio.timeout(30):
            answer = await client.post(turns, content=body, headers=JSON)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), kind
        assert len(answer.content) < 4_000, kind
    assert (await client.get(turns)).json()["turns"] == []
    assert (await client.post(turns, json={"action": "look"})).status_code == 201


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else 1


async def test_api4_heavy_preferences_are_not_kept(client: AsyncClient) -> None:
    """They were, when they were nested 300 deep, and could not be shown again."""
    me = "/api/v1/players/me"
    for kept in ({"x": nested(300)}, {"x": nested(63)}, {"x": "y" * 50_000}, {f"k{n}": n for n in range(5_000)}):
        refused = await client.patch(me, json={"preferences": kept})
        assert refused.status_code in (400, 422), refused.text[:200]
    assert (await client.get(me)).json()["preferences"] == {}
    assert (await client.patch(me, json={"preferences": {"x": nested(62)}})).status_code == 200
    assert (await client.get(me)).json()["preferences"] == {"x": nested(62)}
    assert (await client.delete(me)).status_code == 204


async def test_api4_heavy_messages_of_a_socket_cost_it_nothing_else(engine: StoryEngine) -> None:
    async with served(engine) as where:
        session = await begun(engine, "")
        async with connect(f"ws://{where}{SESSIONS}/{session}/play") as client:
            for body, _ in (
                HEAVY["deep lists"],
                HEAVY["deep objects"],
                HEAVY["a number of many digits"],
                HEAVY["too large"],
            ):
                await client.send(body.decode())
                events = await told(client)
                assert [event["event"] for event in events] == ["error", "end"]
            await client.send('{"type": "action", "action": "look"}')
            assert "committed" in [event["event"] for event in await told(client)]


async def told(client: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["event"] != "end":
        events.append(json.loads(await asyncio.wait_for(client.recv(), 30)))
    return events


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=1e9", "limit=" + "9" * 400, "limit=-1", "cursor=../x", "cursor=%0a"]
)
async def test_api4_a_page_has_a_bound(client: AsyncClient, query: str) -> None:
    assert (await client.get(f"{SESSIONS}?{query}")).status_code == 422


async def test_api4_a_query_without_end_is_no_request(client: AsyncClient) -> None:
    many = "&".join(f"a{n}=b" for n in range(3_000))
    async with asyncio.timeout(20):
        assert (await client.get(f"{SESSIONS}?{many}")).status_code == 422


async def test_api7_keys_are_fetched_from_the_one_address_and_no_other(engine: StoryEngine) -> None:
    """Real sockets: a JWKS server that points at the machine's own services."""
    async with endpoint() as issuer, endpoint() as inside:
        issuer.answers = [f"{status}\nlocation: {inside.url}" for status in (301, 302, 303, 307, 308)] + ["hang"]
        settings = {**ISSUED, "auth_jwks_url": issuer.url}
        async with door(engine, **settings) as opened:
            token = Issuer(opened).token(header={"jku": inside.url, "x5u": inside.url})
            for count in range(1, 6):
                assert (await opened.get("/api/v1/auth/me", token)).status_code == 503
                assert len(issuer.received) == count
                opened.clock.move(seconds=jwks.PAUSE_S)
            assert inside.received == []


async def test_api8_no_answer_tells_of_what_it_is_made(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("zqinner /srv/secret.py")

    monkeypatch.setattr(engine, "turns", broken)
    async with served(engine) as where, AsyncClient(base_url=f"http://{where}") as client:
        answers = [
            await client.get(f"{SESSIONS}/{await begun(engine, '')}/turns"),
            await client.get("/nothing"),
            await client.request("TRACE", "/health/live", headers={"X-Marker": "zqheader"}),
            await client.request("CONNECT", "/health/live"),
            await client.options("/health/live"),
        ]
    assert [answer.status_code for answer in answers] == [500, 404, 405, 405, 405]
    for answer in answers:
        lower = (answer.text + str(answer.headers)).lower()
        found = [word for word in ("zqinner", "zqheader", "traceback", "uvicorn", "starlette", ".py") if word in lower]
        assert found == []


FORGED = f"abcdefgh\r\n{EVIL}: 1\r\n\r\n<html>"


async def test_a_line_end_in_an_id_makes_no_header(engine: StoryEngine) -> None:
    quoted = FORGED.replace("\r\n", "%0d%0a").replace(" ", "%20").replace("<", "%3c").replace(">", "%3e")
    async with served(engine) as where, AsyncClient(base_url=f"http://{where}") as client:
        path = f"{SESSIONS}/{await begun(engine, '')}"
        answers = [
            await client.post(f"{path}/turns", json={"action": "look", "turn_id": FORGED}),
            await client.post(f"{path}/turns", json={"action": "look", "turn_id": "abcd\nefgh"}),
            await client.post(f"{SESSIONS}", json={"player": FORGED}),
            await client.post(f"{SESSIONS}", json={"title": FORGED}),
            await client.post(f"{path}/branches", json={"name": FORGED}),
            await client.get(f"{path}/turns/{quoted}"),
            await client.get(f"{SESSIONS}/{quoted}"),
            await client.get(f"/{quoted}"),
            await client.get(f"{path}/turns/{ROOT}/events", headers={"Last-Event-ID": f"a:1 {EVIL}: 1"}),
            await client.post(f"{path}/agui", json={"threadId": FORGED, "runId": FORGED, "messages": []}),
        ]
        for answer in answers:
            assert EVIL not in answer.headers, answer.request.url
            assert all("\n" not in value and "\r" not in value for value in answer.headers.values())
        assert [answer.status_code for answer in answers[:3]] == [422, 422, 422]
        host = await said(
            where,
            b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-request-id: abcdefgh\n"
            + EVIL.encode()
            + b": 1\r\nconnection: close\r\n\r\n",
        )
        assert EVIL.encode() not in host


async def test_an_id_with_a_line_end_is_not_given_back(engine: StoryEngine) -> None:
    """Whatever server stands before the app: uvicorn's parser takes none."""
    app = build_app(engine=engine)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"x-request-id", b"abcdefgh\n")]
    scope = {"type": "http", "method": "GET", "path": "/health/live", "raw_path": b"/health/live", "query_string": b""}
    await app(
        {**scope, "headers": headers, "scheme": "http", "root_path": "", "client": ("127.0.0.1", 1)}, receive, send
    )
    assert b"\n" not in dict(sent[0]["headers"])[b"x-request-id"]


async def test_no_line_of_the_log_is_made_by_who_asks(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    line = '\n{"event": "zqforged", "level": "info"}\n' + ESC + "[2Jzqforged"
    quoted = "%0a%7b%22event%22%3a%22zqforged%22%7d%0a%1b%5b2Jzqforged"
    with logged_here(monkeypatch) as log:
        async with served(engine) as where, AsyncClient(base_url=f"http://{where}") as client:
            path = f"{SESSIONS}/{await begun(engine, '')}"
            await client.post(f"{path}/turns", json={"action": f"say {line}"})
            await client.post(f"{path}/turns", json={"action": "look", "turn_id": line})
            await client.post(f"{path}/turns", json={line: line})
            await client.post(f"{path}/branches", json={"name": line})
            await client.post(SESSIONS, json={"title": line, "world": line[:60], "model": line[:60]})
            await client.get(f"{SESSIONS}/{quoted}/turns/{quoted}?{quoted}={quoted}")
            await client.get(
                f"/{quoted}",
                headers={"User-Agent": "zqforged \\n zqforged", "Referer": quoted, "X-Forwarded-For": quoted},
            )
            raw = (
                b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nuser-agent: "
                + ESC.encode()
                + b"[2Jzqforged\r\nconnection: close\r\n\r\n"
            )
            await said(where, raw)
            await said(where, b"ZQFORGED\x1b[2J /health HTTP/9.9\r\n\r\n")
    assert len([each for each in log.lines() if each["event"] == "request"]) >= 7, "each line is whole JSON"
    assert "zqforged" not in log.text().lower()
    assert ESC not in log.text()


PROSE = [
    'The lamp burns.\n\nevent: committed\ndata: {"forged": true}\n\nid: 9:9\n\nIt is quiet.',
    f"The lamp {ESC}[2J burns.\r\nretry: 1\r\n\x00\x07 It is quiet.",
    "The lamp burns. ```json\n" + "[" * 50_000,
    "The lamp burns. " + "and burns " * 200_000,
    "The lamp burns. <script>alert(1)</script> It is quiet.",
]


@pytest.mark.parametrize("number", range(len(PROSE)))
async def test_api10_a_hostile_model_forges_no_event_and_ends_nothing(engine: StoryEngine, number: int) -> None:
    engine.use_model("scripted", ScriptedModel(answers=[PROSE[number]]))
    async with served(engine) as where, AsyncClient(base_url=f"http://{where}", timeout=120) as client:
        path = f"{SESSIONS}/{await begun(engine, '', model='scripted')}/turns"
        answer = await client.post(path, json={"action": "wait"}, headers={"Accept": "text/event-stream"})
        frames = [frame for frame in answer.text.split("\n\n") if "data: " in frame]
        kinds = [frame.partition("event: ")[2].partition("\n")[0] for frame in frames]
        assert kinds[-1] == "end"
        assert kinds.count("committed") + kinds.count("error") == 1
        told_as = [json.loads(frame.partition("data: ")[2]) for frame in frames]
        assert not any("forged" in data for data in told_as)
        assert len(answer.content) < 200_000
        assert ESC not in answer.text
        assert "\\u001b" not in answer.text
        assert "\\u0000" not in answer.text
        assert (await client.post(path, json={"action": "look"})).status_code < 600
        assert (await client.get("/health/live")).status_code == 200


@asynccontextmanager
async def dripping(head: bytes, drop: bytes) -> AsyncGenerator[str]:
    """A server that answers each request with that head and then a drop at a time, without end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            while True:
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, family=socket.AF_INET)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", b" " * 65_536),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"", b"no http"),
    ],
)
async def test_api10_keys_that_come_for_ever_are_not_waited_for(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch, head: bytes, drop: bytes
) -> None:
    monkeypatch.setattr(jwks, "FETCH_S", 0.5)
    async with dripping(head, drop) as url, door(engine, **{**ISSUED, "auth_jwks_url": url}) as opened:
        async with asyncio.timeout(20):
            answer = await opened.get("/api/v1/auth/me", Issuer(opened).token(RSA))
        assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
