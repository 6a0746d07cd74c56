"""The whole life of a story from the command line: what each call says, writes and refuses; and an export over HTTP."""

import json
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from cottage import COTTAGE

from agents.errors import InvalidStory
from api.cli.run import run
from graphs.archive.check import check_file
from graphs.engine import StoryEngine


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TTA_LINGER_S", "2")
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command; its exit code, what it said, and its complaints."""

    def call(*arguments: object) -> tuple[int, str, list[str]]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return call


@pytest.fixture
def played(tmp_path: Path, said: Any) -> str:
    script = tmp_path / "script.txt"
    script.write_text("take lamp\nlook\n")
    assert said("play", "--world", COTTAGE, "--session", "s", "--seed", 1, "--script", script)[0] == 0
    return "s"


def test_export_and_import(played: str, tmp_path: Path, said: Any) -> None:
    file = tmp_path / "story.jsonl"
    code, out, _ = said("sessions", "export", played, "--out", file, "--json")
    told = json.loads(out)
    assert (code, told["session"], told["file"]) == (0, played, str(file))
    assert told["bytes"] == file.stat().st_size
    assert told["lines"] == len(file.read_text().splitlines())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert said("sessions", "export", played)[1].splitlines()[1:] == file.read_text().splitlines()[1:]
    code, _, err = said("sessions", "export", played, "--out", file)
    assert (code, len(err)) == (2, 1)
    assert "--force" in err[0]
    assert said("sessions", "export", played, "--out", file, "--force", "--no-traces")[0] == 0
    assert '{"trace"' not in file.read_text()
    code, _, err = said("sessions", "import", file)
    assert (code, len(err)) == (1, 1)
    assert "--as" in err[0]
    code, out, _ = said("sessions", "import", file, "--as", "copy", "--json")
    assert (code, json.loads(out)["session"]) == (0, "copy")
    assert said("facts", "copy", "--json")[1] == said("facts", played, "--json")[1]


def test_every_fault_of_a_file_is_a_line(played: str, tmp_path: Path, said: Any) -> None:
    file = tmp_path / "story.jsonl"
    said("sessions", "export", played, "--out", file)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], "{", *lines[2:5], "[]"]))
    code, out, err = said("sessions", "import", file, "--as", "copy")
    assert (code, out) == (2, "")
    assert [line.split(" ")[1] for line in err[:2]] == [f"{file}:2:", f"{file}:6:"]
    assert all(line.startswith(f"tta: {file}:") and line.endswith(".") for line in err)
    assert said("sessions", "show", "copy")[0] == 1


def test_a_line_that_cannot_be_read_is_the_only_fault(played: str, tmp_path: Path, said: Any) -> None:
    """Whichever it is, but for the header: what the lines behind it miss may have stood there."""
    file = tmp_path / "story.jsonl"
    said("sessions", "export", played, "--out", file)
    lines = file.read_text().splitlines()
    for place in range(1, len(lines)):
        with file.open("wb+") as broken:
            broken.write("\n".join([*lines[:place], "{", *lines[place + 1 :], ""]).encode())
            with pytest.raises(InvalidStory, match="not JSON") as caught:
                check_file(broken, "br.jsonl", "story")
        assert (caught.value.place, caught.value.others) == (f"br.jsonl:{place + 1}", [])


@pytest.mark.parametrize(
    ("arguments", "cause", "code"),
    [
        (["export", "nobody"], "no session 'nobody'", 1),
        (["export", "s", "--out", "{tmp}"], "it is a folder", 2),
        (["export", "s", "--out", "{tmp}/no/file"], "folder does not exist", 2),
        (["import", "{tmp}/nothing"], "it is not there", 2),
        (["import", "{tmp}"], "no plain file", 2),
        (["restore", "/dev/zero"], "no plain file", 2),
        (["backup", "/dev/null", "--force"], "there already", 2),
        (["delete"], "Name one session", 2),
        (["delete", "s", "--all"], "Name one session", 2),
        (["delete", "s", "--player", "ann"], "Name one session", 2),
        (["delete", "--all"], "--yes", 2),
        (["delete", "--player", "ann", "--yes"], "'ann' has no sessions", 1),
        (["delete", "--player", "ann"], "--yes", 2),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], cause: str, code: int, played: str, tmp_path: Path, said: Any
) -> None:
    del played
    got, out, err = said("sessions", *[argument.replace("{tmp}", str(tmp_path)) for argument in arguments])
    assert (got, out, len(err)) == (code, "", 1), err
    assert cause in err[0]
    assert "Traceback" not in err[0]


def test_backup_delete_and_restore(played: str, tmp_path: Path, said: Any) -> None:
    file = tmp_path / "backup"
    code, out, _ = said("sessions", "backup", file, "--json")
    told = json.loads(out)
    assert (code, told["tenant"], told["sessions"], told["in_flight"]) == (0, "local", [played], [])
    assert (told["file"], told["bytes"]) == (str(file), file.stat().st_size)
    before = said("facts", played, "--json")[1]
    code, _, err = said("sessions", "restore", file)
    assert (code, len(err)) == (1, 1)
    assert "--force" in err[0]
    code, out, _ = said("sessions", "delete", "--player", "player", "--yes", "--json")
    assert (code, json.loads(out)["sessions"]) == (0, [played])
    assert json.loads(said("sessions", "delete", "--all", "--yes", "--json")[1]) == {"sessions": [], "nodes": 0}
    code, out, _ = said("sessions", "restore", file, "--json")
    assert json.loads(out) == {"tenant": "local", "sessions": [played], "replaced": [], "file": str(file)}
    assert said("facts", played, "--json")[1] == before
    assert json.loads(said("sessions", "sweep", "--json")[1]) == {"finished": [], "strays": [], "lines": 0}
    assert said("sessions", "delete", played, "--yes")[1] == f"Session {played} is gone from both stores.\n"


async def test_export_over_http(client: httpx.AsyncClient, engine: StoryEngine, begin: Any) -> None:
    turns = await begin()
    session = turns.split("/")[-2]
    await client.post(turns, json={"action": "look"})
    answer = await client.get(turns.replace("turns", "export"))
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert (lines[0]["tta"], lines[-1]["end"]["turn"]) == ("story", 2)
    assert answer.text.splitlines()[1:] == [line async for line in engine.export(session)][1:]
    assert "trace" in lines[-1]["end"]
    bare = await client.get(turns.replace("turns", "export"), params={"traces": "false"})
    assert "trace" not in json.loads(bare.text.splitlines()[-1])["end"]
    assert (await client.get("/api/v1/sessions/nobody/export")).status_code == 404
