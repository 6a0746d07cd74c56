"""What a command brings with it before it asks for a first action, or tells of what is there: no LangGraph, no LangChain."""

import subprocess
import sys

import pytest

SLOW = ("langgraph", "langchain_core", "langsmith")
STARTS = {
    "play": "api.cli.run, api.terminal.play, api.terminal.prompt, graphs.engine, graphs.embedded, graphs.memory.falkordb",
    "commands": "api.cli.run, graphs.engine",
}


@pytest.mark.parametrize("modules", STARTS.values(), ids=STARTS)
def test_the_first_prompt_waits_for_no_graph(modules: str) -> None:
    code = f"import sys, {modules}; print(sorted({{*{SLOW!r}}} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


OPENING = """
import asyncio, os, sys, tempfile
from api.cli.output import engine_of  # as the commands do: whatever watches is opened, too

async def begin():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        async with engine_of(data_dir=home, linger_s=0) as engine:
            name = (await engine.create("winter_light"))["session"]
            await engine.recover(name)
            await engine.turn(name, "root"), await engine.position(name), await engine.branches(name), await engine.recap(name)
            assert await engine.sessions()
            print(sorted({*SLOW} & sys.modules.keys()))

asyncio.run(begin())
"""


def test_a_story_is_begun_and_shown_without_the_graph() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", f"SLOW = {SLOW!r}{OPENING}"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr


def test_a_node_gets_its_runtime_when_it_asks() -> None:
    code = "import agents.services as s; from langgraph.runtime import Runtime; assert s.Runtime is Runtime"
    subprocess.run([sys.executable, "-c", code], check=True)
