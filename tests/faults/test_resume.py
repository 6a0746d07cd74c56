"""A turn whose client or process is gone in the middle ends in one committed turn that begins with what was shown."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cottage import COTTAGE
from fakes import ScriptedModel
from flight import broken_off

from agents.errors import StoreUnavailable, TurnInProgress
from graphs.engine import open_engine
from graphs.settings import Settings, read_settings

DYING = """
import asyncio, sys
from fakes import ScriptedModel
from graphs.engine import open_engine
from graphs.settings import read_settings

async def main():
    async with open_engine(read_settings(data_dir=sys.argv[1])) as engine:
        engine.use_model("scripted", ScriptedModel(answers=["The range ticks. The cups hang still. <hang>"]))
        await engine.create(sys.argv[2], session="dying", model="scripted", seed=1)
        turn_id, task = await engine.start("dying", "look")
        async for event in engine.events("dying", turn_id):
            if event["kind"] == "sentence":
                print(turn_id, event["data"]["text"], flush=True)

asyncio.run(main())
"""

DYING_AT = """
import asyncio, os, signal, sys
from fakes import ScriptedModel
from graphs.checkpoint import RedisSaver
from graphs.engine import open_engine
from graphs.events import Events
from graphs.settings import read_settings

POINT, out = sys.argv[3], []
append = Events.append

def die():
    os.kill(os.getpid(), signal.SIGKILL)

async def appending(self, turn_id, kind, data):
    await append(self, turn_id, kind, data)
    if kind == "sentence":
        out.append(data["text"])
        print(turn_id, data["text"], flush=True)
        if POINT == f"sentence {len(out)}":
            die()

def dying(point, call, *, after=False):
    async def run(*args, **options):
        if out and not after:
            die()
        result = await call(*args, **options)
        if out:
            die()
        return result
    return run if POINT == point else call

async def main():
    Events.append = appending
    RedisSaver.aput_writes = dying("writes", RedisSaver.aput_writes)
    RedisSaver.aput = dying("checkpoint", RedisSaver.aput)
    async with open_engine(read_settings(data_dir=sys.argv[1])) as engine:
        engine.memory.commit = dying("commit", engine.memory.commit)
        engine.memory.commit = dying("committed", engine.memory.commit, after=True)
        engine.use_model("scripted", ScriptedModel(answers=["You take the brass lamp. <slow> The range ticks on. "]))
        await engine.create(sys.argv[2], session="dying", model="scripted", seed=1)
        await engine.act("dying", "take lamp")

asyncio.run(main())
"""
POINTS = ["sentence 1", "sentence 2", "writes", "checkpoint", "commit", "committed"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(data_dir=tmp_path, linger_s=0.2, model_timeout_s=60)


async def test_a_process_that_dies_after_the_first_sentence(settings: Settings) -> None:
    """Killed with kill -9; another process ends the turn, with the same first sentence, once."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "TTA_LINGER_S": "5"}
    command = [sys.executable, "-c", DYING, str(settings.data_dir), COTTAGE]
    dying = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert dying.stdout
    turn_id, _, shown = dying.stdout.readline().strip().partition(" ")
    dying.send_signal(signal.SIGKILL)
    dying.wait()
    dying.stdout.close()
    assert shown == "The range ticks."
    async with open_engine(settings) as engine:
        engine.use_model("scripted", ScriptedModel(answers=["And the rain goes on outside."]))
        turn = await engine.recover("dying")
        assert turn
        assert turn["turn_id"] == turn_id
        assert turn["narration"].startswith(shown)
        assert turn["narration"].count(shown) == 1
        assert [t["turn_id"] for t in await engine.turns("dying")] == [turn_id]
        assert await engine.recover("dying") is None
        entries = await engine.trace("dying", turn_id)
        assert [e["node"] for e in entries].count("commit") == 1


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_that_dies_between_a_sentence_and_its_checkpoint(settings: Settings, point: str) -> None:
    """Killed with kill -9 at each seam after a sentence is out: in the midst of the telling, before what the node wrote is
    kept, before its checkpoint, before the commit, and before the commit is told."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "TTA_LINGER_S": "5"}
    command = [sys.executable, "-c", DYING_AT, str(settings.data_dir), COTTAGE, point]
    died = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    ids, shown = zip(*(line.split(" ", 1) for line in died.stdout.splitlines()), strict=True)
    assert shown[0] == "You take the brass lamp."
    async with open_engine(settings) as engine:
        engine.use_model("scripted", ScriptedModel(answers=["And the rain goes on outside."]))
        turn = await engine.recover("dying")
        assert turn
        assert turn["turn_id"] == ids[0]
        assert turn["narration"].startswith(" ".join(shown))
        assert all(turn["narration"].count(sentence) == 1 for sentence in shown)
        assert [t["turn_id"] for t in await engine.turns("dying")] == [ids[0]]
        assert turn["inventory"] == ["lamp"]
        told = [event["data"]["text"] async for event in engine.events("dying", ids[0]) if event["kind"] == "sentence"]
        assert told[: len(shown)] == list(shown)
        assert len(told) == len(set(told)), "whoever reads along hears nothing twice"
        assert await engine.recover("dying") is None


async def test_the_next_action_ends_the_unfinished_turn_first(settings: Settings) -> None:
    async with open_engine(settings) as engine:
        engine.use_model("scripted", ScriptedModel(answers=["The range ticks. The cups hang still. <hang>"]))
        await engine.create(COTTAGE, session="left", model="scripted", seed=1)
        _, task = await engine.start("left", "look")
        while not await engine._events("left").sentences((await engine._runner("left").inbox.current())["turn_id"]):  # pyright: ignore
            await asyncio.sleep(0.01)
        await broken_off(task)
        engine.use_model("scripted", ScriptedModel(answers=["The rain goes on outside."]))
        turn = await engine.act("left", "wait")
        turns = await engine.turns("left")
        assert [t["action"] for t in reversed(turns)] == ["look", "wait"]
        assert turns[1]["narration"].startswith("The range ticks.")
        assert turn["number"] == 2


async def test_a_client_that_goes_away_cancels_nothing(settings: Settings) -> None:
    async with open_engine(settings) as engine:
        model = ScriptedModel(answers=["The range ticks. <slow> The cups hang still. <slow> Rain falls."], pause_s=0.1)
        engine.use_model("scripted", model)
        await engine.create(COTTAGE, session="gone", model="scripted", seed=1)
        turn_id, task = await engine.start("gone", "look")
        async for event in engine.events("gone", turn_id):
            if event["kind"] == "sentence":
                break
        turn = await task
        assert turn["narration"].startswith("The range ticks. The cups hang still.")
        again = [event["kind"] async for event in engine.events("gone", turn_id, after=event["id"])]
        assert again[-2:] == ["committed", "end"], "the stream can be taken up where it broke"


async def test_a_second_action_in_mid_turn_is_told_so(settings: Settings) -> None:
    async with open_engine(settings) as engine:
        model = ScriptedModel(answers=["The range ticks. <held> Rain falls."])
        engine.use_model("scripted", model)
        await engine.create(COTTAGE, session="busy", model="scripted", seed=1)
        _, task = await engine.start("busy", "look")
        with pytest.raises(TurnInProgress):
            await engine.act("busy", "wait")
        model.go.set()
        await task
        assert [t["action"] for t in await engine.turns("busy")] == ["look"]


async def test_the_same_turn_id_is_the_same_turn(settings: Settings) -> None:
    async with open_engine(settings) as engine:
        await engine.create(COTTAGE, session="same", seed=1)
        first = await engine.act("same", "wait", turn_id="ab" * 16)
        second = await engine.act("same", "wait", turn_id="ab" * 16)
        assert first == second
        await engine.undo("same")
        assert (await engine.act("same", "wait", turn_id="ab" * 16))["turn_id"] == first["turn_id"]
        assert await engine.turns("same") == []


async def test_twenty_actions_at_once_land_one_after_the_other_or_are_told(settings: Settings) -> None:
    async with open_engine(settings) as engine:
        await engine.create(COTTAGE, session="many", seed=1)
        results = await asyncio.gather(*(engine.act("many", "ring") for _ in range(20)), return_exceptions=True)
        landed = [r for r in results if not isinstance(r, BaseException)]
        assert all(isinstance(r, TurnInProgress) for r in results if isinstance(r, BaseException))
        turns = await engine.turns("many", limit=50)
        assert len(turns) == len(landed) >= 1
        assert [t["number"] for t in turns] == list(range(len(turns), 0, -1))


async def test_the_embedded_server_killed_in_mid_play_is_brought_back(settings: Settings) -> None:
    async with open_engine(settings) as engine:
        await engine.create(COTTAGE, session="server", seed=1)
        await engine.act("server", "look")
        info = await engine._stores.redis.info("server")  # pyright: ignore[reportPrivateUsage]
        os.kill(info["process_id"], signal.SIGKILL)
        for _ in range(3):
            with suppress(StoreUnavailable):
                await engine.act("server", "wait")
                break
        turns = await engine.turns("server")
        assert [t["number"] for t in turns] == list(range(len(turns), 0, -1))
        assert turns[-1]["action"] == "look", "what was committed is there"
