"""What the README shows of curl and Python is run as it stands there, against servers that are really served."""

import json
import operator
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import START, StateGraph
from serving import ROOT, serving
from typing_extensions import TypedDict

BEGINS = "S=localhost:8000/api/v1/sessions"
MARK = "@@ the next one @@"


class Counted(TypedDict):
    seen: Annotated[int, operator.add]


def quick_start() -> str:
    """The block, whichever line it stands at."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    found = [block for block in blocks if BEGINS in block]
    assert len(found) == 1
    return found[0]


def marked(block: str) -> str:
    """The block, with a mark in its output behind every command; a `\\` at a line's end goes on with it."""
    return re.sub(r"(?<!\\)\n(?=\S)", f"\necho; echo '{MARK}'\n", block.rstrip()) + "\n"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each of the block's commands has printed."""
    with serving(tmp_path_factory.mktemp("quick")) as served:
        lines = [line for line in quick_start().splitlines(keepends=True) if not line.startswith("uv run tta serve")]
        script = marked("".join(lines)).replace("localhost:8000", served.host)
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False, timeout=120
        )
    assert ran.returncode == 0, ran.stderr
    return [each.strip() for each in ran.stdout.split(MARK)]


def test_every_command_of_the_block_prints_what_it_says(printed: list[str]) -> None:
    names, begun, turn, stream, facts, undone, deleted = printed
    assert names == begun == "", "they only set a variable"
    told: dict[str, Any] = json.loads(turn)
    assert (told["number"], told["kind"], told["action"]) == (1, "story", "look around")
    kinds = re.findall(r"^event: (.*)$", stream, re.MULTILINE)
    assert (kinds[0], kinds[-2:], set(kinds[1:-2])) == ("metadata", ["committed", "end"], {"sentence"})
    assert stream.endswith("event: end\ndata: {}")
    assert any(fact["slot"] == "player.in" for fact in json.loads(facts))
    assert (json.loads(undone)["undone"], json.loads(undone)["position"]["turn"]) == (1, 1)
    assert deleted == "204"


def test_the_block_begins_with_the_server() -> None:
    assert quick_start().startswith("uv run tta serve ")


def program(holds: str) -> str:
    """The README's Python that holds this, whole."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    [found] = [block for block in blocks if holds in block]
    return found


def test_the_python_client_is_a_program_that_plays_on_that_server(tmp_path: Path) -> None:
    assert "http://127.0.0.1:8000" in program("open_client")
    with serving(tmp_path / "store") as served:
        file = tmp_path / "client.py"
        file.write_text(program("open_client").replace("http://127.0.0.1:8000", served.url))
        command, beside = [sys.executable, str(file)], {**os.environ, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=beside)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout.splitlines()) > 1, "sentence by sentence"


async def test_the_checkpointer_keeps_a_graph_of_ones_own(real_redis: str) -> None:
    names: dict[str, Any] = {}
    exec(program("RedisSaver").replace("redis://localhost:6379", real_redis), names)
    builder = StateGraph(Counted)
    builder.add_node("count", lambda state: {"seen": 1})
    builder.add_edge(START, "count")
    thread = secrets.token_hex(8)
    assert await names["ask"](builder, {"seen": 10}, thread) == {"seen": 11}
    assert await names["ask"](builder, {"seen": 0}, thread) == {"seen": 12}, "it was kept"
