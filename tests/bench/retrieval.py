"""How long recall takes in a long story, alone in its store and among a thousand others, on both backends."""

import random
import time
from collections.abc import Awaitable, Callable
from statistics import median

from _report import at_most, figures
from memory import open_backends
from story_reference import new_scope, new_session, new_turn

from api.cli.benchmarks import Bar, Report
from graphs.memory import KEYFRAME, Commit, Scope, StoryMemory
from graphs.memory.neo4j import Neo4jMemory

COUNT = 10_000
"""Moments of the story."""
QUESTIONS = 200
WARM_UP = 500
"""Questions asked before: a server compiles what it is asked often."""
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
            alone, nothing = await _asked(backend.memory, scope)
            results[f"{backend.name}, alone"] = figures(alone)
            for number in range(NEIGHBOURS):
                await grow(backend.memory, 5, seed=number)
                if number % 250 == 249:
                    tell(f"{backend.name}: {number + 1} of {NEIGHBOURS} other stories")
            among, _ = await _asked(backend.memory, scope)
            results[f"{backend.name}, among {NEIGHBOURS} others"] = figures(among)
            bars.append(
                at_most(f"{backend.name}: among others over alone, median, at most", median(among) / median(alone), 1.3)
            )
            if nothing:
                results[f"{backend.name}, RETURN 1"] = figures(nothing)
                ratio = median(alone) / median(nothing)
                bars.append(at_most(f"{backend.name}: a recall over RETURN 1, median, at most", ratio, 5))
            elif count in EMBEDDED_MS:
                p95 = results[f"{backend.name}, alone"]["p95_ms"]
                what = f"{backend.name}: p95 of a recall in {count:,} moments, ms, at most"
                bars.append(at_most(what, p95, EMBEDDED_MS[count]))
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


async def _asked(memory: StoryMemory, scope: Scope) -> tuple[list[float], list[float]]:
    """Seconds of each recall; and of Neo4j's `RETURN 1`, each asked right after a recall: the machine is noisy."""
    telling = Telling(99)
    took, nothing = list[float](), list[float]()
    for number in range(WARM_UP + QUESTIONS):
        recalled = await _seconds(memory.recall(scope, "main", telling.question()))
        idle = None
        if isinstance(memory, Neo4jMemory):
            idle = await _seconds(memory._read(scope, "RETURN 1 AS one", {}))  # pyright: ignore[reportPrivateUsage]
        if number >= WARM_UP:
            took.append(recalled)
            nothing += [] if idle is None else [idle]
    return took, nothing


async def _seconds(asked: Awaitable[object]) -> float:
    began = time.perf_counter()
    await asked
    return time.perf_counter() - began
