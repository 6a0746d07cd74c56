"""The streaming gate: from the token that settles a sentence's end to its release, all checks included."""

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

from _report import at_most, figures

from agents.narrative.claims import contradiction, known_facts
from agents.prompts import Prompts
from agents.safety.guard import Guarded
from agents.safety.leaks import Leaks
from agents.safety.screen import Screen
from agents.safety.telling import Telling
from agents.story import Signal
from agents.world.load import load_world, shipped_worlds
from agents.world.schema import World
from agents.world.view import View, initial_slots
from api.cli.benchmarks import BenchFailed, Report

COUNT = 5_000
"""Sentences."""

TOKEN = 4
"""Characters a token: OpenAI's rule of thumb for English."""

PASSAGE = 5
"""Authored texts a stream."""

AVOID = ("spiders", "drowning", "grandmothers")


async def run(count: int, tell: Callable[[str], None]) -> Report:
    """Authors' prose of the shipped worlds, cut into tokens: once checked, once against no check at all, which is the
    cost of cutting sentences alone. Patterns are compiled on their first use: one round of each world warms them.
    """
    worlds = [load_world(name).world for name in shipped_worlds()]
    checks = [_check_of(world) for world in worlds]
    for world, check in zip(worlds, checks, strict=True):
        await _stream(list(_prose(world)), check, [])
    took: dict[str, list[float]] = {"checked": [], "not checked": []}
    cpu: dict[str, float] = {}
    for what, series in took.items():
        began = time.process_time()
        while len(series) < count:
            for world, check in zip(worlds, checks, strict=True):
                texts = list(_prose(world))
                for at in range(0, len(texts), PASSAGE):
                    await _stream(texts[at : at + PASSAGE], check if what == "checked" else lambda _: [], series)
            tell(f"{what}: {len(series)} of {count} sentences")
        cpu[what] = (time.process_time() - began) / len(series) * 1000
    results = {what: figures(series) | {"cpu_ms_a_sentence": round(cpu[what], 4)} for what, series in took.items()}
    checked = results["checked"]
    return Report(
        results=results | {"prose": {"sentences": len(took["checked"])}},
        bars=[
            at_most("milliseconds from the settling token to release, median, at most", checked["median_ms"], 5.0),
            at_most(
                "milliseconds from the settling token to release, 95th percentile, at most", checked["p95_ms"], 15.0
            ),
        ],
    )


def _check_of(world: World) -> Callable[[str], list[Signal]]:
    """What the narrator's sentences go through: rules, leaks, topics to avoid, hard facts."""
    telling = Telling(Screen.load(), Leaks(Prompts().texts()), AVOID)
    facts = known_facts(View(world, initial_slots(world)), moved=True, authored=())

    def check(sentence: str) -> list[Signal]:
        contradiction(sentence, facts)  # out of its scene an author's sentence may be untrue: only its time counts
        telling.against(sentence)
        return []

    return check


async def _stream(texts: list[str], check: Callable[[str], list[Signal]], took: list[float]) -> None:
    handed = 0.0

    async def tokens() -> AsyncGenerator[str]:
        nonlocal handed
        text = "\n\n".join(texts)
        for at in range(0, len(text), TOKEN):
            handed = time.perf_counter()
            yield text[at : at + TOKEN]
        handed = time.perf_counter()

    stream = Guarded(tokens(), check)
    async for _ in stream:
        took.append(time.perf_counter() - handed)
    if stream.vetoed:
        raise BenchFailed("A sentence was stopped that nothing speaks against")


def _prose(world: World) -> Iterator[str]:
    """Every text of a world that is long enough to be told."""
    return (text for text in _texts(world.model_dump()) if len(text) > 60)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list | tuple):
        for part in data.values() if isinstance(data, dict) else data:
            yield from _texts(part)
