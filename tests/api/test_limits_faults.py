"""Limits where something goes wrong: Redis is gone or hangs, a process dies, what was begun comes to nothing."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from cottage import begun
from metered import DANGER, EVENTS, LOOK, metered, refused, turns_of, until
from redis_servers import Server, running
from repeated import KEY, died

from agents.errors import Conflict
from api import tolls
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings


async def test_a_session_that_could_not_be_begun_is_given_back(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with metered(engine, sessions="1/hour") as client:
        with monkeypatch.context() as patched:
            patched.setattr(engine, "create", somebody_was_first)
            assert (await client.post("/api/v1/sessions", json={"seed": 1})).status_code == 409
        assert (await client.post("/api/v1/sessions", json={"seed": 1})).status_code == 201


async def somebody_was_first(*_: Any, **__: Any) -> Any:
    raise Conflict("somebody else was first")


async def test_a_session_that_a_process_has_begun_before_it_died_is_paid_for(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with metered(engine, sessions="1/hour") as client:
        await engine.repeats.remove()
        await died(client, monkeypatch, "/api/v1/sessions", {"seed": 1})
        assert (await client.post("/api/v1/sessions", json={"seed": 1}, headers=KEY)).status_code == 201
        refused(await client.post("/api/v1/sessions", json={"seed": 1}), "sessions")


async def test_two_engines_on_one_redis_share_a_limit(engine: StoryEngine, data_dir: Path) -> None:
    paths = [await turns_of(engine) for _ in range(12)]
    async with (
        open_engine(read_settings(data_dir=data_dir)) as second,
        metered(engine, turns="5/hour") as here,
        metered(second, turns="5/hour") as there,
    ):
        clients = [here, there] * 6
        answers = await asyncio.gather(*(each.post(path, json=LOOK) for each, path in zip(clients, paths, strict=True)))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [429] * 7


async def test_without_redis_nothing_is_written_and_who_is_at_risk_is_helped(tmp_path: Path) -> None:
    server = Server(tmp_path)
    limits = {"limit_requests": "1000/hour", "limit_turns": "10/hour", "limit_sessions": "9/hour"}
    settings = read_settings(data_dir=tmp_path / "data", redis_url=server.url, linger_s=0.2, **limits)
    with running(server):
        async with open_engine(settings) as engine:
            turns = await turns_of(engine)
            session = turns.removesuffix("/turns")
            async with metered(engine) as client:
                assert (await client.post(turns, json=LOOK)).status_code == 201
                server.kill()
                for method, path, body in (
                    ("POST", turns, LOOK),
                    ("POST", "/api/v1/sessions", {"seed": 1}),
                    ("PATCH", session, {"title": "A walk"}),
                    ("DELETE", session, None),
                    ("POST", "/api/v1/worlds/validate", {}),
                ):
                    answer = await client.request(method, path, json=body)
                    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable"), (method, path)
                    assert answer.headers["retry-after"] == "1"
                    assert "help" not in answer.json()
                for headers in ({}, EVENTS):
                    answer = await client.post(turns, json={"action": DANGER}, headers=headers)
                    assert (answer.status_code, answer.json()["help"]["tier"]) == (503, "crisis")
                for path in ("/api/v1/worlds", session, turns, "/health/live"):
                    assert (await client.get(path)).status_code == 200, path
                server.start()
                assert (await client.post(turns, json={"action": "wait"})).json()["number"] == 2


async def test_a_redis_that_hangs_stops_what_writes_and_not_what_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path)
    settings = read_settings(data_dir=tmp_path / "data", redis_url=server.url, linger_s=0.2)
    with running(server):
        async with open_engine(settings) as engine:
            turns = await turns_of(engine)
            async with metered(engine, requests="1000/hour") as client:
                monkeypatch.setattr(tolls, "ASKED_S", 0.2)
                assert server.process
                server.process.send_signal(signal.SIGSTOP)
                try:
                    refusal = await client.patch(turns.removesuffix("/turns"), json={"title": "A walk"})
                    reading = await client.get(turns)
                finally:
                    server.process.send_signal(signal.SIGCONT)
            assert (refusal.status_code, refusal.json()["code"]) == (503, "store_unavailable")
            assert reading.status_code == 200


async def test_a_stream_is_not_kept_for_who_left_before_it_was_opened(engine: StoryEngine) -> None:
    session = await begun(engine, "")
    async with metered(engine, streams="1") as client:
        app: Any = client._transport
        toll = tolls.Toll({"type": "http"}, app.app.state.booth)
        toll.costs = frozenset({"stream"})
        assert toll.leave() is None
        await toll.stream(await engine.session(session))
        await until(engine, open_streams=0)
