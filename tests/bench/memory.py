"""Long stories in story memory, on both backends: does a turn cost late in a story what it cost early?"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from _report import at_most, figures
from neo4j_server import NoNeo4jError, start
from redis.asyncio import Redis
from story_reference import new_scope, new_session, new_turn, take

from agents.story import Turn, Value
from api.cli.benchmarks import Bar, Report
from graphs.embedded import open_embedded
from graphs.memory import KEYFRAME, Commit, Scope, StoryMemory, open_falkordb, open_neo4j

COUNT = 10_000
"""Turns of the straight story; what else is measured goes along with it."""

SPAN = 100
"""Turns that are compared."""

WORDS = [
    f"{one}{two}"
    for one in ("lan", "har", "mar", "sto", "wil", "fen")
    for two in ("tern", "bour", "row", "ne", "low", "der")
]
"""36 words that all turns share."""


@dataclass
class Story:
    """A story that is played without an engine: position, recall, commit, as a turn does."""

    memory: StoryMemory
    statements: Counter[str]
    scope: Scope = field(default_factory=new_scope)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    line: str = "line-1"
    lines: int = 1
    slots: dict[str, Value] = field(default_factory=lambda: {"lamp.in": "hall"})

    async def begin(self) -> None:
        opening = new_turn(self.scope, 0, "", turn_id="root", action="", narration="It begins.")
        await self.memory.create(new_session(self.scope), "world: text", opening, dict(self.slots))

    async def turn(self) -> tuple[float, int]:
        """Plays one; seconds and statements."""
        began, asked = time.perf_counter(), self.statements.total()
        place = await self.memory.position(self.scope)
        if not place["line"]:
            self.lines += 1
        number = place["number"] + 1
        spoken = " ".join(self.chance.sample(WORDS, 6))
        await self.memory.recall(
            self.scope, "main", f"ask about {spoken.split()[0]} and rare{self.chance.randrange(number)}"
        )
        made: Turn = new_turn(
            self.scope, number, place["head"], line=f"line-{self.lines}", action=f"ask about {spoken}",
            narration=f"Somebody spoke of {spoken}, and of rare{number}.", changes=[take(f"place {number % 9}")],
        )  # fmt: skip
        slots = {**place["slots"], "lamp.in": f"place {number % 9}"} if number % KEYFRAME == 0 else None
        await self.memory.commit(self.scope, Commit(made, [], [f"It was rare{number}."], slots))
        return time.perf_counter() - began, self.statements.total() - asked


@dataclass
class Backend:
    name: str
    memory: StoryMemory
    statements: Counter[str]
    size: Callable[[], Awaitable[int]] | None = None
    """Bytes that the stories take, where the server says it."""

    def story(self) -> Story:
        return Story(self.memory, self.statements)


async def run(count: int, tell: Callable[[str], None]) -> Report:
    """The straight story by decades; the same depth by "play two, undo one"; forks at the beginning and in the middle.

    What a bar compares is played in turns, side by side: the machine is noisy, and a server is slow while it is young.
    """
    results: dict[str, dict[str, float]] = {}
    bars: list[Bar] = []
    async with open_backends(tell) as backends:
        for backend in backends:
            straight = backend.story()
            await straight.begin()
            await _straight(backend, straight, count - min(SPAN, count // 2), results, tell)
            bars += await _early_and_late(backend, straight, min(SPAN, count // 2), results)
            bars.append(await _forks(backend, straight, count, results))
            bars.append(await _zigzag(backend, straight, min(3000, count * 3 // 10), results, tell))
    return Report(results=results, bars=bars)


async def _straight(
    backend: Backend, story: Story, count: int, results: dict[str, dict[str, float]], tell: Callable[[str], None]
) -> None:
    took, asked, told = list[float](), list[int](), 0
    for number in range(1, count + 1):
        seconds, statements = await story.turn()
        took.append(seconds)
        asked.append(statements)
        if number % max(1, count // 10) == 0:
            row = {**figures(took[told:]), "statements_a_turn": round(sum(asked[told:]) / (number - told), 3)}
            row["nodes_a_turn"] = round(await story.memory.count(story.scope) / number, 3)
            if backend.size is not None:
                row["bytes_a_turn"] = round(await backend.size() / number)
            results[f"{backend.name}, turns {told + 1}-{number}"] = row
            told = number
            tell(f"{backend.name}: {number} of {count} turns, {row['median_ms']:.2f} ms each")


async def _early_and_late(backend: Backend, late: Story, span: int, results: dict[str, dict[str, float]]) -> list[Bar]:
    """The last turns of the long story, each beside one of turns 101-200 of a young one."""
    early = backend.story()
    await early.begin()
    for _ in range(span):
        await early.turn()
    pairs = [(await late.turn(), await early.turn()) for _ in range(span)]
    (took_late, asked_late), (took_early, asked_early) = (
        list(zip(*one, strict=True)) for one in zip(*pairs, strict=True)
    )
    results[f"{backend.name}, the last {span} turns"] = figures(took_late)
    results[f"{backend.name}, turns {span + 1}-{2 * span} of a young story beside them"] = figures(took_early)
    statements = sum(asked_late) / sum(asked_early)
    return [
        at_most(f"{backend.name}: a turn at the end over one of turns 101-200, at most", median(took_late) / median(took_early), 1.2),
        at_most(f"{backend.name}: statements of the last 100 turns over those of turns 101-200, at most", statements, 1.02),
    ]  # fmt: skip


async def _forks(backend: Backend, story: Story, count: int, results: dict[str, dict[str, float]]) -> Bar:
    """A branch at a turn: found by its number, then named."""
    at = {"early": max(1, min(50, count // 2)), "half way": count // 2}
    found: dict[str, list[float]] = {where: [] for where in at}
    turns = {
        where: (await story.memory.turns(story.scope, before=number + 1, limit=1))[0]["turn_id"]
        for where, number in at.items()
    }
    for number in range(20):
        for where, turn_id in turns.items():
            began = time.perf_counter()
            await story.memory.create_branch(story.scope, f"{where} {number}", turn_id)
            found[where].append(time.perf_counter() - began)
    for where, took in found.items():
        results[f"{backend.name}, fork {where}"] = figures(took)
    ratio = median(found["half way"]) / median(found["early"])
    return at_most(f"{backend.name}: a fork half way over an early one, at most", ratio, 1.5)


async def _zigzag(
    backend: Backend,
    straight: Story,
    depth: int,
    results: dict[str, dict[str, float]],
    tell: Callable[[str], None],
) -> Bar:
    """Two turns forward, one back, so that every second turn begins a line; the last of them beside straight ones."""
    story, took, beside = backend.story(), list[float](), list[float]()
    await story.begin()
    for reached in range(1, depth + 1):
        both = [(await story.turn())[0], (await story.turn())[0]]
        await story.memory.move_head(story.scope, "main", back=1)
        if reached > depth - SPAN:
            took += both
            beside += [(await straight.turn())[0], (await straight.turn())[0]]
        if reached % 1000 == 0:
            tell(f"{backend.name}: two forward and one back, {reached} of {depth} deep")
    results[f"{backend.name}, two forward, one back, last {len(took)}"] = figures(took)
    results[f"{backend.name}, straight beside them"] = figures(beside)
    return at_most(
        f"{backend.name}: a turn of two forward, one back, over a straight one, at most",
        median(took) / median(beside),
        1.3,
    )


@asynccontextmanager
async def open_backends(tell: Callable[[str], None]) -> AsyncGenerator[list[Backend]]:
    """The embedded graph, and Neo4j where the machine can run one."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        server = await stack.enter_async_context(open_embedded(home, linger_s=0))
        memory = await stack.enter_async_context(open_falkordb(server.redis_url, revive=server.ensure))
        client = await stack.enter_async_context(Redis.from_url(server.redis_url))

        async def size() -> int:
            return int((await client.info("memory"))["used_memory"])

        backends = [Backend("embedded", memory, counted(memory), size)]
        try:
            neo4j = stack.enter_context(start())
            opened = await stack.enter_async_context(open_neo4j(neo4j.uri, neo4j.user, neo4j.password))
            backends.append(Backend("Neo4j", opened, counted(opened)))
        except NoNeo4jError as error:
            tell(f"without Neo4j: {error}")
        for backend in backends:
            await backend.memory.setup()
        yield backends


def counted(memory: StoryMemory) -> Counter[str]:
    """Counts the statements that the memory runs from now on."""
    asked: Counter[str] = Counter()
    for name in ("_read", "_write"):
        run_statement: Callable[..., Awaitable[Any]] = getattr(memory, name)

        async def counting(
            *args: Any, run_statement: Callable[..., Awaitable[Any]] = run_statement, name: str = name
        ) -> Any:
            asked[name] += 1
            return await run_statement(*args)

        setattr(memory, name, counting)
    return asked
