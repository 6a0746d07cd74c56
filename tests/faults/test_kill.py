"""A player's process, killed at any moment: no committed turn is lost, none is applied twice, play resumes.

uv run pytest tests/faults/test_kill.py --kills 200
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from cottage import COTTAGE

from graphs.engine import open_engine
from graphs.settings import read_settings

ROUND = ["down", "take bell", *["ring bell"] * 400]
"""Each ring counts up a state of the world: a turn applied twice or lost would show in the count. The bell is taken first each
time: a kill may have come before it was."""


def play(data_dir: Path, actions: list[str]) -> "subprocess.Popen[bytes]":
    """`tta play --script -` on the session, as a process of its own."""
    command = [sys.executable, "-m", "api.cli", "play", "--session", "kill", "--script", "-", "--json"]
    command += ["--world", COTTAGE, "--data-dir", str(data_dir)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "TTA_LINGER_S": "3"},
    )  # fmt: skip
    assert process.stdin
    process.stdin.write(("\n".join(actions) + "\n").encode())
    process.stdin.close()
    return process


def read_until_killed(process: "subprocess.Popen[bytes]", moment: float) -> list[dict[str, Any]]:
    """What the process said before it was killed, `moment` seconds after its first word."""
    assert process.stdout
    first = process.stdout.readline()
    killer = threading.Timer(moment, process.send_signal, (signal.SIGKILL,))
    killer.start()
    rest = process.stdout.read()
    process.wait()
    killer.cancel()
    killer.join()
    process.stdout.close()
    lines: list[dict[str, Any]] = []
    for line in (first + rest).splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break  # the last line was cut by the kill
    return lines


async def history(data_dir: Path) -> tuple[list[tuple[int, str, str]], dict[str, Any]]:
    """All turns of the session, oldest first, and the slots after them."""
    async with open_engine(read_settings(data_dir=data_dir)) as engine:
        await engine.recover("kill")
        turns: list[Any] = []
        before = None
        while page := await engine.turns("kill", limit=200, before=before):
            turns += page
            before = page[-1]["number"]
        position = await engine.position("kill")
    return [(t["number"], t["turn_id"], t["action"]) for t in reversed(turns)], position["slots"]


@pytest.mark.timeout(3600)
def test_no_turn_is_lost_or_doubled(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    chance = random.Random(request.config.getoption("--kill-seed"))
    acknowledged: dict[int, str] = {}
    kills = 0
    for _ in range(request.config.getoption("--kills")):
        process = play(tmp_path, ROUND)
        lines = read_until_killed(process, chance.expovariate(1 / 0.25))
        kills += process.returncode == -signal.SIGKILL
        for line in lines:
            if "turn_id" in line:
                assert acknowledged.setdefault(line["turn"], line["turn_id"]) == line["turn_id"], "a turn was replaced"
    goes_on = play(tmp_path, [*ROUND[:2], "ring bell"])
    assert goes_on.stdout
    with goes_on.stdout as said:
        assert b"ring bell" in said.read()
    assert goes_on.wait() == 0, "play goes on"
    turns, slots = asyncio.run(history(tmp_path))
    stored = {number: turn_id for number, turn_id, _ in turns}
    assert sorted(stored) == list(range(1, len(turns) + 1)), "the numbers run without a gap"
    assert len({turn_id for _, turn_id, _ in turns}) == len(turns)
    assert acknowledged.items() <= stored.items(), "every turn that was shown is kept"
    rings = sum(action == "ring bell" for _, _, action in turns)
    assert slots["world.letters"] == rings == slots["toll.ruled"], "each ring counted once"
    assert kills >= request.config.getoption("--kills") * 0.8, "most processes died by the kill"
    print(f"{kills} kills, {len(turns)} turns kept, {len(acknowledged)} of them shown before a kill")
