"""Hundreds of readers at once, each cut off again and again: each event comes to each of them once and in order.

uv run pytest tests/api/test_many_streams.py --readers 500
"""

import asyncio
import random
from typing import Any

import httpx
import pytest
from cottage import begun
from fakes import ScriptedModel
from served import served

from graphs.engine import StoryEngine

CUTS = 5
READERS_A_STORY = 10
TALE = "The range ticks. The cups hang still. <held> " + " ".join(
    f"<slow> Rain falls on {what}."
    for what in ("the roof", "the step", "the pump", "the gate", "the path", "the wall", "the hill")
)


class Reader:
    """Reads one turn, leaves five times somewhere on the way, and comes back with the last id it has."""

    def __init__(self, session: str, turn_id: str, chance: random.Random) -> None:
        self.path = f"/api/v1/sessions/{session}/turns/{turn_id}/events"
        self.seen: list[str] = []
        self.last = ""
        self.begun = asyncio.Event()
        self._cuts = sorted(chance.sample(range(1, 10), CUTS))

    async def read(self, client: httpx.AsyncClient) -> None:
        while not self.seen or self.seen[-1] != "end":
            headers = {"Last-Event-ID": self.last} if self.last else {}
            async with client.stream("GET", self.path, headers=headers) as answer:
                assert answer.status_code == 200
                await self._until_cut(answer)

    async def _until_cut(self, answer: httpx.Response) -> None:
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                self.last = value
            elif name == "event":
                self.seen.append(value)
            elif not line and self.seen:  # the event is whole
                self.begun.set()
                if self._cuts and len(self.seen) >= self._cuts[0]:
                    self._cuts.pop(0)
                    return


@pytest.mark.timeout(1800)
async def test_each_event_comes_to_each_reader_once_and_in_order(
    engine: StoryEngine, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--readers")
    chance = random.Random(7)
    model = ScriptedModel(answers=[TALE])
    engine.use_model("scripted", model)
    readers: list[Reader] = []
    async with served(engine) as where:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=f"http://{where}", limits=limits, timeout=600) as client:
            tasks: list[Any] = []
            for _ in range(max(1, count // READERS_A_STORY)):
                session = await begun(engine, "", model="scripted")
                turn_id, task = await engine.start(session, "look")
                tasks.append(task)
                readers += [Reader(session, turn_id, chance) for _ in range(READERS_A_STORY)]
            reading = [asyncio.create_task(reader.read(client)) for reader in readers]
            for reader in readers:  # all of them are connected before the stories go on
                await reader.begun.wait()
            model.go.set()
            await asyncio.gather(*reading, *tasks)
    told = ["metadata", *["sentence"] * 9, "committed", "end"]
    assert [reader.seen for reader in readers] == [told] * len(readers)
