"""A client that is made from our OpenAPI document by `openapi-python-client` compiles and plays; nothing in it is left out."""

import compileall
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from seen import DANGER
from served import served

from api.app import build_app
from graphs.engine import StoryEngine

NAME = "tta_made_for_a_test"
# It knows no JSON Lines; this is the way of its own to say that they are text.
CONFIG = '{"content_type_overrides": {"application/x-ndjson": "text/plain"}}'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the generated package, and what the generator said, if anything, is a fault of the document."""
    if importlib.util.find_spec("openapi_python_client") is None:
        if os.environ.get("TTA_REQUIRE_GENERATOR") == "1":
            pytest.fail("openapi-python-client is not installed: uv sync --group lint")
        pytest.skip("openapi-python-client is not installed (uv sync --group lint)")
    home = tmp_path_factory.mktemp("generated")
    (home / "openapi.json").write_text(json.dumps(build_app().openapi()), encoding="utf-8")
    (home / "config.json").write_text(CONFIG, encoding="utf-8")
    command = ["-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    places = ["--path", "openapi.json", "--config", "config.json", "--output-path", NAME]
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it formats with the ruff beside it
    ran = subprocess.run(
        [sys.executable, *command, *places],
        cwd=home,
        env={**os.environ, "PATH": tools},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "WARNING" not in ran.stdout + ran.stderr, ran.stdout + ran.stderr
    sys.path.insert(0, str(home))
    yield home / NAME
    sys.path.remove(str(home))
    for module in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[module]


def part(name: str) -> ModuleType:
    return importlib.import_module(f"{NAME}.{name}")


def reached(host: str) -> Any:
    """The generated client of that server."""
    return part("client").Client(base_url=f"http://{host}", raise_on_unexpected_status=True)


def test_it_compiles_and_has_every_operation(made: Path) -> None:
    assert compileall.compile_dir(str(made), quiet=2, force=True)
    operations = {
        operation["operationId"]
        for path in build_app().openapi()["paths"].values()
        for operation in path.values()
        if "operationId" in operation
    }
    assert {file.stem for file in made.glob("api/*/*.py") if file.stem != "__init__"} == operations
    for file in made.glob("api/*/*.py"):
        part(".".join(file.relative_to(made).with_suffix("").parts))


async def test_it_plays_three_turns(made: Path, engine: StoryEngine) -> None:
    models: Any = part("models")
    async with served(engine) as host, reached(host) as client:
        begun = await part("api.sessions.create_session").asyncio(
            client=client, body=models.NewSession(world="winter_light", seed=7)
        )
        assert isinstance(begun, models.NewSessionAnswer)
        assert (begun.world, begun.turn.turn_id, begun.position.turn) == ("winter_light", "root", 0)
        play = part("api.turns.play_turn").asyncio
        for number, action in enumerate(("look around", "take the letter", "wait"), 1):
            turn = await play(begun.session, client=client, body=models.NewTurn(action=action))
            assert isinstance(turn, models.Turn)
            assert (turn.number, turn.kind, turn.action) == (number, models.TurnKind.STORY, action)
            assert all(isinstance(choice, models.Choice) for choice in turn.choices)
        page = await part("api.turns.list_turns").asyncio(begun.session, client=client)
        assert isinstance(page, models.TurnPage)
        assert [turn.number for turn in page.turns] == [3, 2, 1]
        facts = await part("api.looking.list_facts").asyncio(begun.session, client=client)
        assert {type(fact) for fact in facts} == {models.FactAnswer}
        undone = await part("api.sessions.undo_turns").asyncio(begun.session, client=client)
        assert isinstance(undone, models.UndoAnswer)
        assert undone.undone == 1
        exported = await part("api.sessions.export_session").asyncio(begun.session, client=client)
        assert "end" in json.loads(exported.splitlines()[-1])


async def test_its_refusals_are_problems_with_help(made: Path, engine: StoryEngine) -> None:
    models: Any = part("models")
    async with served(engine) as host, reached(host) as client:
        refused = await part("api.turns.play_turn").asyncio(
            "nowhere", client=client, body=models.NewTurn(action=DANGER)
        )
    assert isinstance(refused, models.Problem)
    assert (refused.status, refused.code) == (404, "unknown_session")
    assert refused.help_["tier"] == "crisis"


async def test_a_queued_turn_is_told_from_one_that_is_played(made: Path, engine: StoryEngine) -> None:
    models: Any = part("models")
    async with served(engine) as host, reached(host) as client:
        begun = await part("api.sessions.create_session").asyncio(client=client, body=models.NewSession())
        queued = await part("api.turns.play_turn").asyncio(
            begun.session, client=client, body=models.NewTurn(action="look"), prefer="respond-async"
        )
        assert isinstance(queued, models.QueuedTurn)
        assert queued.status in models.QueuedTurnStatus
