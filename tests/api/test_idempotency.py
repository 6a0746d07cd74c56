"""A POST with an Idempotency-Key is done once, on whichever route, and answered as it was the first time."""

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from httpx import AsyncClient
from redis.exceptions import ConnectionError as RedisConnectionError
from repeated import DANGER, KEY, SESSIONS, WORLD, number, posts, refused, stored, told
from structlog.testing import capture_logs

from api.app import build_app
from api.auth.caller import KEY as CALLER
from api.auth.caller import Caller
from api.repeats import UNKEPT, plays_a_turn
from graphs.access.roles import SCOPES
from graphs.engine import StoryEngine


def run(words: str, id_: str = "run-0001") -> dict[str, Any]:
    """A run of AG-UI."""
    return {"threadId": "thread", "runId": id_, "messages": [{"id": "1", "role": "user", "content": words}]}


BODIES: dict[str, Any] = {
    SESSIONS: WORLD,
    f"{SESSIONS}/{{session}}/turns": {"action": "wait"},
    f"{SESSIONS}/{{session}}/agui": run("wait"),
    f"{SESSIONS}/{{session}}/branches": {"name": "harbour"},
    "/api/v1/players/{player}/actions": {"action": "wait"},
    "/api/v1/players/{player}/characters": {"name": "Wren"},
}
"""What a route must be sent; any other is sent an empty object."""

OTHERS: dict[str, Any] = {
    f"{SESSIONS}/{{session}}/turns": {"action": "look"},
    f"{SESSIONS}/{{session}}/agui": run("look", id_="run-0002"),
}
"""What it is sent next where an object with another field would not be played at all."""

PATHS = sorted(path for path in posts(build_app().routes) if not path.startswith(UNKEPT))


@pytest.fixture(autouse=True)
async def nothing_was_tried(engine: StoryEngine) -> None:
    """The tests of a module share a store."""
    await engine.repeats.remove()


def client_of(app: FastAPI) -> AsyncClient:
    return AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost:8000")


def test_the_routes_are_found() -> None:
    assert {SESSIONS, f"{SESSIONS}/{{session}}/undo", f"{SESSIONS}/{{session}}/turns"} <= set(PATHS)
    described = build_app().openapi()["paths"]
    assert {path for path, each in described.items() if "post" in each and not path.startswith(UNKEPT)} <= set(PATHS)


@pytest.mark.parametrize("path", PATHS)
async def test_every_post_is_done_once_and_answered_again(client: AsyncClient, session: str, path: str) -> None:
    at = path.replace(f"{SESSIONS}/{{session}}", session).replace("{name}", "late").replace("{player}", "me")
    body = BODIES.get(path, {})
    first = await client.post(at, json=body, headers=KEY)
    assert first.status_code < 300, f"{first.text}: say in BODIES what the route must be sent"
    assert "idempotent-replayed" not in first.headers
    before = (await client.get(session)).json(), (await client.get(f"{session}/branches")).json()
    for _ in range(2):
        again = await client.post(at, json=body, headers=KEY)
        assert told(again) == told(first)
        assert again.content == first.content or plays_a_turn(at), (
            "a turn comes from story memory: its fields are sorted"
        )
        assert again.headers["idempotent-replayed"] == "true"
    refused(await client.post(at, json=OTHERS.get(path, {"other": 1}), headers=KEY), 422, "key_reused")
    assert ((await client.get(session)).json(), (await client.get(f"{session}/branches")).json()) == before


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "keys",
    [[""], ["k" * 256], ["marmalade\x7f"], ["klé".encode()], ["a", "b"]],
    ids=["none", "long", "del", "é", "two"],
)
async def test_a_key_that_is_none_is_refused_everywhere(client: AsyncClient, path: str, keys: list[Any]) -> None:
    at = path.replace("{session}", "nobody").replace("{name}", "late")
    asked = await client.post(at, json=BODIES.get(path, {}), headers=[("Idempotency-Key", key) for key in keys])
    problem = refused(asked, 422, "invalid_request")
    assert problem["place"] == "header.idempotency-key"
    assert "marmalade" not in asked.text


async def test_what_is_secret_is_not_kept(engine: StoryEngine) -> None:
    app, done = build_app(engine=engine), list[int]()

    @app.post(f"{UNKEPT}other")
    @app.post("/api/v1/keys")
    async def give(response: Response) -> dict[str, str]:
        done.append(1)
        response.headers["Cache-Control"] = "no-store"
        return {"token": "quince"}

    async def kept() -> list[str]:
        redis: Any = engine._stores.redis
        return [(await redis.get(key)).decode() async for key in redis.scan_iter(match="tta:1:repeat:*")]

    async with client_of(app) as client:
        for count in (1, 2):
            assert (await client.post(f"{UNKEPT}other", json={"pass" + "word": "pear"}, headers=KEY)).status_code == 200
            assert (len(done), await kept()) == (count, [])
        assert (await client.post("/api/v1/keys", headers=KEY)).json() == {"token": "quince"}
        refused(await client.post("/api/v1/keys", headers=KEY), 409, "answer_not_kept")
        assert len(done) == 3
        (record,) = await kept()
        assert json.loads(record)["answer"][2] is None


async def test_a_route_that_comes_later_needs_no_line_of_its_own(engine: StoryEngine) -> None:
    app, done = build_app(engine=engine), list[int]()

    @app.post("/api/v1/counted", status_code=202)
    async def count() -> dict[str, int]:
        done.append(1)
        return {"count": len(done)}

    @app.post("/api/v1/streamed")
    async def stream() -> StreamingResponse:
        done.append(1)
        return StreamingResponse(iter(["data: 1\n\n", "data: 2\n\n"]), media_type="text/event-stream")

    async with client_of(app) as client:
        answers = [await client.post("/api/v1/counted", headers=KEY) for _ in range(3)]
        assert [(each.status_code, each.json()) for each in answers] == [(202, {"count": 1})] * 3
        assert (await client.post("/api/v1/counted")).json() == {"count": 2}
        assert (await client.post("/api/v1/streamed", headers=KEY)).text == "data: 1\n\ndata: 2\n\n"
        refused(await client.post("/api/v1/streamed", headers=KEY), 409, "answer_not_kept")
    assert len(done) == 3


async def test_twenty_at_once_begin_one_session(
    client: AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, create, go = set(await stored(engine)), engine.create, asyncio.Event()

    async def slowly(*args: Any, **options: Any) -> Any:
        await go.wait()
        return await create(*args, **options)

    monkeypatch.setattr(engine, "create", slowly)
    tasks = [asyncio.create_task(client.post(SESSIONS, json=WORLD, headers=KEY)) for _ in range(20)]
    async with asyncio.timeout(60):
        while sum(task.done() for task in tasks) < 19:
            await asyncio.sleep(0.01)
    go.set()
    answers = await asyncio.gather(*tasks)
    (won,) = [each for each in answers if each.status_code == 201]
    for each in answers:
        if each is not won:
            refused(each, 409, "request_in_progress")
            assert each.headers["retry-after"] == "1"
    again = await client.post(SESSIONS, json=WORLD, headers=KEY)
    assert told(again) == told(won)
    assert set(await stored(engine)) - before == {won.json()["session"]}


async def test_a_key_belongs_to_one_path_one_query_and_one_caller(
    engine: StoryEngine, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def welcome(scope: Any) -> None:
        name = httpx.Headers(scope["headers"]).get("x-caller", "player")
        scope[CALLER] = Caller(name, "operator", frozenset(SCOPES), "local")

    monkeypatch.setattr("api.auth.policy._welcome", welcome)
    app = build_app(engine=engine)
    async with client_of(app) as client:
        assert (await client.post(f"{session}/undo", headers=KEY)).json()["position"]["turn"] == 2
        assert (await client.post(f"{session}/resume", headers=KEY)).json()["position"]["turn"] == 2
        refused(await client.post(f"{session}/undo?x=1", headers=KEY), 422, "key_reused")
        ann, bob, again = [
            (await client.post(f"{session}/undo", headers={**KEY, "X-Caller": who})).json()["position"]["turn"]
            for who in ("ann", "bob", "ann")
        ]
        assert (ann, bob, again) == (1, 0, 1)


async def test_what_was_refused_can_be_corrected_under_the_same_key(client: AsyncClient, session: str) -> None:
    assert (await client.post(SESSIONS, json={"world": "nite_train"}, headers=KEY)).json()["code"] == "unknown_world"
    assert (await client.post(SESSIONS, json=WORLD, headers=KEY)).status_code == 201
    turns = {"Idempotency-Key": "quince"}
    assert (await client.post(f"{session}/turns", json={"action": " "}, headers=turns)).status_code == 422
    assert (await client.post(f"{session}/turns", json={"action": "wait"}, headers=turns)).status_code == 201


async def test_an_answer_that_is_too_large_is_sent_once_and_nothing_is_done_again(
    client: AsyncClient, engine: StoryEngine, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("api", "graphs"):
        monkeypatch.setattr(f"{place}.repeats.LARGEST", 100)
    first = await client.post(f"{session}/undo", headers=KEY)
    assert (first.status_code, first.json()["position"]["turn"]) == (200, 2)
    refused(await client.post(f"{session}/undo", headers=KEY), 409, "answer_not_kept")
    assert await number(client, session) == 2


async def test_a_store_that_is_gone_refuses_before_anything_is_done(
    client: AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any, **__: Any) -> Any:
        raise RedisConnectionError("redis://:password@host")

    before = set(await stored(engine))
    with monkeypatch.context() as patched:
        patched.setattr(engine._stores.redis, "execute_command", gone)
        failed = await client.post(SESSIONS, json=WORLD, headers=KEY)
        refused(failed, 503, "store_unavailable")
        assert failed.headers["retry-after"] == "1"
        assert "password" not in failed.text
    assert set(await stored(engine)) == before
    assert (await client.post(SESSIONS, json=WORLD, headers=KEY)).status_code == 201


async def test_no_one_in_danger_is_only_told_that_the_key_is_taken(
    client: AsyncClient, engine: StoryEngine, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, act, reached, go = "/api/v1/players/me/actions", engine.act, asyncio.Event(), asyncio.Event()
    cry = {"action": DANGER}

    async def slowly(*args: Any, **options: Any) -> Any:
        reached.set()
        await go.wait()
        return await act(*args, **options)

    monkeypatch.setattr(engine, "act", slowly)
    first = asyncio.create_task(client.post(at, json=cry, headers=KEY))
    async with asyncio.timeout(60):
        await reached.wait()
    told_so = await client.post(at, json=cry, headers=KEY)
    assert refused(told_so, 409, "request_in_progress")["help"]["resources"]
    other = await client.post(at, json={"action": f"{DANGER}, really"}, headers=KEY)
    assert refused(other, 422, "key_reused")["help"]["resources"]
    go.set()
    assert (await first).json()["kind"] == "crisis"
    await engine.resume(session.rpartition("/")[2])
    played = await client.post(f"{session}/turns", json={"action": "wait"}, headers=KEY)
    assert played.status_code == 201
    other = await client.post(f"{session}/turns", json={"action": DANGER}, headers=KEY)
    assert refused(other, 422, "key_reused")["help"]["resources"]
    assert DANGER not in other.text + told_so.text


async def test_neither_keys_nor_bodies_are_logged(
    client: AsyncClient, session: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged:
        for body in ({"name": "thistledown"}, {"name": "thistledown"}, {"name": "zebrafinch"}):
            await client.post(f"{session}/branches", json=body, headers=KEY)
    assert [line["status"] for line in logged] == [201, 201, 422]
    for word in ("marmalade", "thistledown", "zebrafinch"):
        assert word not in str(logged) + caplog.text


async def test_a_deleted_session_takes_its_answers_along(client: AsyncClient, engine: StoryEngine) -> None:
    made = (await client.post(SESSIONS, json=WORLD, headers=KEY)).json()["session"]
    path, name = f"{SESSIONS}/{made}", engine.repeats.name
    for at, body in (("turns", {"action": "wait"}), ("branches", {"name": "late"}), ("undo", {}), ("resume", {})):
        assert (await client.post(f"{path}/{at}", json=body, headers=KEY)).status_code < 300
    acting = "/api/v1/players/player/actions"
    acted = await client.post(acting, json={"action": "wait"}, headers=KEY)
    assert acted.headers["location"] == f"{path}/turns/{acted.json()['turn_id']}"
    asking = " ".join(["local", "local", "player", "operator", *sorted(SCOPES)])
    names = [
        name(asking, "POST", at, KEY["Idempotency-Key"]) for at in (SESSIONS, f"{path}/undo", f"{path}/resume", acting)
    ]
    redis: Any = engine._stores.redis
    assert await redis.exists(*map(engine.repeats._key, names)) == 4
    await client.delete(path)
    assert await redis.exists(*map(engine.repeats._key, names)) == 0
    assert not [key async for key in redis.scan_iter(match=f"*{made}*")]


async def test_every_post_is_described_with_its_key(client: AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert "Idempotent-Replayed" in described["info"]["description"]
    paths = described["paths"].items()
    operations = [each["post"] for path, each in paths if "post" in each and not path.startswith(UNKEPT)]
    assert operations
    for operation in operations:
        (key,) = [each for each in operation["parameters"] if each["name"].lower() == "idempotency-key"]
        assert (key["in"], key["required"], key["schema"]["maxLength"]) == ("header", False, 255)
        for status in ("409", "422"):
            assert "Idempotency-Key" in operation["responses"][status]["description"]
            assert "application/problem+json" in operation["responses"][status]["content"]
