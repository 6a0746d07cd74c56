"""A user's mistake ends in one line with place, cause and cure, and never in exit code 0."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.models.embedding import minilm
from api.cli.run import run
from graphs.settings import read_settings

Prepare = Callable[[Path], list[str]]


def script(tmp_path: Path, content: bytes = b"look\n") -> str:
    path = tmp_path / "script.txt"
    path.write_bytes(content)
    return str(path)


def bad_world(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


def talk(tmp_path: Path) -> str:
    """A conversation without a word."""
    path = tmp_path / "talk.jsonl"
    path.write_text('{"conversation": "c", "turns": [], "questions": []}\n')
    return str(path)


def unwritable(tmp_path: Path) -> str:
    """A data directory that cannot be made: below a file, so that even root is refused."""
    (tmp_path / "file").write_text("")
    return str(tmp_path / "file" / "data")


# Each: what the user types, parts that the one line must hold, the exit code: 2 for what is wrong with the command line, a
# setting or a file that they name, whatever the stores hold; 1 for what is not in the stores, or failed.
MISTAKES: list[tuple[str, Prepare, list[str], int]] = [
    ("missing file", lambda p: ["play", "--script", str(p / "none.txt")], ["none.txt:", "No such file", "Check"], 2),
    ("missing world file", lambda p: ["worlds", "validate", str(p / "no.yaml")], ["no.yaml", "Check the path", "night_train"], 2),
    ("bad YAML", lambda p: ["worlds", "validate", bad_world(p, "world: [x\n")], ["mine.yaml:2:", "not YAML", "Mend"], 2),
    ("bad world to play", lambda p: ["play", "--world", bad_world(p, "world: x\n")], ["mine.yaml:1:", "missing", "Mend"], 2),
    ("unknown world", lambda p: ["play", "--world", "nite_train"], ["nite_train", "Did you mean night_train"], 2),
    ("unknown model", lambda p: ["play", "--model", "gtp"], ["no model 'gtp'", "Choose from: offline"], 2),
    ("model without a name", lambda p: ["play", "--model", "openai"], ["no model 'openai'", "provider:name"], 2),
    ("no key", lambda p: ["play", "--model", "anthropic:x"], ["ANTHROPIC_API_KEY"], 2),
    ("extra not installed", lambda p: ["play", "--model", "google_genai:x"], ["extra 'google'", "uv sync --extra google"], 2),
    ("package not installed", lambda p: ["play", "--model", "mistralai:x"], ["package 'langchain-mistralai'", "uv pip install"], 2),
    ("no such GGUF", lambda p: ["play", "--model", f"local:{p}/m.gguf"], [], 2),
    ("no set to screen", lambda p: ["safety", "check", "--in", str(p / "no.jsonl")], ["no.jsonl", "cannot be read", "Check"], 2),
    ("a folder to screen", lambda p: ["safety", "check", "--in", str(p)], ["cannot be read", "Check the path"], 2),
    ("an empty set", lambda p: ["safety", "check", "--in", script(p, b"\n")], ["script.txt", "no conversation", "one a line"], 2),
    ("no JSON to screen", lambda p: ["safety", "check", "--in", script(p)], ["script.txt:1", "not JSON", "Write"], 2),
    ("unknown tier", lambda p: ["safety", "audit", "--tier", "high"], ["no tier 'high'", "none, check_in, crisis"], 2),
    ("a time that is none", lambda p: ["safety", "audit", "--since", "soon"], ["--since 'soon'", "2026-11-24", "7d"], 2),
    ("a time that never was", lambda p: ["safety", "audit", "--since", "999999w"], ["is no time"], 2),
    ("no text to match", lambda p: ["safety", "audit", "--match", str(p / "no.txt")], ["no.txt", "not there", "Check"], 2),
    ("an empty text to match", lambda p: ["safety", "audit", "--match", script(p, b" \n")], ["no text in it", "Give the text"], 2),
    ("a text that is not UTF-8", lambda p: ["safety", "audit", "--match", script(p, b"\xff")], ["not UTF-8", "Save it"], 2),
    ("no entries wanted", lambda p: ["safety", "audit", "--limit", "0"], ["--limit", "than or equal to 1"], 2),
    ("unknown session to audit", lambda p: ["safety", "audit", "--session", "nobody"], ["no session 'nobody'"], 1),
    ("unknown session", lambda p: ["trace", "nobody"], ["no session 'nobody'", "tta sessions list"], 1),
    ("unknown session to play", lambda p: ["play", "--session", "nobody"], ["no session 'nobody'", "--world"], 1),
    ("missing world file to play", lambda p: ["play", "--world", str(p / "no.yaml")], ["no.yaml", "Check the path"], 2),
    ("missing world file to show", lambda p: ["worlds", "show", str(p / "no.yaml")], ["no.yaml", "Check the path"], 2),
    ("unknown world to show", lambda p: ["worlds", "show", "nite_train"], ["Did you mean night_train"], 2),
    ("unknown prompt to show", lambda p: ["prompts", "show", "narate"], ["Did you mean narrate"], 2),
    ("unknown benchmark", lambda p: ["bench", "sotry"], ["no benchmark 'sotry'", "Choose from", "story"], 2),
    ("a benchmark that takes no file", lambda p: ["bench", "story", "--data", str(p / "x")], ["takes no --data"], 2),
    ("a benchmark of nothing", lambda p: ["bench", "recall"], ["nothing to play", "--data"], 2),
    ("an embedder that is none", lambda p: ["bench", "recall", "--data", talk(p), "--embedder", "elmo"], ["embedder 'elmo'", "minilm"], 2),
    ("a benchmark that takes no embedder", lambda p: ["bench", "story", "--embedder", "minilm"], ["takes no --embedder"], 2),
    ("a benchmark without its file", lambda p: ["bench", "recall", "--data", str(p / "none.jsonl")], ["none.jsonl", "JSON Lines"], 2),
    ("a benchmark of another file", lambda p: ["bench", "recall", "--data", script(p, b'\n{"turns": []}\n')], ["script.txt:2:", "JSON Lines"], 2),
    ("a benchmark of an empty file", lambda p: ["bench", "recall", "--data", script(p, b"\n")], ["no conversations"], 2),
    ("unknown model to evaluate", lambda p: ["eval", "--model", "gtp"], ["no model 'gtp'", "offline"], 2),
    ("unknown session to show", lambda p: ["sessions", "show", "nobody"], ["no session 'nobody'"], 1),
    ("unknown session to delete", lambda p: ["sessions", "delete", "nobody"], ["no session 'nobody'"], 1),
    ("unknown session to fork", lambda p: ["fork", "nobody", "new"], ["no session 'nobody'"], 1),
    ("turn that is none", lambda p: ["trace", "nobody", "first"], ["turn", "integer", "--help"], 2),
    ("bad session id", lambda p: ["play", "--session", "no/body", "--world", "night_train"], ["session id", "letters"], 2),
    ("unwritable data directory", lambda p: ["play", "--data-dir", unwritable(p)], ["data", "cannot"], 2),
    ("script that is not UTF-8", lambda p: ["play", "--script", script(p, b"look\n\xff\n")], ["script.txt:2:", "UTF-8"], 2),
    ("unknown command", lambda p: ["plya"], ["no command 'plya'", "Did you mean play"], 2),
    ("unknown option", lambda p: ["play", "--wrold", "x"], ["--wrold", "--help"], 2),
    ("number that is none", lambda p: ["play", "--seed", "x"], ["seed", "integer"], 2),
    ("unknown prompt", lambda p: ["eval", "narate"], ["narate", "Did you mean narrate"], 2),
    ("binding elsewhere", lambda p: ["serve", "--host", "0.0.0.0"], ["0.0.0.0", "127.0.0.1"], 2),
    ("empty script", lambda p: ["play", "--script", script(p, b"# nothing\n\n")], ["script.txt:", "no actions", "Write one"], 2),
    ("endless script", lambda p: ["play", "--script", "/dev/zero"], ["/dev/zero:", "1 MB", "in parts"], 2),
    ("too many lines", lambda p: ["play", "--script", script(p, b"look\n" * 10_001)], ["10001 actions", "10000", "in parts"], 2),
    ("a folder for a script", lambda p: ["play", "--script", str(p)], ["directory", "Check the path"], 2),
    ("a folder for a world", lambda p: ["play", "--world", str(p), "--script", script(p)], ["is a folder", "YAML"], 2),
    ("a folder to validate", lambda p: ["worlds", "validate", str(p)], ["is a folder", "YAML"], 2),
    ("a picture of JSON", lambda p: ["play", "--json", "--svg", str(p / "x.svg"), "--script", script(p)], ["A picture is of what is shown", "Leave out one"], 2),
    ("play's picture into nowhere", lambda p: ["play", "--svg", str(p / "no" / "x.svg"), "--script", script(p)], ["x.svg:", "folder does not exist", "Name a file"], 2),
    ("an empty world", lambda p: ["play", "--world", ""], ["--world is empty", "leave it out"], 2),
    ("an empty directory", lambda p: ["play", "--data-dir="], ["--data-dir is empty"], 2),
    ("an empty session", lambda p: ["trace", ""], ["argument is empty"], 2),
    ("a seed below zero", lambda p: ["play", "--seed", "-1"], ["--seed", "than or equal to 0"], 2),
    ("a seed too large", lambda p: ["play", "--seed", "99999999999999999999"], ["--seed", "than or equal to 2147483647"], 2),
    ("picture into nowhere", lambda p: ["graph", "--svg", str(p / "no" / "x.svg")], ["cannot be written", "x.svg"], 2),
]  # fmt: skip


@pytest.mark.parametrize(("prepare", "parts", "code"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_one_line(
    prepare: Prepare,
    parts: list[str],
    code: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    if "anthropic:x" in prepare(tmp_path):  # the package is there, as far as anybody looks before the key
        (tmp_path / "installed" / "langchain_anthropic").mkdir(parents=True)
        (tmp_path / "installed" / "langchain_anthropic" / "__init__.py").touch()
        monkeypatch.syspath_prepend(tmp_path / "installed")
    untouched = tmp_path / "untouched"
    monkeypatch.setenv("TTA_DATA_DIR", str(untouched))
    monkeypatch.setenv("TTA_LINGER_S", "0.2")
    arguments = prepare(tmp_path)
    got = run(arguments)
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.strip()]
    assert got == code, err
    assert len(lines) == 1, err
    assert "Traceback" not in err + out
    assert lines[0].startswith("tta")
    for part in parts:
        assert part.lower() in lines[0].lower()
    if code == 2:
        assert not untouched.exists(), "no store was needed to see it"
    else:
        assert (run(["sessions", "list", "--json"]), capsys.readouterr().out) == (0, "[]\n"), "nothing has begun"


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("TTA_REDIS_URL", "redis://127.0.0.1:1", ["Redis", "TTA_REDIS_URL"]),
        ("TTA_REDIS_URL", "http://x", ["TTA_REDIS_URL", "redis://"]),
        ("TTA_NEO4J_URI", "bolt://127.0.0.1:1", ["Neo4j"]),
        ("TTA_NEO4J_URI", "ftp://x", ["TTA_NEO4J_URI", "bolt://"]),
        ("TTA_MODEL", "nonsense", ["nonsense", "offline"]),
        ("TTA_EMBEDDER", "word2vec", ["TTA_EMBEDDER", "minilm"]),
        ("TTA_ENCRYPTION_KEYS", "hunter2", ["TTA_ENCRYPTION_KEYS", "32 bytes", "Fernet"]),
        ("TTA_ENCRYPTION_SEARCH", "some", ["TTA_ENCRYPTION_SEARCH", "none", "hashed"]),
        ("TTA_LOCALE", "nowhere", ["TTA_LOCALE", "country such as GB"]),
        ("TTA_TENANT", "my tenant", ["TTA_TENANT", "letters, digits"]),
        ("TTA_MODEL_TIMEOUT_S", "soon", ["TTA_MODEL_TIMEOUT_S"]),
        ("TTA_AUDIT_DAYS", "0", ["TTA_AUDIT_DAYS", "greater than or equal to 1"]),
        ("TTA_AUDIT_KEY", "hunter2", ["TTA_AUDIT_KEY", "32 characters"]),
        ("TTA_SAFETY_WEBHOOK_URL", "http://example.org", ["TTA_SAFETY_WEBHOOK_URL", "https://"]),
        ("TTA_SAFETY_WEBHOOK_URL", "https://example.org", ["TTA_SAFETY_WEBHOOK_SECRET", "base64"]),
    ],
)
def test_a_bad_setting_is_one_line(
    variable: str, value: str, parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("TTA_LINGER_S", "0.1")
    code = run(["play", "--world", "night_train", "--script", script(tmp_path), "--data-dir", str(tmp_path / "data")])
    _, err = capsys.readouterr()
    assert code != 0
    assert len(err.splitlines()) == 1, err
    assert all(part.lower() in err.lower() for part in parts), err


def test_a_cry_for_help_among_too_many_topics_gets_help_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = ",".join([*"abcdefghijklm", "i want to die"])
    assert run(["play", "--avoid", topics, "--script", script(tmp_path), "--data-dir", str(tmp_path / "data")]) == 2
    first, *_, line = capsys.readouterr().err.splitlines()
    assert "14 topics to avoid" in line
    assert "Nothing of that was played" in first


def test_an_embedder_without_its_extra_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, package=None: None if name == "onnxruntime" else find(name, package)
    )
    monkeypatch.setenv("TTA_EMBEDDER", "minilm")
    minilm.cache_clear()  # an earlier test may have found it
    assert run(["play", "--script", script(tmp_path), "--data-dir", str(tmp_path / "data")]) == 2
    *help_, line = capsys.readouterr().err.splitlines()
    assert "uv sync --reinstall" in line
    assert all("uv sync" not in each for each in help_), "where nobody can read for danger, help comes first"
    assert not (tmp_path / "data").exists(), "no store was needed to see it"
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TTA_LINGER_S", "0.2")
    assert run(["doctor"]) == 1
    assert "FAIL embedder" in capsys.readouterr().out


def test_a_password_is_never_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTA_REDIS_URL", "redis://:hunter2@127.0.0.1:1")
    monkeypatch.setenv("TTA_NEO4J_PASSWORD", "hunter3")
    monkeypatch.setenv("TTA_NEO4J_URI", "bolt://127.0.0.1:1")
    run(["play", "--script", script(tmp_path)])
    run(["doctor"])
    out, err = capsys.readouterr()
    assert "hunter" not in out + err


def test_doctor_names_a_variable_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TTA_LINGER_S", "0.2")
    assert run(["doctor"]) == 0
    monkeypatch.setenv("TTA_MODLE", "offline")
    assert run(["doctor"]) == 1
    assert "TTA_MODLE is no setting\n       Did you mean TTA_MODEL?" in capsys.readouterr().out


def test_another_package_called_agents_is_named(tmp_path: Path) -> None:
    """Some other project's `agents` before ours on the path: a clear line, not a mystery."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    root = Path(__file__).parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r}); sys.path.insert(0, {str(tmp_path)!r}); import runpy; runpy.run_module('api.cli', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ)
    )
    assert done.returncode == 1
    assert "another package called 'agents'" in done.stderr
    assert "venv" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_variable_that_is_empty_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA_DIR", "MODEL", "TENANT", "REDIS_URL", "NEO4J_URI", "LINGER_S"):
        monkeypatch.delenv(f"TTA_{name}", raising=False)
    usual = read_settings()
    for name in ("DATA_DIR", "MODEL", "TENANT", "REDIS_URL", "NEO4J_URI", "LINGER_S"):
        monkeypatch.setenv(f"TTA_{name}", "")
    assert read_settings() == usual


def test_a_line_that_cannot_be_played_is_named_by_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TTA_LINGER_S", "0.2")
    path = script(tmp_path, b"# a comment\nlook\n" + b"x" * 2001 + b"\nlook\x07\n")
    assert run(["play", "--script", path, "--world", "night_train"]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tta:")]
    assert [line.split(": ")[1] for line in told] == [f"{path}:3", f"{path}:4"]


@pytest.mark.parametrize(
    "command",
    [
        ["play", "I want to die"],
        ["play", "--session", "kill_myself"],
        ["play", "--session", "kill_myself", "--world", "night_train"],
        ["play", "--world", "I want to die"],
        ["play", "--seed", "I want to die"],
        ["play", "--script", "I want to die"],
        ["sessions", "show", "i want to die"],
        ["trace", "nobody", "i want to die"],
        ["i want to die"],
        ["i", "want", "to", "die"],
        ["--i-want-to-die"],
    ],
    ids=" ".join,
)
def test_a_person_at_risk_on_the_command_line_is_not_only_told_a_mistake(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TTA_LINGER_S", "0.1")
    assert run(command) in (1, 2)
    err = capsys.readouterr().err
    assert err.count("findahelpline") == 1
    assert "Nothing of that was played" in err
    assert err.splitlines()[-1].startswith("tta")
