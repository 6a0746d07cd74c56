"""Every route, asked by everybody. A route that has no line in TABLE fails the test: say there whom it is for."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from cottage import begun
from doors import PASSWORD, SIGNED_WITH, Door, door
from fastapi import FastAPI
from starlette.routing import BaseRoute

from api.app import build_app
from api.auth.rules import AuthRules, read_rules
from api.auth.tokens import Tokens
from graphs.access import SCOPES
from graphs.access.roles import player_named
from graphs.engine import StoryEngine

LETS_IN = "lets in"
SESSION = "/api/v1/sessions/{session}"
PLAYER = "/api/v1/players/{player}"

OPEN, LOGIN, READ, PLAY, AUTHOR, METRICS, OPERATE = "open", "login", "read", "play", "author", "metrics", "operate"

TABLE: dict[tuple[str, str], str] = {
    ("GET", "/"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/docs/assets/{name}"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/health/live"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("POST", "/api/v1/auth/token"): OPEN,
    ("POST", "/api/v1/auth/revoke"): OPEN,
    ("GET", "/api/v1/auth/me"): LOGIN,
    ("GET", "/metrics"): METRICS,
    ("GET", "/api/v1/worlds"): READ,
    ("GET", "/api/v1/sessions"): READ,
    ("POST", "/api/v1/sessions"): PLAY,
    ("GET", SESSION): READ,
    ("PATCH", SESSION): PLAY,
    ("DELETE", SESSION): PLAY,
    ("POST", SESSION + "/pause"): PLAY,
    ("POST", SESSION + "/resume"): PLAY,
    ("GET", SESSION + "/facts"): AUTHOR,
    ("GET", SESSION + "/trace"): AUTHOR,
    ("GET", SESSION + "/turns/{turn_id}/trace"): AUTHOR,
    ("GET", SESSION + "/export"): READ,
    ("GET", SESSION + "/branches"): READ,
    ("POST", SESSION + "/branches"): PLAY,
    ("DELETE", SESSION + "/turns/{turn_id}"): PLAY,
    ("DELETE", SESSION + "/branches/{name}"): PLAY,
    ("POST", SESSION + "/branches/{name}/switch"): PLAY,
    ("POST", SESSION + "/undo"): PLAY,
    ("POST", SESSION + "/turns"): PLAY,
    ("GET", SESSION + "/turns"): READ,
    ("GET", SESSION + "/turns/{turn_id}"): READ,
    ("GET", SESSION + "/turns/{turn_id}/events"): READ,
    ("POST", SESSION + "/retry"): PLAY,
    ("POST", SESSION + "/agui"): PLAY,
    ("GET", PLAYER): READ,
    ("PATCH", PLAYER): PLAY,
    ("DELETE", PLAYER): PLAY,
    ("GET", PLAYER + "/progress"): READ,
    ("GET", PLAYER + "/export"): READ,
    ("POST", PLAYER + "/actions"): PLAY,
    ("GET", PLAYER + "/characters"): READ,
    ("POST", PLAYER + "/characters"): PLAY,
    ("GET", PLAYER + "/characters/{character}"): READ,
    ("PATCH", PLAYER + "/characters/{character}"): PLAY,
    ("DELETE", PLAYER + "/characters/{character}"): PLAY,
    ("WEBSOCKET", SESSION + "/play"): PLAY,
}
"""What each route needs: the scope, or nothing. Below a session it must also be one's own, or the scope be `operate`."""

ROLES = {
    "player": {READ, PLAY},
    "author": {READ, PLAY, AUTHOR},
    "operator": {READ, PLAY, AUTHOR, METRICS, OPERATE},
}
WITH = {READ: {READ}, PLAY: {READ, PLAY}, AUTHOR: {READ, AUTHOR}, METRICS: {METRICS}, OPERATE: ROLES["operator"]}


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Each method of each route, however deep it lies. What is neither route nor socket is told, so that it is noticed."""
    yield from _below(app.router.routes, "")


def _below(routes: "list[BaseRoute]", before: str) -> Iterator[tuple[str, str]]:
    for route in routes:
        found: Any = route
        path = before + getattr(found, "path", "")
        if original := getattr(found, "original_router", None):  # FastAPI includes a router as one route
            prefix = getattr(getattr(found, "include_context", None), "prefix", "")
            yield from _below(original.routes, before + prefix)
        elif hasattr(found, "routes"):
            yield from _below(found.routes, path)
        elif hasattr(found, "methods"):
            yield from ((method, path) for method in found.methods - {"HEAD"})
        else:
            yield ("WEBSOCKET", path)


def test_every_route_has_its_line() -> None:
    assert sorted(routes_of(build_app())) == sorted(TABLE)


@pytest.fixture
async def everybody(engine: StoryEngine) -> AsyncGenerator[Door]:
    """One of each role, `other` who has the sessions, a key of an operator for each scope, and somebody of another tenant."""
    async with door(engine) as opened:
        for name in (*ROLES, "other"):
            role: Any = name if name in ROLES else "player"
            await engine.access.accounts.create(name, PASSWORD, role=role)
            opened.tokens[name] = (await opened.login(name))["access_token"]
        for scope in SCOPES:
            _, opened.tokens[f"key {scope}"] = await engine.access.keys.create(
                f"key {scope}", role="operator", scopes=[scope]
            )
        elsewhere = AuthRules("local", "elsewhere", secret=SIGNED_WITH.encode())
        sid = Tokens(read_rules(engine.settings), engine).read(opened.tokens["player"])["sid"]
        opened.tokens["another tenant"] = Tokens(elsewhere, engine).make("player", sid=sid)
        yield opened


def may(who: str, need: str, path: str, *, own: bool) -> bool:
    """What the table says."""
    if need == OPEN:
        return True
    if who in ("nobody", "another tenant"):
        return False
    held = WITH[who.removeprefix("key ")] if who.startswith("key ") else ROLES[who]
    reach = need == LOGIN or need in held
    return reach and (own or OPERATE in held or ("{session}" not in path and "{player}" not in path))


async def outcome(opened: Door, method: str, path: str, who: str) -> str:
    """`lets in`, or the code of the problem that turned it away for who it is."""
    token = opened.tokens.get(who)
    if method == "WEBSOCKET":
        return await socket_outcome(opened, path, token)
    answer = await opened.ask(method, path, token, headers={"X-Request-ID": "roles-test"})
    code = answer.json()["code"] if answer.status_code >= 400 else ""
    turned_away = code in ("unauthorized", "forbidden", "unknown_session", "unknown_route")
    return code if turned_away else LETS_IN


async def socket_outcome(opened: Door, path: str, token: str | None) -> str:
    """As far as the handshake: a socket without a token is let in only to say who it is."""
    sent: list[Any] = []
    headers = [(b"host", b"localhost:8000"), *([(b"authorization", f"Bearer {token}".encode())] if token else [])]
    scope = {"type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    scope |= {"subprotocols": [], "extensions": {"websocket.http.response": {}}, "scheme": "ws", "root_path": ""}
    coming = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    app: Any = opened.client._transport
    await asyncio.wait_for(app.app(scope, receive, send), 10)
    told = b"".join(message.get("body", b"") for message in sent).decode()
    if sent[0]["type"] == "websocket.accept" and token:
        return LETS_IN
    codes = ("unauthorized", "forbidden", "unknown_session")
    return next((code for code in codes if f'"{code}"' in told), "unauthorized")


WHO = ["nobody", *ROLES, *(f"key {scope}" for scope in SCOPES), "another tenant"]


@pytest.mark.parametrize("who", WHO)
async def test_every_route_as_everybody(everybody: Door, engine: StoryEngine, who: str) -> None:
    me = player_named(who) if who.startswith("key ") else who.replace(" ", "-")
    wrong: list[str] = []
    for (method, template), need in TABLE.items():
        for own in (True, False) if "{session}" in template or "{player}" in template else (True,):
            session = await begun(engine, "", player=me if own else "other")
            path = (
                template.replace("{player}", me if own else "other")
                .replace("{session}", session)
                .replace("assets/{name}", "assets/start.js")
                .replace("{name}", "main")
                .replace("{character}", "nobody")
                .replace("{turn_id}", "root")
            )
            expected = may(who, need, template, own=own)
            found = await outcome(everybody, method, path, who)
            if (found == LETS_IN) != expected:
                wrong.append(f"{method} {template} ({'own' if own else 'another'}): {found}")
            if found == "forbidden" and may(who, need, template, own=True):
                wrong.append(f"{method} {template}: an id is confirmed to {who}")
    assert wrong == []


async def test_a_route_that_the_policy_does_not_know_is_the_operators(everybody: Door) -> None:
    transport: Any = everybody.client._transport

    @transport.app.get("/api/v1/new")
    async def new() -> str:
        return "new"

    assert (await everybody.get("/api/v1/new")).status_code == 401
    for who, status in (("player", 403), ("author", 403), ("key play", 403), ("operator", 200)):
        assert (await everybody.get("/api/v1/new", everybody.tokens[who])).status_code == status


async def test_traces_are_in_no_players_export(everybody: Door, engine: StoryEngine) -> None:
    for who, expected in (("player", False), ("author", True)):
        session = await begun(engine, "", player=who)
        await engine.act(session, "look")
        told = (await everybody.get(f"/api/v1/sessions/{session}/export", everybody.tokens[who])).text
        assert ('"trace"' in told) == expected
