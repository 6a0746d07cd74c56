"""`tta worker`: turns for which nobody waits are played by other processes, in order, each once, though one is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cottage import begun

from agents.errors import UnknownTurn
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings

ROOT = Path(__file__).parents[2]
SESSIONS, ACTIONS = 4, ("say one", "say two", "say three")

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        env = {**os.environ, "TTA_DATA_DIR": str(tmp_path / "data"), "TTA_LINGER_S": "0.2"}
        command = [sys.executable, "-m", "api.cli", "worker", "--concurrency", "8"]
        made = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        running.append(made)
        assert made.stdout
        assert "plays what waits" in made.stdout.readline(), made.communicate()
        return made

    yield start
    for process in running:
        process.kill()
        process.communicate()


async def until_over(engine: StoryEngine, session: str, turn_id: str) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                await engine.queued(session, turn_id)
            except UnknownTurn:
                return
            await asyncio.sleep(0.05)


async def sent(engine: StoryEngine) -> dict[str, list[str]]:
    """Sessions, each with the ids of the turns that wait in it."""
    waiting: dict[str, list[str]] = {}
    for number in range(SESSIONS):
        session = await begun(engine, f"session-{number}")
        waiting[session] = [(await engine.enqueue(session, action))["turn_id"] for action in ACTIONS]
        for _ in ACTIONS:
            await engine.nudge(session)
    return waiting


async def check_played(engine: StoryEngine, waiting: dict[str, list[str]]) -> None:
    for session, turn_ids in waiting.items():
        for turn_id in turn_ids:
            await until_over(engine, session, turn_id)
        turns = (await engine.turns(session))[::-1]
        assert [(turn["turn_id"], turn["action"]) for turn in turns] == list(zip(turn_ids, ACTIONS, strict=True))


async def test_two_workers_of_which_one_is_killed(tmp_path: Path, worker: Start) -> None:
    settings = read_settings(data_dir=tmp_path / "data", linger_s=0.2, queue="workers")
    async with open_engine(settings) as engine:
        killed, _ = worker(), worker()
        waiting = await sent(engine)
        async with asyncio.timeout(60):  # somewhere in the middle
            while not any([await engine.turns(session) for session in waiting]):
                await asyncio.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        await check_played(engine, waiting)


async def test_a_worker_that_is_stopped_hands_over(tmp_path: Path, worker: Start) -> None:
    """It ends what it plays, and exits with 0; what still waits is the next one's."""
    settings = read_settings(data_dir=tmp_path / "data", linger_s=0.2, queue="workers")
    async with open_engine(settings) as engine:
        first = worker()
        waiting = await sent(engine)
        async with asyncio.timeout(60):
            while not any([await engine.turns(session) for session in waiting]):
                await asyncio.sleep(0.01)
        first.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.wait, 60) == 0
        for session in waiting:
            assert await engine._runner(session).inbox.current() is None, "nothing was broken off"
        worker()
        await check_played(engine, waiting)
