"""How long recall takes in a long story, alone in its store and among a thousand others, on both backends."""

import random
import time
from collections.abc import Awaitable, Callable
from statistics import median

from _report import at_most, figures
from memory import Backend, open_backends
from story_reference import new_scope, new_session, new_turn

from api.cli.benchmarks import Bar, Report
from graphs.memory import KEYFRAME, Commit, Scope, StoryMemory
from graphs.memory.neo4j import Neo4jMemory

COUNT = 10_000
"""Moments of the story."""
QUESTIONS = 200
NEIGHBOURS = 1000
VOCABULARY = 20_000
EMBEDDED_MS = {10_000: 5.0, 100_000: 12.0}
"""The bars by moments."""


class Telling:
    """Prose as word counts see it: ranks by Zipf's law, of which every speaker has the same."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def words(self, many: int) -> str:
        # Zipf's law by its inverse: rank r in proportion to 1/r.
        return " ".join(f"word{int(VOCABULARY ** self.chance.random())}" for _ in range(many))

    def question(self) -> str:
        """What a turn asks recall: a few words of all kinds, and the little ones between."""
        return f"what did she say about {self.words(4)} in the {self.words(2)}"


async def run(count: int, tell: Callable[[str], None]) -> Report:
    """A story of `count` moments, asked `QUESTIONS` questions, then once more beside `NEIGHBOURS` other stories."""
    results: dict[str, dict[str, float]] = {}
    bars: list[Bar] = []
    async with open_backends(tell) as backends:
        for backend in backends:
            scope = await grow(
                backend.memory, count, lambda done, name=backend.name: tell(f"{name}: {done} of {count}")
            )
            alone = await _asked(backend.memory, scope)
            results[f"{backend.name}, alone"] = figures(alone)
            for number in range(NEIGHBOURS):
                await grow(backend.memory, 5, seed=number)
                if number % 250 == 249:
                    tell(f"{backend.name}: {number + 1} of {NEIGHBOURS} other stories")
            among = await _asked(backend.memory, scope)
            results[f"{backend.name}, among {NEIGHBOURS} others"] = figures(among)
            bars.append(
                at_most(f"{backend.name}: among others over alone, median, at most", median(among) / median(alone), 1.3)
            )
            bars += await _of_backend(backend, count, results, median(alone))
    return Report(results=results, bars=bars)


async def grow(
    memory: StoryMemory, count: int, tell: Callable[[int], None] = lambda done: None, *, seed: int = 7
) -> Scope:
    """A straight story of `count` turns, each with a moment of some forty words."""
    scope, telling, parent = new_scope(), Telling(seed), "root"
    await memory.create(new_session(scope), "world: text", new_turn(scope, 0, "", turn_id="root"), {"lamp.in": "hall"})
    for number in range(1, count + 1):
        turn = new_turn(
            scope, number, parent, action=f"ask about {telling.words(3)}", narration=f"{telling.words(40)}."
        )
        slots = {"lamp.in": "hall"} if number % KEYFRAME == 0 else None
        await memory.commit(scope, Commit(turn, [], [], slots))
        parent = turn["turn_id"]
        if number % max(1, count // 5) == 0:
            tell(number)
    return scope


async def _asked(memory: StoryMemory, scope: Scope) -> list[float]:
    telling = Telling(99)
    await memory.recall(scope, "main", telling.question())
    took = list[float]()
    for _ in range(QUESTIONS):
        question = telling.question()
        began = time.perf_counter()
        await memory.recall(scope, "main", question)
        took.append(time.perf_counter() - began)
    return took


async def _of_backend(backend: Backend, count: int, results: dict[str, dict[str, float]], usual: float) -> list[Bar]:
    if isinstance(backend.memory, Neo4jMemory):
        nothing = await _timed(lambda: backend.memory._run("RETURN 1 AS one", {}, read=True))  # type: ignore[attr-defined]  # pyright: ignore
        results["Neo4j, RETURN 1"] = figures(nothing)
        return [at_most("Neo4j: a recall over RETURN 1, median, at most", usual / median(nothing), 5)]
    p95 = results[f"{backend.name}, alone"]["p95_ms"]
    return [at_most(f"{backend.name}: p95 of a recall in {size:,} moments, ms, at most", p95, bar)
            for size, bar in EMBEDDED_MS.items() if size == count]  # fmt: skip


async def _timed(ask: Callable[[], Awaitable[object]]) -> list[float]:
    took = list[float]()
    for _ in range(QUESTIONS):
        began = time.perf_counter()
        await ask()
        took.append(time.perf_counter() - began)
    return took
