"""What the safety agent costs: an input and a sentence, a common turn's CPU, its memory, and texts that nobody types.

Inputs are the project's own measuring lines, as play mixes them: nine commands to one of anything else. `--count` is how many
texts of soup are read (`tests/soup.py`).
"""

import json
import random
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from _report import at_most, figures
from soup import soup

from agents.safety import rules
from agents.safety.screen import Screen
from api.cli.benchmarks import Report

COUNT = 10_000
INPUTS = 2_000
SENTENCES = 5
"""Of a common turn."""

DATA = Path(__file__).parents[1] / "data" / "safety"
PROSE = (
    "Rain runs down the panes of the lamp room. Maren folds her hands and looks at the folded letter. The stairs creak. "
    "Somewhere below a door falls shut, and the smell of peat comes up the well of the stairs. The brass lamp is cold."
)


async def run(count: int, tell: Callable[[str], None]) -> Report:
    """Each text is read by itself; the classifier is loaded before anything is timed."""
    before = _resident()
    rules.MOST_KNOWN = 0  # nothing is known by heart
    began = time.perf_counter()
    screen = Screen.load()
    screen.warm()
    loaded = time.perf_counter() - began
    memory = _resident() - before
    took, cpu = _inputs(screen)
    tell(f"{INPUTS} inputs")
    sentences = _sentences(screen)
    soups, failed = _soups(screen, count, tell)
    common = statistics.median(cpu) + SENTENCES * statistics.median(sentences)
    slowest = max(soups.values(), key=max)
    return Report(
        results={
            "input": figures(took),
            "sentence": figures(sentences),
            "common turn": {"cpu_ms": round(common * 1000, 3)},
            "load": {"seconds": round(loaded, 3), "memory_mb": round(memory, 1)},
            **{
                f"soup: {kind}": figures(times) | {"max_ms": round(max(times) * 1000, 3)}
                for kind, times in soups.items()
            },
        },
        bars=[
            at_most("ms an input takes, p95, at most (aim 10)", figures(took)["p95_ms"], 25),
            at_most("ms of CPU of a common turn, at most", common * 1000, 10),
            at_most("MB of memory that the classifier takes, at most", memory, 250),
            at_most("ms of the slowest soup, at most", max(slowest) * 1000, 100),
            at_most("texts of soup that broke a detector, at most", failed, 0),
        ],
    )


def _resident() -> float:
    """Megabytes that the process holds; where the system does not say, the most that it ever held."""
    table = Path("/proc/self/statm")
    if table.exists():
        return int(table.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _inputs(screen: Screen) -> tuple[list[float], list[float]]:
    """Seconds, and seconds of CPU, of each input."""
    dice = random.Random(1)
    sets = {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in DATA.glob("*/*.jsonl")}
    commands = [row["text"] for row in sets["plain_commands"]]
    others = [row["text"] for name, rows in sets.items() if name != "plain_commands" for row in rows if "text" in row]
    took: list[float] = []
    used: list[float] = []
    for _ in range(INPUTS):
        text = dice.choice(commands if dice.random() < 0.9 else others)
        began, cpu = time.perf_counter(), time.process_time()
        screen.action(text)
        used.append(time.process_time() - cpu)
        took.append(time.perf_counter() - began)
    return took, used


def _sentences(screen: Screen) -> list[float]:
    took: list[float] = []
    for _ in range(100):
        for sentence in PROSE.split(". "):
            began = time.process_time()
            screen.narration(f"{sentence}.")
            took.append(time.process_time() - began)
    return took


def _soups(screen: Screen, count: int, tell: Callable[[str], None]) -> tuple[dict[str, list[float]], int]:
    """Seconds by kind, and how many broke a detector. A detector that breaks is a check-in, and a fault all the same."""
    took: dict[str, list[float]] = {}
    failed = 0
    for number, (kind, text) in enumerate(soup(count)):
        began = time.perf_counter()
        verdict = screen.action(text)
        took.setdefault(kind, []).append(time.perf_counter() - began)
        failed += any(signal["id"] == "detector_failed" for signal in verdict["signals"])
        if number % 1_000 == 999:
            tell(f"{number + 1} of {count} texts")
    return took, failed
