"""What plays against a server in `tta bench api`: sessions at once, each turn after the one before it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from _report import figures

ROUND = ("look", "wait", "inventory", "goals", "listen", "sing", "look", "think")
"""A player who stays where he is: each turn of a round does the same work the next time."""

WARM = 3
"""Turns of each session before the clock runs."""

Play = Callable[[str, int], Awaitable[None]]
"""Plays the turn of that number in a session."""


async def load(begin: Callable[[int], Awaitable[str]], play: Play, *, sessions: int, turns: int) -> dict[str, float]:
    """Turns a second, and how long a turn took its client."""
    ids = [await begin(number) for number in range(sessions)]
    took: list[float] = []

    async def session(id_: str, numbers: range) -> None:
        for number in numbers:
            began = time.perf_counter()
            await play(id_, number)
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(session(id_, range(WARM)) for id_ in ids))
    took.clear()
    began = time.perf_counter()
    await asyncio.gather(*(session(id_, range(WARM, WARM + turns)) for id_ in ids))
    return {"turns_a_second": round(sessions * turns / (time.perf_counter() - began), 2), **figures(took)}


def of_tta(client: httpx.AsyncClient) -> tuple[Callable[[int], Awaitable[str]], Play]:
    """How a session begins and a turn is played over our API."""

    async def begin(number: int) -> str:
        answer = await client.post("/api/v1/sessions", json={"world": "winter_light", "seed": number})
        return str(answer.raise_for_status().json()["session"])

    async def play(id_: str, number: int) -> None:
        action = ROUND[number % len(ROUND)]
        answer = await client.post(f"/api/v1/sessions/{id_}/turns", json={"action": action})
        told = answer.raise_for_status().json()["narration"]
        assert told.count(".") >= 4, "four sentences were told"

    return begin, play


def of_langgraph(client: httpx.AsyncClient) -> tuple[Callable[[int], Awaitable[str]], Play]:
    """The same over the API of `langgraph dev`."""

    async def begin(_: int) -> str:
        answer = await client.post("/threads", json={})
        return str(answer.raise_for_status().json()["thread_id"])

    async def play(id_: str, number: int) -> None:
        asked = {"assistant_id": "turn", "input": {"action": ROUND[number % len(ROUND)]}}
        answer = await client.post(f"/threads/{id_}/runs/wait", json=asked)
        assert answer.raise_for_status().json()["narration"]

    return begin, play


def cpu_s(pid: int) -> float:
    """Seconds that a process has computed; 0 where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / 100
