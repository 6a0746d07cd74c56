"""The README's quick start with curl is run as it stands there, against a server that is really served."""

import json
import re
import subprocess
from typing import Any

import pytest
from serving import ROOT, serving

BEGINS = "S=localhost:8000/api/v1/sessions"
MARK = "@@ the next one @@"


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
