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
    """The straight story by decades; the same depth by "play two, undo one"; forks at the beginning and in the middle."""
    results: dict[str, dict[str, float]] = {}
    bars: list[Bar] = []
    async with open_backends(tell) as backends:
        for backend in backends:
            straight = backend.story()
            await straight.begin()
            took, asked = await _straight(backend, straight, count, results, tell)
            early, late = took[100:200] or took, took[-100:]
            bars += [
                at_most(f"{backend.name}: a turn at the end over one of turns 101-200, at most", median(late) / median(early), 1.2),
                at_most(f"{backend.name}: statements of the last 100 turns over those of turns 101-200, at most", sum(asked[-100:]) / sum(asked[100:200] or asked), 1.02),
            ]  # fmt: skip
            bars.append(await _forks(backend, straight, count, results))
            bars.append(await _zigzag(backend, took, min(3000, count * 3 // 10), results, tell))
    return Report(results=results, bars=bars)


async def _straight(
    backend: Backend, story: Story, count: int, results: dict[str, dict[str, float]], tell: Callable[[str], None]
) -> tuple[list[float], list[int]]:
    took, asked = list[float](), list[int]()
    for number in range(1, count + 1):
        seconds, statements = await story.turn()
        took.append(seconds)
        asked.append(statements)
        if number % max(1, count // 10) == 0:
            since = number - count // 10
            row = {**figures(took[since:]), "statements_a_turn": round(sum(asked[since:]) / (number - since), 3)}
            row["nodes_a_turn"] = round(await story.memory.count(story.scope) / number, 3)
            if backend.size is not None:
                row["bytes_a_turn"] = round(await backend.size() / number)
            results[f"{backend.name}, turns {since + 1}-{number}"] = row
            tell(f"{backend.name}: {number} of {count} turns, {row['median_ms']:.2f} ms each")
    return took, asked


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
    straight: list[float],
    depth: int,
    results: dict[str, dict[str, float]],
    tell: Callable[[str], None],
) -> Bar:
    """Two turns forward, one back, so that every second turn begins a line."""
    story, took, reached = backend.story(), list[float](), 0
    await story.begin()
    while reached < depth:
        took += [(await story.turn())[0], (await story.turn())[0]]
        await story.memory.move_head(story.scope, "main", back=1)
        reached += 1
        if reached % 1000 == 0:
            tell(f"{backend.name}: two forward and one back, {reached} of {depth} deep")
    results[f"{backend.name}, two forward, one back, last 200"] = figures(took[-200:])
    same = straight[max(0, depth - 100) : depth]
    return at_most(
        f"{backend.name}: a turn of two forward, one back, over a straight one as deep, at most",
        median(took[-200:]) / median(same), 1.3,
    )  # fmt: skip


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
