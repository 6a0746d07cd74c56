"""Rules of the house that no linter knows: module length, function length, the published schema. Run by `.ci/run`."""

import ast
import json
import sys
from datetime import date
from pathlib import Path

from agents.safety.crisis import VERIFIED_DAYS, stale_contacts
from agents.world.schema import World

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "prompts" / "worlds" / "world.schema.json"
MOST_LINES, MOST_FUNCTION_LINES = 300, 50


def published_schema() -> str:
    """The JSON schema of a world as it should stand beside the worlds."""
    return json.dumps(World.model_json_schema(by_alias=True), indent=1, ensure_ascii=False) + "\n"


def faults() -> list[str]:
    """Everything that breaks a rule, one line each."""
    found: list[str] = []
    for path in sorted(p for package in ("agents", "graphs", "api", "tests") for p in (ROOT / package).rglob("*.py")):
        text = path.read_text()
        name = path.relative_to(ROOT)
        if (lines := text.count("\n")) > MOST_LINES:
            found.append(f"{name}: {lines} lines, {MOST_LINES} are the most")
        if name.parts[0] == "tests":
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > MOST_FUNCTION_LINES:
                    found.append(f"{name}:{node.lineno}: {node.name} has {length} lines")
    if not SCHEMA.exists() or SCHEMA.read_text() != published_schema():
        found.append(f"{SCHEMA.relative_to(ROOT)} is not what the models say: python tests/house.py --write")
    return found


if __name__ == "__main__":
    if "--write" in sys.argv:
        SCHEMA.write_text(published_schema())
    for contact in stale_contacts(date.today()):  # a warning: nobody's change is at fault, and the gate stays open
        print(f"WARNING: not verified for {VERIFIED_DAYS} days: {contact}")
    problems = faults()
    print("\n".join(problems) or "the house is in order")
    sys.exit(bool(problems))
