"""Where the command's own streams are closed or full, that is one line and an exit code, and never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli.run import run
from graphs.memory.falkordb import FalkorMemory

ROOT = Path(__file__).parents[2]


def tta(tmp_path: Path, line: str) -> "subprocess.CompletedProcess[str]":
    """A line of a shell, in which $TTA is the command."""
    env = {**os.environ, "TTA_DATA_DIR": str(tmp_path / "data"), "TTA_LINGER_S": "0.2"}
    env["TTA"] = f"{sys.executable} -m api.cli"
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, check=False, env=env, cwd=ROOT, timeout=60, text=True
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["worlds list", "worlds show night_train --json", "sessions list"])
def test_an_output_without_room_is_one_line(tmp_path: Path, command: str) -> None:
    done = tta(tmp_path, f"$TTA {command} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "tta: The output cannot be written: there is no room for it. Make room and try again."
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_export_without_room_is_one_line(tmp_path: Path) -> None:
    done = tta(
        tmp_path,
        "echo look | $TTA play --session s --world night_train > /dev/null; $TTA sessions export s > /dev/full",
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_a_closed_output_is_one_line(tmp_path: Path) -> None:
    done = tta(tmp_path, "$TTA worlds list >&-")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "standard output is closed" in done.stderr


def test_a_closed_input_is_an_empty_one(tmp_path: Path) -> None:
    line = "echo look | $TTA play --session s --world night_train > /dev/null; $TTA sessions delete s <&-"
    done = tta(tmp_path, line)
    assert done.returncode == 2
    assert "There is no terminal to ask at" in done.stderr


def test_a_closed_error_stream_leaves_the_exit_code(tmp_path: Path) -> None:
    done = tta(tmp_path, "$TTA worlds show nowhere 2>&-")
    assert (done.returncode, done.stdout) == (2, "")


def test_what_nobody_foresaw_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise KeyError("a player's words")

    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(FalkorMemory, "sessions", fails)
    assert run(["sessions", "list"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "tta: Something failed that should not (KeyError). Try again; if it stays, report it."
    ]
