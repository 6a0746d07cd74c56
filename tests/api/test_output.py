"""What the command shows people: data is never markup, nothing is squeezed, and one truth about the default world."""

import json
from pathlib import Path

import pytest

from agents.world.load import shipped_worlds
from api.cli.output import counted, table
from api.cli.run import run

COTTAGE = Path(__file__).parents[1] / "data" / "cottage.yaml"
MARKUP = "[/bold] :smile: [red]x"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server lingers between the commands of a test."""
    monkeypatch.setenv("TTA_LINGER_S", "2")


@pytest.fixture
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of eighty characters, as far as anybody asks."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("api.cli.output.watched", lambda: True)


def play(tmp_path: Path, *lines: str, session: str = "mine", world: str = str(COTTAGE), options: tuple = ()) -> int:
    script = tmp_path / "script.txt"
    script.write_text("\n".join(lines) + "\n")
    return run(["play", "--world", world, "--session", session, "--seed", "1", "--script", str(script), *options])


def test_a_title_is_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = tmp_path / "mine.yaml"
    world.write_text(COTTAGE.read_text().replace("title: ", f'title: "{MARKUP}" # ', 1))
    assert play(tmp_path, "look", session="marked", world=str(world)) == 0
    for command in (["sessions", "list"], ["sessions", "show", "marked"], ["worlds", "show", str(world)]):
        capsys.readouterr()
        assert run(command) == 0
        assert MARKUP in capsys.readouterr().out
    assert (
        play(tmp_path, "look at [/bold]", session="marked", world=str(world), options=("--svg", f"{tmp_path}/x.svg"))
        == 0
    )
    assert run(["trace", "marked"]) == 0


def test_a_narrow_terminal_cuts_one_column_and_no_other(eighty: None, capsys: pytest.CaptureFixture[str]) -> None:
    table(["session", "title", "last played"], [["a" * 20, "t" * 90, "2026-11-24 04:20"]], gives="title")
    row = capsys.readouterr().out.splitlines()[-2]
    assert len(row.rstrip()) <= 80
    assert "a" * 20 in row
    assert "2026-11-24 04:20" in row
    assert "…" in row


def test_counts() -> None:
    assert [counted(number, "turn") for number in (0, 1, 2)] == ["0 turns", "1 turn", "2 turns"]


def test_the_default_world_is_first_and_marked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["worlds", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sorted(world["world"] for world in found) == shipped_worlds()
    assert [world["default"] for world in found] == [True, False, False]
    assert run(["worlds", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(found[0]["world"])
    assert "(the default)" in lines[0]
    script = tmp_path / "script.txt"
    script.write_text("look\n")
    assert run(["play", "--script", str(script), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["world"] == found[0]["world"]


def test_a_file_that_is_no_world_is_told_in_twenty_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("\n".join(f"key_{number}: 1" for number in range(500)) + "\n")
    assert run(["worlds", "validate", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert any("more faults: see them with --json" in line for line in lines)


@pytest.fixture
def story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A session of two turns."""
    run(["sessions", "delete", "told", "--yes"])
    play(tmp_path, "take the brass lamp", "look", "save side", session="told")
    capsys.readouterr()
    return "told"


def test_facts_are_what_a_person_wants_to_read(story: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["facts", story]) == 0
    out = capsys.readouterr().out
    assert "lamp" in out
    assert "visits" not in out
    assert "--all shows them" in out
    assert run(["facts", story, "--all"]) == 0
    assert "visits" in capsys.readouterr().out
    assert run(["facts", story, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {fact["until"] for fact in facts} == {None}, "what still holds has no end"
    assert "visits" in {fact["relation"] for fact in facts}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["facts", "told", "--at", "999"], ["no turn 999", "0 to 2"]),
        (["facts", "told", "--about", "unicorn"], ["'unicorn'", "lamp"]),
        (["trace", "told", "999"], ["branch 'main' has no turn 999: it has turns 1 to 2", "tta branches told"]),
        (["fork", "told", "new", "--at", "3"], ["branch 'main' has no turn 3: it has turns 1 to 2", "tta branches told"]),
        (["sessions", "delete", "told"], ["no terminal", "--yes"]),
        (["sessions", "delete", "nobody", "--yes"], ["no session 'nobody'"]),
        (["worlds", "upgrade", "told", "--to", "night_train"], ["and that is 'night_train'"]),
        (["worlds", "upgrade", "nobody"], ["no session 'nobody'"]),
        (["worlds", "upgrade", "told", "--to", "no.yaml"], ["no world file no.yaml", "winter_light"]),
        (["branches", "told", "--delete", "main"], ["'main'", "Switch to another"]),
        (["branches", "told", "--delete", "nobody"], ["no branch 'nobody'", "main"]),
        (["branches", "told", "--switch", "nobody"], ["no branch 'nobody'", "main"]),
        (["play", "--session", "told", "--world", "night_train", "--script", "{}"], ["begun with --world", "not night_train"]),
        (["play", "--session", "told", "--seed", "7", "--script", "{}"], ["begun with --seed 1, not 7"]),
        (["play", "--session", "told", "--model", "local", "--script", "{}"], ["begun with --model offline"]),
        (["play", "--session", "told", "--techniques", "--script", "{}"], ["begun without --techniques"]),
    ],
)  # fmt: skip
def test_what_is_not_there_or_not_so_is_one_line(
    story: str, tmp_path: Path, arguments: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [part.format(tmp_path / "script.txt") for part in arguments]
    wrong_usage = "play" in arguments or "no.yaml" in arguments or "delete told" in " ".join(arguments)
    assert run(arguments) == (2 if wrong_usage else 1)
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert all(part in err for part in parts), err


def test_a_session_is_moved_to_another_edition(story: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cottage.yaml"
    text = COTTAGE.read_text()
    file.write_text(text)
    upgrade = ["worlds", "upgrade", story, "--to", str(file)]
    assert run(upgrade) == 0
    assert "plays this edition of cottage already" in capsys.readouterr().out
    file.write_text(text.replace("lamp: {name: brass lamp, in: table", "lamp: {name: brass lamp, in: box"))
    assert run([*upgrade, "--dry-run", "--json"]) == 0
    tried = json.loads(capsys.readouterr().out)
    assert (tried["upgraded"], tried["world"], tried["misfits"]) == (False, "cottage", [])
    assert run(upgrade) == 0
    out = capsys.readouterr().out
    assert "Everything where the session's branches stand fits the new edition." in out
    assert f"Session {story} plays version 1 of cottage from its next turn on." in out


def test_what_would_be_lost_is_asked_about(story: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cottage.yaml"
    text = (
        COTTAGE.read_text()
        .replace("states: {letters: 0}", "states: {notes: 0}")
        .replace("world.letters", "world.notes")
    )
    file.write_text(text)
    upgrade = ["worlds", "upgrade", story, "--to", str(file)]
    assert run(upgrade) == 2
    out, err = capsys.readouterr()
    assert "branch main: world: 'letters' is no more (world.letters)." in out
    assert "no terminal to ask at" in err
    assert "--yes" in err
    assert run([*upgrade, "--yes", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["upgraded"], {misfit["branch"] for misfit in done["misfits"]}) == (True, {"main", "side"})


def test_what_a_session_has_may_be_said_again(story: str, tmp_path: Path) -> None:
    assert play(tmp_path, "look", session=story, options=("--model", "offline")) == 0


def test_a_branch_at_its_beginning_has_no_turn_to_trace(
    story: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(tmp_path, "undo 2", session=story) == 0
    for words in ([], ["999"]):
        capsys.readouterr()
        assert run(["trace", story, *words]) == 1
        err = capsys.readouterr().err
        assert "it is at the beginning" in err
        assert f"tta branches {story}" in err


def test_a_turn_of_another_branch_is_found(story: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The active branch went back; what it has, and who has the turn, is said."""
    assert play(tmp_path, "undo", session=story) == 0
    for command in (["trace", story, "2"], ["fork", story, "new", "--at", "2"]):
        capsys.readouterr()
        assert run(command) == 1
        err = capsys.readouterr().err
        assert "The active branch 'main' has no turn 2: it has only turn 1." in err
        assert "`load side`" in err


def test_more_sessions_than_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    for number in range(6):
        capsys.readouterr()
        assert run(["play", "--session", "nobody", *data]) == 1
        assert "and others" not in capsys.readouterr().err
        assert play(tmp_path, "look", session=f"s{number}", options=tuple(data)) == 0
    capsys.readouterr()
    assert run(["play", "--session", "nobody", *data]) == 1
    assert "Choose from: s5, s4, s3, s2, s1 and others." in capsys.readouterr().err


def test_a_trace_is_short_lines_for_people_and_whole_for_programs(
    story: str, eighty: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["trace", story, "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    prompts = next(place for place, line in enumerate(lines) if line.startswith("  prompt ("))
    assert not any("{" in line or '"' in line or ": [" in line for line in lines[:prompts])
    assert any(line.startswith("0 begin -> screen_action") for line in lines)
    assert run(["trace", story, "1", "--json"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["nodes"][0]["node"] == "begin"
    assert len(text.splitlines()) > 10, "indented for a person at a terminal"


def test_the_graph_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["graph", "--json"]) == 0
    told = capsys.readouterr().out
    graph = json.loads(told)
    assert set(graph) == {"nodes", "edges"}
    assert "screen_action" in graph["nodes"]
    assert {"from": "screen_action", "to": "crisis", "conditional": True} in graph["edges"]
    assert "langgraph" not in told


def test_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    listed = []
    for command in (["prompts", "--json"], ["prompts", "list", "--json"]):
        assert run(command) == 0
        listed.append(json.loads(capsys.readouterr().out))
    assert listed[0] == listed[1]
    name = listed[0][0]["prompt"]
    assert run(["prompts", "show", name]) == 0
    assert "# system" in capsys.readouterr().out


def test_deleting_asks_about_a_session_that_is_there(
    story: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda text, abort: asked.append(text))
    assert run(["sessions", "delete", "nobody"]) == 1
    assert asked == []
    assert run(["sessions", "delete", story]) == 0
    assert len(asked) == 1
    capsys.readouterr()
    assert run(["sessions", "show", story]) == 1
