"""Which lines of public sets are in the corpus (`prompts/safety/corpus/borrowed`), and how they were chosen.

    python -m agents.safety.classifying.borrowed FOLDER

FOLDER holds the sets as JSON Lines. Of each only the training part is taken: lines whose text's SHA-256 begins with a
byte of HELD_OUT or more, some 60 %; the rest is never trained on, so that it can measure. Sets under licences that do
not go with ours are left out, and so are questions to counsellors of which the rules say anything: somebody may be in
danger there.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from agents.safety.classifying.corpus import corpus_folder
from agents.safety.normalise import views
from agents.safety.rule_file import safety_folder
from agents.safety.rules import RuleSet, load_rules

HELD_OUT = 102

MOST = 10_000
"""Lines of one set, so that none outweighs what was written for the game."""

Label = Callable[[dict[str, Any]], tuple[str, ...] | None]
"""The categories of a line; None for one that is left out."""


def is_training(text: str) -> bool:
    """Whether a line of a public set is in its training part."""
    return hashlib.sha256(text.encode()).digest()[0] >= HELD_OUT


@cache
def _rules() -> RuleSet:
    return load_rules(safety_folder() / "action.yaml")


def _questions(row: dict[str, Any]) -> tuple[str, ...] | None:
    return () if _rules()(views(row["text"]), "none") == [] else None


SETS: dict[str, Label] = {
    "player_speech": lambda row: (),
    "counsel_questions": _questions,
    "prompt_injection": lambda row: ("prompt_injection",) if row["label"] else (),
    "jailbreaks": lambda row: ("prompt_injection",),
    "harmful_requests": lambda row: None if row["category"] == "copyright" else ("harmful_request",),
}


def borrow(folder: Path) -> None:
    """Writes the borrowed part of the corpus anew."""
    for name, label in SETS.items():
        lines = list(_lines(folder / f"{name}.jsonl", label))[:MOST]
        (corpus_folder() / "borrowed" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def _lines(path: Path, label: Label) -> Iterator[str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    for row in sorted(rows, key=lambda row: hashlib.sha256(row["text"].encode()).digest()):
        if row["text"].strip() and is_training(row["text"]) and (categories := label(row)) is not None:
            told = {"text": row["text"], "categories": categories, "tier": "none"}
            yield json.dumps(told, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(
            f"usage: python -m agents.safety.classifying.borrowed FOLDER, with {', '.join(f'{name}.jsonl' for name in SETS)}"
        )
    borrow(Path(sys.argv[1]))
