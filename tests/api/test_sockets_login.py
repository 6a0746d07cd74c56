"""A socket needs a login, too: as a header, as a subprotocol, or said first; and it must be the player's own session."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from cottage import begun
from doors import PASSWORD, Door, door
from fakes import ScriptedModel
from served import served
from structlog.testing import capture_logs
from test_sockets import DANGER, asked, until_end, url
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import sockets
from graphs.engine import StoryEngine

LOOK = {"type": "action", "action": "look"}


@pytest.fixture
async def closed(engine: StoryEngine) -> AsyncGenerator[tuple[Door, str]]:
    async with door(engine) as opened, served(engine) as where:
        for name in ("anna", "berta"):
            await engine.access.accounts.create(name, PASSWORD)
            opened.tokens[name] = (await opened.login(name))["access_token"]
        yield opened, where


async def test_a_token_as_a_header_or_as_a_subprotocol(closed: tuple[Door, str], engine: StoryEngine) -> None:
    opened, where = closed
    session, token = await begun(engine, "", player="anna"), opened.tokens["anna"]
    ways: list[dict[str, Any]] = [
        {"additional_headers": {"Authorization": f"Bearer {token}"}},
        {"subprotocols": ["tta", f"bearer.{token}"]},
    ]
    for way in ways:
        async with connect(url(where, session), **way) as client:
            assert (await asked(client, LOOK))[-2]["event"] == "committed"
            assert token not in str(client.response.headers)  # type: ignore[union-attr]
            assert client.subprotocol == ("tta" if "subprotocols" in way else None)


async def test_a_token_that_is_said_first(closed: tuple[Door, str], engine: StoryEngine) -> None:
    opened, where = closed
    session = await begun(engine, "", player="anna")
    async with connect(url(where, session)) as client:
        await client.send(json.dumps({"type": "auth", "token": opened.tokens["anna"]}))
        assert json.loads(await client.recv())["event"] == "welcome"
        assert (await asked(client, LOOK))[-2]["event"] == "committed"


@pytest.mark.parametrize("way", ["header", "subprotocol"])
@pytest.mark.parametrize(("who", "status"), [("berta", 404), ("nobody", 401)])
async def test_whose_token_does_not_fit_is_not_connected(
    closed: tuple[Door, str], engine: StoryEngine, way: str, who: str, status: int
) -> None:
    opened, where = closed
    session, token = await begun(engine, "", player="anna"), opened.tokens.get(who, "forged.token.of")
    ways = {"header": {"additional_headers": {"Authorization": f"Bearer {token}"}}}
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url(where, session), **ways.get(way, {"subprotocols": ["tta", f"bearer.{token}"]})):  # type: ignore[arg-type]
            pass
    assert caught.value.response.status_code == status


FIRST: list[tuple[str, str]] = [
    (json.dumps({"type": "auth", "token": "forged"}), "unauthorized"),
    (json.dumps({"type": "auth", "token": "BERTA"}), "unknown_session"),
    (json.dumps({"type": "auth"}), "unauthorized"),
    (json.dumps(LOOK), "unauthorized"),
    (json.dumps({"type": "action", "action": DANGER}), "unauthorized"),
    ("look", "invalid_json"),
]


@pytest.mark.parametrize(("message", "code"), FIRST)
async def test_another_first_message_lets_nobody_in_and_tells_nothing(
    closed: tuple[Door, str], engine: StoryEngine, message: str, code: str
) -> None:
    opened, where = closed
    known = await begun(engine, "", player="anna")
    told = []
    for session in (known, "nobody"):
        async with connect(url(where, session)) as client:
            await client.send(message.replace("BERTA", opened.tokens["berta"]))
            [error, _] = await until_end(client)
            told.append({key: error["data"].get(key) for key in ("code", "title", "status", "cure", "help")})
            with pytest.raises(ConnectionClosed) as caught:
                await asyncio.wait_for(client.recv(), 10)
            assert caught.value.rcvd
            assert caught.value.rcvd.code == sockets.NOT_KNOWN
    assert told[0] == told[1]
    assert told[0]["code"] == code
    assert (told[0]["help"] is not None) == (DANGER in message)
    assert await engine.turns(known) == []


async def test_who_says_nothing_is_let_go(
    closed: tuple[Door, str], engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "AUTH_S", 0.05)
    async with connect(url(closed[1], await begun(engine, "", player="anna"))) as client:
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(client.recv(), 10)
        assert caught.value.rcvd
        assert caught.value.rcvd.code == sockets.NOT_KNOWN


@pytest.mark.parametrize("first", [False, True])
async def test_a_connection_does_not_outlive_its_login(
    closed: tuple[Door, str], engine: StoryEngine, first: bool
) -> None:
    opened, where = closed
    session, token = await begun(engine, "", player="anna"), opened.tokens["anna"]
    headers = {} if first else {"Authorization": f"Bearer {token}"}
    async with connect(url(where, session), additional_headers=headers) as client:
        if first:
            await client.send(json.dumps({"type": "auth", "token": token}))
            await client.recv()
        assert (await asked(client, LOOK))[-2]["event"] == "committed"
        await engine.access.accounts.set_password("anna", PASSWORD + "!")
        [error, _] = await asked(client, LOOK)
        assert error["data"]["code"] == "unauthorized"
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(client.recv(), 10)
    assert len(await engine.turns(session)) == 1


async def test_what_is_told_ends_with_the_login_and_nobody_is_told_of_a_fault(
    closed: tuple[Door, str], engine: StoryEngine
) -> None:
    opened, where = closed
    model = ScriptedModel(answers=["The range ticks. The cups hang still. <held> Rain falls."])
    engine.use_model("scripted", model)
    session = await begun(engine, "", player="anna", model="scripted")
    headers = {"Authorization": f"Bearer {opened.tokens['anna']}"}
    with capture_logs() as logs:
        async with connect(url(where, session), additional_headers=headers) as client:
            await client.send(json.dumps({**LOOK, "ref": "told"}))
            while json.loads(await asyncio.wait_for(client.recv(), 30))["event"] != "sentence":
                pass
            await engine.access.accounts.set_password("anna", PASSWORD + "!")
            for number in range(3):
                await client.send(json.dumps({"type": "action", "action": DANGER, "ref": str(number)}))
            model.go.set()
            told = list[dict[str, Any]]()
            with pytest.raises(ConnectionClosed) as caught:
                await kept(client, told)
        while not any(log["event"] == "request" for log in logs):
            await asyncio.sleep(0.01)
    assert caught.value.rcvd
    assert caught.value.rcvd.code == sockets.NOT_KNOWN
    refused = [frame for frame in told if frame["event"] == "error"]
    assert [frame["data"]["code"] for frame in refused] == ["unauthorized"]
    assert refused[0]["data"]["help"]["tier"] == "crisis"
    assert [log for log in logs if log["log_level"] == "error"] == []


async def kept(client: ClientConnection, frames: list[dict[str, Any]]) -> None:
    """All that comes, until the connection is closed."""
    while True:
        frames.append(json.loads(await asyncio.wait_for(client.recv(), 30)))
