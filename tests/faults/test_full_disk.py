"""A disk that is full: one line says so, nothing hangs, and once there is room every committed turn is there, once.

A small file system of its own is mounted for each test, which needs root: a CI container that may mount, or
`unshare -rm uv run pytest tests/faults/test_full_disk.py`.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cottage import COTTAGE

from agents.errors import StoreFull
from api.app import build_app
from graphs.engine import open_engine
from graphs.settings import read_settings

SCRIPT = ["down", "take bell", *["ring bell"] * 300]
DANGER = "I want to end my life tonight"


def mounting(*words: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(words, 1, "", str(error))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes and few files. It goes when the server on it has gone."""
    place = tmp_path / "disk"
    place.mkdir()
    done = mounting("-t", "tmpfs", "-o", "size=3m,nr_inodes=64,mode=700", "tmpfs", str(place))
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here (root, or `unshare -rm`): {done.stderr.strip()}")
    yield place
    deadline = time.monotonic() + 20
    while subprocess.run(["umount", str(place)], capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline, "the server has not gone"
        time.sleep(0.05)


def tta(disk: Path, *words: str, said: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *words], input=said, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "TTA_DATA_DIR": str(disk / "data"), "TTA_LINGER_S": "0.2"},
    )  # fmt: skip


def play(disk: Path, actions: list[str]) -> "subprocess.CompletedProcess[str]":
    words = ("play", "--session", "full", "--world", COTTAGE, "--seed", "1", "--script", "-", "--json")
    return tta(disk, *words, said="\n".join(actions))


def fill(disk: Path) -> Path:
    """A file that takes what is left; the disk has room again when it goes."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast
    raise AssertionError


def make_files(disk: Path) -> None:
    for number in range(100):
        (disk / str(number)).touch()


def assert_told(done: "subprocess.CompletedProcess[str]", disk: Path) -> None:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"tta: {disk / 'data'}: The disk is full. Free some space")


def test_play_ends_in_one_line_and_goes_on_when_there_is_room(disk: Path) -> None:
    ended = play(disk, SCRIPT)
    assert_told(ended, disk)
    *told, error, last = (json.loads(line) for line in ended.stdout.splitlines())
    shown = [turn for turn in told if "turn_id" in turn]
    assert len(shown) > 3
    assert error["error"]["code"] == "store_full"
    assert (last["done"], last["unplayed"]) == (True, len(SCRIPT) - len(shown) - 1)
    for _ in range(2):
        assert_told(play(disk, ["look"]), disk)

    assert mounting("-o", "remount,size=16m", str(disk)).returncode == 0
    again = play(disk, ["ring bell", "look"])
    assert again.returncode == 0, again.stderr
    turns, slots = asyncio.run(history(disk))
    number = len(turns)
    # The turn that the disk has broken off is ended by the next sitting, if it was accepted.
    assert number in (len(shown) + 2, len(shown) + 3)
    assert [turn["number"] for turn in turns] == list(range(1, number + 1))
    assert [turn["action"] for turn in turns] == [*SCRIPT[: number - 2], "ring bell", "look"]
    assert [(t["turn_id"], t["narration"]) for t in shown] == [
        (t["turn_id"], t["narration"]) for t in turns[: len(shown)]
    ]
    assert slots["world.letters"] == sum(turn["action"] == "ring bell" for turn in turns), "each ring counted once"


async def history(disk: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    async with open_engine(read_settings(data_dir=disk / "data", linger_s=0.2)) as engine:
        turns = await engine.turns("full", limit=200)
        return [dict(turn) for turn in reversed(turns)], (await engine.position("full"))["slots"]


def test_a_disk_that_is_full_from_the_start(disk: Path) -> None:
    (disk / "data").mkdir()
    ballast = fill(disk)
    assert_told(play(disk, ["look"]), disk)
    doctor = tta(disk, "doctor")
    assert doctor.returncode == 1
    assert "The disk is full" in doctor.stdout
    ballast.unlink()
    assert play(disk, ["look"]).returncode == 0


def test_a_disk_that_takes_no_more_files(disk: Path) -> None:
    """Not one lock file can be made."""
    (disk / "data").mkdir()
    with pytest.raises(OSError, match="No space"):
        make_files(disk)
    assert_told(play(disk, ["look"]), disk)


def test_a_person_at_risk_in_a_script_that_cannot_go_on(disk: Path) -> None:
    assert play(disk, ["look"]).returncode == 0
    fill(disk)
    ended = play(disk, ["wait", DANGER, "look"])
    assert ended.returncode == 1
    assert "The disk is full" in ended.stderr.splitlines()[-1]
    assert "findahelpline" in ended.stderr


async def test_over_http(disk: Path) -> None:
    """507 with the cure, help for a person at risk, and afterwards the turn is played, once."""
    async with open_engine(read_settings(data_dir=disk / "data", linger_s=0.2)) as engine:
        made = await engine.create(COTTAGE, session="http", seed=1)
        turns = f"/api/v1/sessions/{made['session']}/turns"
        transport = httpx.ASGITransport(app=build_app(engine=engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            assert (await client.post(turns, json={"action": "look"})).status_code == 201
            ballast = fill(disk)
            key = {"Idempotency-Key": "one"}  # whether it was accepted before the disk was full, nobody can tell
            for headers in ({}, {"Accept": "text/event-stream"}):
                refused = await client.post(turns, json={"action": "take lamp"}, headers={**key, **headers})
                problem = refused.json()
                assert (refused.status_code, problem["code"]) == (507, "store_full")
                assert (problem["place"], "help" in problem) == (str(disk / "data"), False)
                assert "Free some space" in problem["cure"]
            danger = await client.post(turns, json={"action": DANGER})
            assert danger.status_code == 507
            assert danger.json()["help"]["resources"]
            assert (await client.get(turns)).status_code == 507
            ballast.unlink()
            played = await client.post(turns, json={"action": "take lamp"}, headers=key)
            assert played.status_code == 201
            told = [(turn["number"], turn["action"]) for turn in (await client.get(turns)).json()["turns"]]
            assert told == [(2, "take lamp"), (1, "look")]


async def test_a_full_disk_breaks_a_turn_off_in_the_middle(disk: Path) -> None:
    """Its first sentence is out: the same turn ends with it once there is room."""
    async with open_engine(read_settings(data_dir=disk / "data", linger_s=0.2)) as engine:
        await engine.create(COTTAGE, session="middle", seed=1)
        turn_id, task = await engine.start("middle", "look")
        async for event in engine.events("middle", turn_id):
            if event["kind"] == "sentence":
                shown, ballast = event["data"]["text"], fill(disk)
                break
        with pytest.raises(StoreFull):
            await task
        ballast.unlink()
        turn = await engine.recover("middle")
        assert turn
        assert turn["turn_id"] == turn_id
        assert turn["narration"].startswith(shown)
        assert [t["turn_id"] for t in await engine.turns("middle")] == [turn_id]
