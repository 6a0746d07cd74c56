"""Few connections: many play all the same, and who finds none is told so at once enough to try again."""

import asyncio
from pathlib import Path
from typing import Any

from cottage import begun
from httpx import ASGITransport, AsyncClient
from redis.asyncio import Redis

from api.app import build_app
from graphs import pools
from graphs.checkpoint.wires import WIRES
from graphs.engine import open_engine
from graphs.settings import read_settings

PLAYERS = 24
FEW = {"redis_pool": 8, "falkordb_pool": 1}


def client_over(app: Any) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://localhost:8000", timeout=120)


async def test_many_turns_over_few_connections_are_all_played(tmp_path: Path) -> None:
    async with open_engine(read_settings(data_dir=tmp_path, linger_s=0.2, **FEW)) as engine:
        app = build_app(engine=engine)
        async with app.router.lifespan_context(app), client_over(app) as client:
            paths = [f"/api/v1/sessions/{await begun(engine, '')}/turns" for _ in range(PLAYERS)]
            for accept in ("application/json", "text/event-stream"):
                headers = {"accept": accept}
                turns = [client.post(path, json={"action": "look"}, headers=headers) for path in paths]
                async with asyncio.timeout(120):
                    answers = await asyncio.gather(*turns)
                assert [answer.is_success for answer in answers] == [True] * PLAYERS
                assert all("event: error" not in answer.text for answer in answers)


async def test_a_pool_without_a_free_connection_is_503_and_says_when_to_come_again(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(pools, "WAIT_S", 0.2)
    async with open_engine(read_settings(data_dir=tmp_path, linger_s=0.2, **FEW)) as engine:
        app = build_app(engine=engine)
        async with app.router.lifespan_context(app), client_over(app) as client:
            path = f"/api/v1/sessions/{await begun(engine, '')}"
            client_of_redis = engine._stores.redis  # pyright: ignore[reportPrivateUsage]
            redis = client_of_redis.connection_pool
            graph: Any = engine.memory._client.connection_pool  # type: ignore[attr-defined]
            for pool in (redis, graph):
                if wire := WIRES.of(client_of_redis):  # over which a turn would be played all the same
                    await WIRES.cut(client_of_redis, wire)
                held = []
                while pool.can_get_connection():
                    held.append(await pool.get_connection())
                async with asyncio.timeout(60):
                    answer = await client.post(f"{path}/turns", json={"action": "look"})
                assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
                assert answer.headers["retry-after"]
                assert "_POOL" in answer.json()["cure"]
                for connection in held:
                    await pool.release(connection)
                assert (await client.post(f"{path}/turns", json={"action": "look"})).status_code in (200, 201)


async def test_a_close_leaves_no_connection(tmp_path: Path, real_redis: str) -> None:
    async with Redis.from_url(real_redis) as watcher:
        before = len(await watcher.client_list())
        settings = read_settings(data_dir=tmp_path, linger_s=0.2, redis_url=real_redis, queue="workers")
        app = build_app(settings)
        async with app.router.lifespan_context(app), client_over(app) as client:
            made = await client.post("/api/v1/sessions", json={"seed": 1})
            path = f"/api/v1/sessions/{made.json()['session']}/turns"
            assert (await client.post(path, json={"action": "look"})).is_success
            assert len(await watcher.client_list()) > before
        async with asyncio.timeout(10):
            while len(await watcher.client_list()) > before:  # the server notices a little later
                await asyncio.sleep(0.02)
