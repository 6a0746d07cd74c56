"""Scripts and pipes: a person at risk is answered even when nothing can be played, and Ctrl-C says how to go on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cottage import COTTAGE
from terminals import PROMPT, Terminal

from api.cli.run import run
from api.terminal.scripts import actions

ROOT = Path(__file__).parents[2]
DANGER = "I want to end my life tonight"
GONE = {"TTA_REDIS_URL": "redis://127.0.0.1:1"}


def tta(tmp_path: Path, *arguments: str, typed: bytes = b"", **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """The command as a process whose standard input is a pipe."""
    env = {**os.environ, "TTA_DATA_DIR": str(tmp_path / "data"), "TTA_LINGER_S": "0.2", **variables}
    command = [sys.executable, "-m", "api.cli", "play", *arguments]
    return subprocess.run(command, input=typed, capture_output=True, check=False, env=env, cwd=ROOT, timeout=60)


@pytest.mark.parametrize(
    ("content", "options", "variables", "code"),
    [
        (f"look\n{DANGER}\n".encode(), [], GONE, 1),
        (f"look\n{DANGER}\n".encode(), ["--world", "nowhere"], {}, 2),
        (f"look\n{DANGER}\n\xff".encode("latin-1"), [], {}, 2),
        (f"look\n{DANGER}\n".encode() + b"wait\n" * 10_000, [], {}, 2),
        (f"# {DANGER}\n".encode(), [], {}, 2),
        (f"{DANGER}\n".encode(), [], {**GONE, "TTA_LOCALE": "nonsense"}, 2),
    ],
    ids=["a store is gone", "no such world", "not UTF-8", "too long", "a comment", "settings are broken too"],
)
def test_a_script_that_cannot_be_played_still_answers_a_person_at_risk(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    options: list[str],
    variables: dict[str, str],
    code: int,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    script = tmp_path / "script.txt"
    script.write_bytes(content)
    assert run(["play", "--script", str(script), *options]) == code
    error = capsys.readouterr().err
    assert "findahelpline" in error
    assert DANGER not in error
    assert error.splitlines()[-1].startswith("tta: ")


@pytest.mark.parametrize("cut", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_a_lines_end_ends_an_action(cut: str) -> None:
    found = actions(f"look\r\nI want to {cut}die\r# note\n\nwait", "file")
    assert found == [("look", "file:1"), (f"I want to {cut}die", "file:2"), ("wait", "file:5")]


def test_a_pipe_is_answered_too_when_a_store_is_gone(tmp_path: Path) -> None:
    done = tta(tmp_path, typed=f"{DANGER}\n".encode(), **GONE)
    assert done.returncode == 1
    assert b"findahelpline" in done.stderr


def test_without_a_terminal_standard_input_is_the_script(tmp_path: Path) -> None:
    done = tta(tmp_path, "--world", COTTAGE, "--json", typed=b"look\n# no action\n\nwait")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, b"")
    assert [turn["action"] for turn in told[1:-1]] == ["look", "wait"]
    assert told[-1] == {"done": True, "won": False, "turns": 2, "session": told[0]["session"]}


def test_nothing_on_standard_input_still_shows_the_opening(tmp_path: Path) -> None:
    done = tta(tmp_path, "--world", COTTAGE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Go on with: tta play --session" in done.stdout


def test_a_pipe_without_an_end_is_left(tmp_path: Path) -> None:
    with Path("/dev/zero").open("rb") as endless:
        env = {**os.environ, "TTA_DATA_DIR": str(tmp_path / "data"), "TTA_LINGER_S": "0.2"}
        command = [sys.executable, "-m", "api.cli", "play", "--world", COTTAGE]
        done = subprocess.run(command, stdin=endless, capture_output=True, check=False, env=env, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert b"More than 1 MB came in" in done.stderr


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A sitting at a new session."""
    made = Terminal(tmp_path, "--world", COTTAGE, "--session", "typed")
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.close()


def test_a_person_at_a_terminal(terminal: Terminal) -> None:
    """Plays, is answered in danger, sees no choices while the story is paused, resumes, leaves."""
    assert "branches, resume, quit" in terminal.until(PROMPT)
    terminal.type(f"save me {DANGER}")
    shown = terminal.until(PROMPT)
    assert "findahelpline" in shown
    assert "when you want to go on" in shown
    assert "perhaps" not in shown
    terminal.type("look")
    shown = terminal.until(PROMPT)
    assert "The story is paused" in shown
    assert "findahelpline" not in shown
    terminal.type("resume")
    assert "perhaps" in terminal.until(PROMPT)
    terminal.type("quit")
    terminal.until("tta play --session typed")
    assert terminal.close() == 0


def test_ctrl_c_in_the_midst_of_a_turn_says_how_to_go_on(terminal: Terminal) -> None:
    terminal.until(PROMPT)
    terminal.type("look")
    terminal.until("look")
    terminal.process.send_signal(signal.SIGINT)
    assert "Your story is kept" in terminal.until("tta play --session typed")
    assert terminal.close() in (0, 130)
