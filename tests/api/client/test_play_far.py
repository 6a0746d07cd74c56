"""`tta play --server`: the same sitting over HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doors import PASSWORD
from seen import DANGER
from serving import ROOT, Serving, serving
from terminals import PROMPT, Terminal

SCRIPT = "look\ntake the letter\nundo\nsave here\nbranches\nhelp\nretry\nload here\navoid spiders\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("far")) as made:
        yield made


def play(home: Path, *arguments: str, script: str = SCRIPT, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "TTA_DATA_DIR": str(home), "TTA_LINGER_S": "0.2", **variables}
    command = [sys.executable, "-m", "api.cli", "play", "--script", "-", *arguments]
    return subprocess.run(command, input=script, capture_output=True, text=True, env=env, cwd=ROOT, check=False)


def objects(ran: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def alike(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what differs between any two plays: ids, times."""
    return [
        {key: value for key, value in each.items() if key not in ("session", "turn_id", "timings_ms")} for each in found
    ]


def test_a_script_tells_the_same_here_and_there(server: Serving, tmp_path: Path) -> None:
    options = ("--world", "winter_light", "--seed", "7", "--json")
    here, there = play(tmp_path, *options), play(tmp_path, *options, "--server", server.url)
    assert (here.returncode, there.returncode, there.stderr) == (0, 0, ""), there.stderr
    assert alike(objects(there)) == alike(objects(here))


def test_a_session_is_gone_on_with_and_says_how(server: Serving, tmp_path: Path) -> None:
    first = objects(play(tmp_path, "--server", server.url, "--json", script="look\n"))
    session = first[0]["session"]
    again = play(tmp_path, "--server", server.url, "--session", session, script="wait\nattempts\n")
    assert f"tta play --session {session} --server {server.url}" in again.stdout
    assert first[1]["narration"] in again.stdout
    assert "`attempts` cannot be had over HTTP" in again.stderr
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)


def test_a_person_at_risk_sees_the_resources_and_the_story_pauses(server: Serving, tmp_path: Path) -> None:
    ran = play(tmp_path, "--server", server.url, "--json", script=f"undo {DANGER}\nlook\n")
    turns = [each for each in objects(ran) if "kind" in each]
    assert [turn["kind"] for turn in turns] == ["crisis"]
    assert objects(ran)[-1]["unplayed"] is not None
    assert ran.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["--server", "127.0.0.1:8000"], "no scheme", 2),
        (["--server", "http://127.0.0.1:1"], "Nobody answers at 127.0.0.1:1", 1),
        (["--server", "{url}/nowhere"], "nothing at this path. Give the server's address alone", 1),
        (["--server", "{url}", "--world", "zzz"], "no world called 'zzz'. Choose from: letter_garden, night_train", 2),
        (["--server", "{url}", "--session", "nope"], "no session 'nope'. Check the id, or leave --session out", 1),
        (["--server", "{url}", "--world", "nigth_train"], "Did you mean night_train?", 2),
        (["--server", "{url}", "--model", "nonesuch"], "nonesuch", 2),
    ],
)
def test_a_mistake_is_one_line(server: Serving, tmp_path: Path, arguments: list[str], says: str, code: int) -> None:
    ran = play(tmp_path, *(each.replace("{url}", server.url) for each in arguments))
    assert says in ran.stderr
    assert (len(ran.stderr.splitlines()), ran.returncode, ran.stdout) == (1, code, "")


def test_a_token_logs_in_and_its_lack_is_one_line(tmp_path: Path) -> None:
    secrets = {"TTA_AUTH": "local", "TTA_AUTH_SECRET": "0123456789" * 4, "TTA_DATA_DIR": str(tmp_path / "store")}
    made = subprocess.run(
        [sys.executable, "-m", "api.cli", "keys", "create", "kiosk", "--role", "player", "--json"],
        env={**os.environ, **secrets, "TTA_LINGER_S": "0.2"}, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    key = json.loads(made.stdout)["key"]
    with serving(tmp_path / "store", **secrets) as closed:
        without = play(tmp_path, "--server", closed.url, script="look\n")
        wrong = play(tmp_path, "--server", closed.url, script="look\n", TTA_TOKEN="nonsense")
        let_in = play(tmp_path, "--server", closed.url, "--json", script="look\n", TTA_TOKEN=key)
    for refused in (without, wrong):
        assert "Set TTA_TOKEN" in refused.stderr
        assert (len(refused.stderr.splitlines()), refused.returncode) == (1, 1)
    assert let_in.returncode == 0, let_in.stderr
    assert objects(let_in)[-1]["turns"] == 1
    assert key not in let_in.stdout + let_in.stderr


def test_a_person_at_a_terminal_logs_in_plays_and_leaves(tmp_path: Path) -> None:
    secrets = {"TTA_AUTH": "local", "TTA_AUTH_SECRET": "0123456789" * 4}
    store = {"TTA_DATA_DIR": str(tmp_path / "store"), **secrets}
    subprocess.run(
        [sys.executable, "-m", "api.cli", "accounts", "create", "ada", "--role", "player", "--password-file", "-"],
        env={**os.environ, **store, "TTA_LINGER_S": "0.2"}, cwd=ROOT, input=PASSWORD, capture_output=True, text=True, check=True,
    )  # fmt: skip
    with serving(tmp_path / "store", **secrets) as closed:
        terminal = Terminal(tmp_path, "--server", closed.url, "--world", "winter_light")
        try:
            terminal.until("Name")
            terminal.type("ada")
            terminal.until("Password: ")  # with the blank, which comes when nothing is echoed any more
            terminal.type(PASSWORD)
            assert PASSWORD not in terminal.until(PROMPT)
            terminal.type("look")
            assert "ways" in terminal.until(PROMPT)
            terminal.type("attempts")
            assert "cannot be had over HTTP" in " ".join(terminal.until(PROMPT).split())
            terminal.type("quit")
            terminal.until(f"--server {closed.url}")
            assert terminal.close() == 0
        finally:
            if terminal.process.poll() is None:
                terminal.process.kill()


def test_whoever_is_at_risk_waits_for_no_server_that_has_gone(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as server:
        terminal = Terminal(tmp_path, "--server", server.url, "--world", "winter_light")
        try:
            terminal.until(PROMPT)
            server.kill()
            terminal.type("I want to end my life tonight")
            terminal.until("findahelpline")  # sooner than a server is given up
        finally:
            terminal.process.kill()
            terminal.process.wait()
            os.close(terminal.master)


def test_the_first_prompt_of_a_local_play_brings_no_client() -> None:
    code = "import sys, api.cli.run, api.terminal.sitting, api.terminal.prompt; print(sorted({'api.client', 'fastapi', 'api.terminal.far'} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
