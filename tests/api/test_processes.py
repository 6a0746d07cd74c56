"""`tta serve --processes`: several processes behind one port are one service, and end as one."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starting import Serve, url_of

from agents.errors import InvalidSetting
from api import processes

SEVERAL = ("--port", "0", "--processes", "2")
PATIENCE_S = 120

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals connections out evenly")


def children(process: "subprocess.Popen[str]") -> list[int]:
    """Those that serve."""
    below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in below if b"--link" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def told(process: "subprocess.Popen[str]") -> list[str]:
    """What it says to whoever runs it, besides the log."""
    assert process.stderr
    return [line for line in process.stderr.read().splitlines() if not line.startswith("{")]


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def answering(url: str, path: str = "/health/live") -> httpx.Response:
    """Of whichever process the system chooses: each time by a connection of its own."""
    return httpx.get(f"{url}{path}", timeout=PATIENCE_S)


def play(url: str, times: int) -> str:
    made = httpx.post(f"{url}/api/v1/sessions", json={"world": "winter_light"}, timeout=PATIENCE_S)
    assert made.status_code == 201, made.text
    for number in range(times):
        where = f"{url}{made.headers['location']}/turns"
        turn = httpx.post(where, json={"action": "look"}, timeout=PATIENCE_S)
        assert turn.status_code == 201, (number, turn.text)
    return f"{url}{made.headers['location']}"


def turns_told(url: str) -> float:
    found = re.findall(r'^tta_turns_total{[^}]*outcome="committed"[^}]*} (\S+)$', answering(url, "/metrics").text, re.M)
    return sum(map(float, found))


def test_one_session_is_played_by_all_and_counted_once(started: Serve) -> None:
    """Every request has a connection of its own, so it meets either process; figures are those of both."""
    process = started(*SEVERAL)
    url = url_of(process, "from 2 processes")
    assert len(children(process)) == 2
    session = play(url, 12)
    assert len(httpx.get(f"{session}/turns", timeout=PATIENCE_S).json()["turns"]) >= 12
    assert turns_told(url) == turns_told(url) == 12
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert told(process) == []


def test_one_that_dies_is_replaced_and_the_others_serve_on(started: Serve) -> None:
    process = started(*SEVERAL)
    url = url_of(process, "from 2 processes")
    session = play(url, 1)
    before = children(process)
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(children(process)) - set(before)) == 1, "nothing took its place")
    for _ in range(4):
        assert httpx.get(session, timeout=PATIENCE_S).status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert told(process) == [f"tta: process {before[0]} was ended by signal 9; another takes its place."]


def test_they_go_when_who_watches_them_is_gone(started: Serve) -> None:
    process = started(*SEVERAL)
    url_of(process, "from 2 processes")
    left = children(process)
    process.kill()
    process.wait()
    assert len(left) == 2
    until(lambda: not any(map(lives, left)), "they serve on, unwatched")


def test_a_store_that_is_not_there_is_one_line(started: Serve) -> None:
    process = started(*SEVERAL, TTA_REDIS_URL="redis://127.0.0.1:1/0")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("tta: "), err
    assert err.count("\n") == 1, err


def test_other_systems_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.sys, "platform", "darwin")
    with pytest.raises(InvalidSetting, match="needs Linux"):
        processes.check_processes(2)
    processes.check_processes(1)


def test_who_dies_again_and_again_is_not_started_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """The first serves, all that come later end at once: pauses double."""
    script = "import sys,os,time;os.write(int(sys.argv[-1]), b'.');time.sleep(0.3);sys.exit(3)"
    watch = processes.Watch([sys.executable, "-c", script], 1, {})
    began = time.monotonic()
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.alarm(5)
    assert watch.run("all serve") == 0
    assert time.monotonic() - began >= 4
    said = capfd.readouterr()
    assert said.out.count("all serve") == 1
    assert 1 <= said.err.count("ended with exit code 3; another takes its place") <= 4


def test_one_that_is_being_started_is_told_to_stop_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes between its start and its place among the others."""
    watch = processes.Watch([sys.executable, "-c", "import time; time.sleep(600)"], 1, {})
    popen = subprocess.Popen

    def start(*arguments: object, **options: object) -> object:
        made = popen(*arguments, **options)  # type: ignore[call-overload]
        watch._stop(signal.SIGTERM, None)
        return made

    monkeypatch.setattr(processes.subprocess, "Popen", start)
    began = time.monotonic()
    assert watch.run("all serve") == 0
    assert time.monotonic() - began < PATIENCE_S
