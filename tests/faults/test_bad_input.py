"""Every bad input, through `tta play --script` and over HTTP: told in one line, and nothing has changed.

Told elsewhere: mistakes of the command line in `tests/api/test_mistakes.py`, bodies of requests in
`tests/api/test_problems.py`, a disk that is full in `test_full_disk.py`.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cottage import COTTAGE, begun
from fakes import ScriptedModel, impatient
from redis_servers import Server, running

from agents.errors import StoryError
from api.app import build_app
from api.cli.run import run
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings

DANGER = "I want to end my life tonight"
FENCE = "```json\n{}\n```"
MODELS = [
    ("", "nonsense|one sentence", 502),
    (FENCE, "one sentence", 502),
    ("]}\x00\x07 %%% }{ ...\n" * 50, "one sentence", 502),
    ("<fail>", "failed", 503),
    ("<hang>", "nothing for", 504),
]


async def kept(data_dir: Path, session: str) -> list[str]:
    """The actions that the session has, oldest first; none where it is not there."""
    async with open_engine(read_settings(data_dir=data_dir, linger_s=0.2)) as engine:
        await engine.recover(session)
        return [turn["action"] for turn in reversed(await engine.turns(session))]


def script(tmp_path: Path, *lines: str) -> list[str]:
    """The arguments that play these lines in a session `s` of the cottage."""
    (tmp_path / "script.txt").write_text("\n".join(lines))
    options = ["--script", str(tmp_path / "script.txt"), "--data-dir", str(tmp_path / "data")]
    return ["play", "--world", COTTAGE, "--session", "s", "--seed", "1", "--json", *options]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTA_LINGER_S", "1")


@pytest.mark.parametrize(
    ("line", "cause"), [("x" * 2001, "2001 characters"), ("look\x07", "control characters"), ("look\x1b[31m", "control characters")]
)  # fmt: skip
def test_a_line_that_cannot_be_played(
    line: str, cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(script(tmp_path, "take lamp", line, "wait")) == 2
    out, err = capsys.readouterr()
    assert len(err.splitlines()) == 1
    assert cause in err
    told = [json.loads(shown) for shown in out.splitlines()]
    assert [turn["turn"] for turn in told if "turn_id" in turn] == [1, 2]
    assert asyncio.run(kept(tmp_path / "data", "s")) == ["take lamp", "wait"]


@pytest.mark.parametrize(("answer", "cause", "status"), MODELS)
def test_a_model_that_misbehaves_in_a_script(
    answer: str, cause: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    del status
    answers = {"model": answer}

    @asynccontextmanager
    async def opened(_: str) -> AsyncIterator[Any]:
        yield ScriptedModel(answers=[answers["model"]])

    monkeypatch.setattr("graphs.storytellers.open_model", opened)
    if answer == "<hang>":
        monkeypatch.setenv("TTA_MODEL_TIMEOUT_S", "0.3")
    assert run(script(tmp_path, "take lamp")) == 1
    monkeypatch.delenv("TTA_MODEL_TIMEOUT_S", raising=False)
    out, err = capsys.readouterr()
    assert len(err.splitlines()) == 1
    assert any(part in err for part in cause.split("|")), err
    assert "quote the prompt" not in out + err
    assert json.loads(out.splitlines()[-1])["turns"] == 0
    assert asyncio.run(kept(tmp_path / "data", "s")) == []
    answers["model"] = "You take the brass lamp."
    assert run(script(tmp_path, "take lamp")) == 0
    assert asyncio.run(kept(tmp_path / "data", "s")) == ["take lamp"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A Redis that can go away; story memory stays in the embedded server."""
    made = Server(tmp_path / "redis")
    with running(made):
        yield made


def test_a_server_that_goes_in_the_midst_of_a_script(server: Server, tmp_path: Path) -> None:
    """One line says so and the script ends; what was played is there, and the rest can be played when it is back."""
    command = [sys.executable, "-m", "api.cli", "play", "--world", COTTAGE, "--session", "s", "--json"]
    # Without --script standard input is read as it comes, so that it is known here what has been played.
    env = {**os.environ, "TTA_REDIS_URL": server.url, "TTA_DATA_DIR": str(tmp_path / "data")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=env, text=True, **pipes) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("take lamp\n")
        process.stdin.flush()
        played = [json.loads(process.stdout.readline()) for _ in range(2)][-1]
        server.kill()
        out, err = process.communicate("wait\nlook\n", timeout=200)
    assert played["action"] == "take lamp"
    assert process.returncode == 1
    assert len(err.splitlines()) == 1
    assert "Redis is not reachable" in err
    assert server.url not in err
    *_, error, last = (json.loads(line) for line in out.splitlines())
    assert error["error"]["code"] == "store_unavailable"
    assert (last["done"], last["turns"]) == (True, 1)
    server.start()
    done = subprocess.run(command, env=env, input="look\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in done.stdout.splitlines() if "turn_id" in json.loads(line)]
    assert [(turn["turn"], turn["action"]) for turn in turns] in ([(2, "look")], [(3, "look")])


@pytest.fixture
async def engine(server: Server, tmp_path: Path) -> AsyncGenerator[StoryEngine]:
    settings = read_settings(data_dir=tmp_path / "data", redis_url=server.url, linger_s=0.2)
    async with open_engine(settings) as opened:
        yield opened


@pytest.fixture
async def client(engine: StoryEngine) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=build_app(engine=engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as made:
        yield made


async def numbers(client: httpx.AsyncClient, turns: str) -> list[int]:
    return [turn["number"] for turn in (await client.get(turns)).json()["turns"]]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_server_that_is_gone_over_http(
    server: Server, engine: StoryEngine, client: httpx.AsyncClient, accept: str
) -> None:
    turns = f"/api/v1/sessions/{await begun(engine)}/turns"
    assert (await client.post(turns, json={"action": "take lamp"})).status_code == 201
    server.kill()
    headers = {"Accept": accept, "Idempotency-Key": "one"}
    refused = await client.post(turns, json={"action": "wait"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert refused.headers["retry-after"]
    assert server.url not in refused.text
    danger = await client.post(turns, json={"action": DANGER}, headers={"Accept": accept})
    assert (danger.status_code, danger.json()["help"]["tier"]) == (503, "crisis")
    assert await numbers(client, turns) == [1]
    server.start()
    assert (await client.post(turns, json={"action": "wait"}, headers=headers)).status_code == 201
    assert await numbers(client, turns) == [2, 1]


@pytest.mark.parametrize(("answer", "cause", "status"), MODELS)
async def test_a_model_that_misbehaves_over_http(
    engine: StoryEngine, client: httpx.AsyncClient, answer: str, cause: str, status: int
) -> None:
    engine.use_model("scripted", ScriptedModel(answers=[answer]))
    if answer == "<hang>":
        impatient(engine)
    turns = f"/api/v1/sessions/{await begun(engine, model='scripted')}/turns"
    refused = await client.post(turns, json={"action": "take lamp"})
    assert refused.status_code == status
    assert any(part in refused.json()["detail"] for part in cause.split("|"))
    assert await numbers(client, turns) == []
    impatient(engine, 60)
    engine.use_model("scripted", ScriptedModel(answers=["You take the brass lamp."]))
    assert (await client.post(turns, json={"action": "take lamp"})).json()["inventory"] == ["lamp"]


async def test_what_is_unknown_begins_nothing(engine: StoryEngine, client: httpx.AsyncClient) -> None:
    for path, body, code in (
        ("/api/v1/sessions", {"world": "nite_train"}, "unknown_world"),
        ("/api/v1/sessions", {"world": COTTAGE}, "unknown_world"),
        ("/api/v1/sessions", {"world": "night_train", "model": "gtp"}, "unknown_model"),
        ("/api/v1/sessions/nobody/turns", {"action": "look"}, "unknown_session"),
        ("/api/v1/sessions/nobody/undo", {"turns": 1}, "unknown_session"),
        ("/api/v1/sessions/nobody/resume", None, "unknown_session"),
    ):
        refused = await client.post(path, json=body)
        assert refused.json()["code"] == code
    assert await engine.memory.sessions(engine.settings.tenant) == []
    with pytest.raises(StoryError):
        await engine.act("nobody", "look")
