"""A store that hangs keeps nobody at risk waiting."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from test_problems import DANGER

from graphs.engine import StoryEngine

TURN = {"turn_id": "turn-0001-of-mine"}


@pytest.fixture
def hanging(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stores that take what they are asked and do not answer; holds how often."""
    asked: list[int] = []

    async def hang(*_: Any, **__: Any) -> bool:
        asked.append(1)
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("api.intime.HELP_S", 0.3)
    monkeypatch.setattr(engine.repeats, "bind", hang)
    monkeypatch.setattr(engine, "current", hang)
    return asked


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
    client: AsyncClient, begin: Any, hanging: list[int], path: str, headers: dict[str, str]
) -> None:
    body = {"action": DANGER} | (TURN if path == "{turns}" and not headers.get("Idempotency-Key") else {})
    async with asyncio.timeout(30):
        answer = await client.post(path.format(turns=await begin()), json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.json()["help"]["tier"] == "crisis"
    assert answer.headers["retry-after"]
    assert hanging, "it did hang"


async def test_play_waits_for_its_store(client: AsyncClient, begin: Any, hanging: list[int]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await client.post(await begin(), json={"action": "look", **TURN})
    assert hanging
