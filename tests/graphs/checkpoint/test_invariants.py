"""Whatever is done, a thread holds together: every value is counted, every count is true, nothing is left over."""

import random
from collections import Counter
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.base.id import uuid6
from redis.asyncio import Redis
from test_saver import LARGE, checkpoint, line

from graphs.checkpoint import RedisSaver
from graphs.checkpoint.keys import NUL

SPACES = ["", "below", "task:1"]


async def faults(redis: Redis, thread: str) -> list[str]:
    """What does not hold together in a thread."""
    data = {field.decode(): value for field, value in (await redis.hgetall(f"tta:3:{{{thread}}}:data")).items()}
    names = {member.decode() for member in await redis.zrange(f"tta:3:{{{thread}}}:names", 0, -1)}
    found: list[str] = []
    headings: dict[tuple[str, str], list[Any]] = {}
    for field, value in data.items():
        kind, *parts = field.split(NUL)
        if kind in ("H", "h"):
            heading = ormsgpack.unpackb(value)
            headings[parts[0], heading[5]] = heading
            if kind == "h" and NUL.join(["c", *parts]) not in names:
                found.append(f"{field!r} is not listed")
    counted = Counter(ref for heading in headings.values() for ref in heading[4])
    stored = {field.split(NUL, 1)[1] for field in data if field.startswith(f"v{NUL}")}
    kept = {field.split(NUL, 1)[1]: int(value) for field, value in data.items() if field.startswith(f"n{NUL}")}
    if counted != Counter(kept):
        found.append(f"counts {kept} are not {dict(counted)}")
    if stored != set(kept):
        found.append(f"values {stored ^ set(kept)} and counts do not agree")
    spaces = {ns for ns, _ in headings}
    for name in names:
        kind, *parts = name.split(NUL)
        if kind == "s" and parts[0] not in spaces:
            found.append(f"namespace {parts[0]!r} is listed and empty")
        if kind == "c" and (parts[0], parts[1]) not in headings:
            found.append(f"{name!r} is listed and not there")
        if kind == "w" and (name not in data or NUL.join(["p", *parts[:2]]) not in data):
            found.append(f"{name!r} is listed and not marked or not there")
        if kind == "x" and headings.get((parts[1], parts[2]), [None] * 4)[3] != parts[0]:
            found.append(f"{name!r} names a run that made nothing")
    found += [f"{ns!r} is not listed" for ns in spaces if f"s{NUL}{ns}" not in names]
    found += [f"{field!r} is not listed" for field in data if field.startswith(f"w{NUL}") and field not in names]
    marks = {NUL.join(name.split(NUL)[1:3]) for name in names if name.startswith(f"w{NUL}")}
    found += [f"{field!r} marks nothing" for field in data if field[0] == "p" and field.split(NUL, 1)[1] not in marks]
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_miscounted_or_left_over(redis: Redis, seed: int) -> None:
    """Savers with and without `keep` write one thread by turns; ids old and new, runs, forks, writes, prunes."""
    chance = random.Random(seed)
    savers = [RedisSaver(redis, keep=keep) for keep in (None, 1, 2, 5)]
    made: list[tuple[str, Any, Any, dict[str, str]]] = []
    for number in range(250):
        saver, ns = chance.choice(savers), chance.choice(SPACES)
        mine = [one for one in made if one[0] == ns]
        what = chance.choice(["put", "put", "put", "again", "writes", "late", "prune", "runs", "read"])
        if what == "put" or (what == "late" and not mine):
            parent = mine[-1] if mine and chance.random() < 0.8 else chance.choice(mine) if mine else None
            kept = chance.random() < 0.5
            versions = {"prose": f"{number:08}", "world": parent[3]["world"] if parent and kept else f"{number:08}"}
            values = {"prose": f"{number} {LARGE}", "world": f"{versions['world']} {LARGE}", "turn": number}
            one = {**checkpoint(values, {**versions, "turn": f"{number:08}"}), "versions_seen": {"node": {}}}
            step = parent[2]["step"] + chance.choice([1, 1, 1, 7]) if parent else 0
            metadata: Any = {"source": chance.choice(["loop", "loop", "input"]), "step": step}
            if chance.random() < 0.3:
                metadata["run_id"] = f"run {number % 4}"
            made.append((ns, one, metadata, versions))
            at = line("t", ns, parent[1]["id"] if parent else None)
            await saver.aput(at, one, metadata, one["channel_versions"])  # type: ignore[arg-type]
        elif what == "late":
            ns, one, metadata, versions = chance.choice(mine)
            old = {**one, "id": one["id"][:-4] + f"{number:04x}"}
            await saver.aput(line("t", ns), old, metadata, one["channel_versions"])  # type: ignore[arg-type]
        elif what == "again" and mine:
            ns, one, metadata, versions = chance.choice(mine[-3:])
            await saver.aput(line("t", ns), one, metadata, one["channel_versions"])  # type: ignore[arg-type]
        elif what == "writes" and mine:
            at = line("t", ns, chance.choice(mine)[1]["id"] if chance.random() < 0.8 else str(uuid6()))
            await saver.aput_writes(at, [("prose", LARGE), ("turn", 1)], f"task {number % 3}")
        elif what == "prune" and chance.random() < 0.2:
            await saver.aprune(["t"])
        elif what == "runs" and chance.random() < 0.3:
            await saver.adelete_for_runs([f"run {number % 4}"])
        elif what == "read":
            async for stored in saver.alist({"configurable": {"thread_id": "t"}}):
                assert stored.checkpoint["channel_values"]["prose"].endswith(LARGE)
        assert await faults(redis, "t") == [], (number, what)
    await savers[0].adelete_thread("t")
    assert await redis.keys("*") == []
