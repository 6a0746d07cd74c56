"""A store that hangs keeps nobody at risk waiting."""

import asyncio
import json
from typing import Any

import pytest
from httpx import AsyncClient
from served import served
from test_problems import DANGER
from websockets.asyncio.client import connect

from graphs.engine import StoryEngine

TURN = {"turn_id": "turn-0001-of-mine"}


class Hanging:
    """Stores that take what they are asked, and do not answer before `go`."""

    def __init__(self) -> None:
        self.asked, self.go = 0, asyncio.Event()

    async def __call__(self, *_: Any, **__: Any) -> bool:
        self.asked += 1
        return await self.go.wait()


@pytest.fixture
async def hanging(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> Hanging:
    hang = Hanging()

    monkeypatch.setattr("api.intime.HELP_S", 0.3)
    monkeypatch.setattr(engine.repeats, "bind", hang)
    monkeypatch.setattr(engine, "current", hang)
    return hang


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("{turns}", {}),
        ("{turns}", {"Prefer": "respond-async"}),
        ("{turns}", {"Accept": "text/event-stream"}),
        ("{turns}", {"Idempotency-Key": "key-1"}),
        ("/api/v1/players/me/actions", {}),
    ],
)
async def test_help_comes_though_a_store_hangs(
    client: AsyncClient, begin: Any, hanging: Hanging, path: str, headers: dict[str, str]
) -> None:
    body = {"action": DANGER} | (TURN if path == "{turns}" and not headers.get("Idempotency-Key") else {})
    async with asyncio.timeout(30):
        answer = await client.post(path.format(turns=await begin()), json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.json()["help"]["tier"] == "crisis"
    assert answer.headers["retry-after"]
    assert hanging.asked, "it did hang"


async def test_help_comes_over_a_socket_too(engine: StoryEngine, begin: Any, hanging: Hanging) -> None:
    path = (await begin()).removesuffix("/turns")
    async with served(engine) as where, connect(f"ws://{where}{path}/play") as client, asyncio.timeout(30):
        await client.send(json.dumps({"type": "action", "action": DANGER, **TURN}))
        told = json.loads(await client.recv())
        assert (told["event"], told["data"]["code"]) == ("error", "store_unavailable")
        assert told["data"]["help"]["tier"] == "crisis"
        await client.send(json.dumps({"type": "ping"}))
        assert [json.loads(await client.recv())["event"] for _ in range(2)] == ["end", "pong"]
        hanging.go.set()
    assert hanging.asked


async def test_play_waits_for_its_store(client: AsyncClient, begin: Any, hanging: Hanging) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await client.post(await begin(), json={"action": "look", **TURN})
    assert hanging.asked
