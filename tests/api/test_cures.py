"""What a command tells to do can be done where it is told; what it warns of is one line on stderr and no failure."""

import json
import sys
from pathlib import Path

import pytest
from cottage import COTTAGE
from seen import DANGER

from api.cli import keeping
from api.cli.run import run
from api.cli.training import teller


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TTA_LINGER_S", "1")


def play(tmp_path: Path, *lines: str, options: tuple[str, ...] = ()) -> int:
    script = tmp_path / "script.txt"
    script.write_text("\n".join(lines))
    return run(["play", "--world", COTTAGE, "--session", "s", "--script", str(script), *options])


def test_a_paused_story_is_gone_on_with_by_a_command_that_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path, "look", "save side", DANGER)
    for command in (["fork", "s", "q", "--at", "1"], ["branches", "s", "--switch", "side"]):
        capsys.readouterr()
        assert run(command) == 1
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("tta: The story is paused. Open it with `tta play --session s`, and type `resume` there")


def test_a_turn_that_is_not_there_names_the_command_that_lists_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path, "look")
    capsys.readouterr()
    assert run(["fork", "s", "q", "--at", "deadbeef"]) == 1
    assert "`tta sessions show s` lists the last turns; with --json their ids" in capsys.readouterr().err
    assert run(["sessions", "show", "s", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["turns"][0]["turn_id"]


def test_an_attempt_that_is_none_is_told_with_those_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path, "attempt 1", "look", "retry", "attempt 9", options=("--json",))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    none, nine = (each["error"] for each in told if "error" in each)
    assert (none["cure"], none.get("choices")) == ("Nothing was played here yet.", None)
    assert (nine["cure"], nine["choices"]) == ("`attempts` tells what each came to.", ["1", "2"])


def test_every_command_warns_once_of_a_variable_that_is_no_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTA_MODLE", "local")
    said = "tta: TTA_MODLE is no setting. Did you mean TTA_MODEL?\n"
    assert play(tmp_path, "look", options=("--json",)) == 0
    out, err = capsys.readouterr()
    assert (err, "TTA_MODLE" in out) == (said, False)
    assert run(["worlds", "list"]) == 0
    assert capsys.readouterr().err == said
    assert run(["--version"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["doctor"]) == 1
    out, err = capsys.readouterr()
    assert (err, out.count("TTA_MODLE")) == ("", 1), "it tells it itself"


@pytest.mark.parametrize("name", ["TTA_SECRETS_DIR", "TTA_SERVE_PROCESSES", "TTA_METRICS_PORT", "TTA_REQUIRE_WALK"])
def test_what_is_no_field_of_the_settings_may_still_be_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, str(tmp_path))
    assert run(["worlds", "list"]) == 0
    assert capsys.readouterr().err == ""


def test_a_picture_of_a_play_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(tmp_path, "look", options=("--svg", str(tmp_path / "a.svg"))) == 0
    assert capsys.readouterr().out.endswith(f"Drawn into {tmp_path / 'a.svg'}.\n")


def test_a_picture_of_a_report_says_where_it_is_but_not_among_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.jsonl").write_text('{"id": 1, "text": "go", "expect": "allow"}\n')
    command, said = (
        ["safety", "report", str(tmp_path), "--svg", str(tmp_path / "a.svg")],
        f"Drawn into {tmp_path}/a.svg.",
    )
    assert run(command) == 0
    assert said in capsys.readouterr().out
    assert run([*command, "--json"]) == 0
    assert said not in capsys.readouterr().out


def test_where_nobody_looks_a_long_training_tells_every_tenth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell = teller()
    for done in range(0, 44_208, 64):
        tell("states", done, 44_208)
    tell("head crisis", 0, 3)
    lines = capsys.readouterr().err.splitlines()
    assert [lines[0], lines[-1]] == ["states: 0 of 44,208", "head crisis: 0 of 3"]
    assert len(lines) == 11
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for done in range(5):
        tell("states", done, 44_208)
    assert len(capsys.readouterr().err.splitlines()) == 5


def test_progress_counts_on_over_the_stories_of_a_backup_and_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keeping, "PROGRESS_S", 0)
    told = keeping._progress("node")
    for done in (1, 1, 500, 2):
        told(done)
    assert capsys.readouterr().err == "So far 1 node ...\nSo far 500 nodes ...\nSo far 502 nodes ...\n"
