"""Long conversations played into story memory, then asked about: is what answers among what recall brings back?"""

import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from _report import at_least, at_most, figures
from story_reference import new_scope, new_session, new_turn, take

from agents.errors import InvalidInput
from agents.models.embedding import open_embedder
from agents.services import Embedder
from api.cli.benchmarks import Report
from api.cli.output import check_writable
from graphs.embedded import open_embedded
from graphs.memory import Commit, Scope, StoryMemory, open_falkordb

COUNT = 1000
"""Conversations at most."""
ASKED = 10
KINDS = {1: "multi-hop", 2: "temporal", 3: "open domain", 4: "single hop", 5: "adversarial"}
WHEN = "%I:%M %p on %d %B, %Y"


async def run(
    count: int,
    tell: Callable[[str], None],
    *,
    data: Path | None = None,
    out: Path | None = None,
    embedder: str = "",
) -> Report:
    """`data`: a conversation a line, {conversation, turns: [{id, session, date, speaker, text, caption}], questions:
    [{question, category, evidence}]}; `out`: where the rankings go, a question a line."""
    if data is None:
        raise InvalidInput("There is nothing to play", cure="Give a file of conversations with --data.")
    talks = read(data)[:count]
    if out is not None:
        check_writable(out, "rankings")
    rankings: list[dict[str, Any]] = []
    hits: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    commits, recalls = list[float](), list[float]()
    async with open_memory(await open_embedder(embedder)) as memory:
        for talk in talks:
            scope = await play(memory, talk, commits)
            for index, question in enumerate(talk["questions"]):
                began = time.perf_counter()
                found = await memory.recall(scope, "main", question["question"], limit=ASKED, skip=0)
                recalls.append(time.perf_counter() - began)
                ranked = [moment["turn_id"] for moment in found if moment["number"]]
                rankings.append({"conversation": talk["conversation"], "question": index, "ranked": ranked})
                score(hits, talk, question, ranked)
            tell(f"{talk['conversation']}: {len(talk['turns'])} turns, {len(talk['questions'])} questions")
    if out is not None:
        out.write_text("".join(json.dumps(row) + "\n" for row in rankings), encoding="utf-8")
    return _report(hits, commits, recalls, vectors=bool(embedder))


def read(path: Path) -> list[dict[str, Any]]:
    """The conversations. Raises InvalidInput, with the line, for a file that holds something else."""
    place = str(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        talks: list[dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            place = f"{path}:{number}"
            if line.strip():
                talks.append(_checked(json.loads(line)))
    except (OSError, ValueError, LookupError, TypeError) as error:
        cause = f"The conversations cannot be read ({type(error).__name__})"
        raise InvalidInput(
            cause, place=place, cure="Give JSON Lines of the shape that tests/bench/recall.py tells."
        ) from None
    if not talks:
        raise InvalidInput("There are no conversations", place=str(path), cure="Give one a line, as JSON.")
    return talks


def _checked(talk: dict[str, Any]) -> dict[str, Any]:
    for said in talk["turns"]:
        datetime.strptime(said["date"], WHEN)
        _ = said["id"], said["speaker"], said["text"], said["caption"]
    for question in talk["questions"]:
        _ = question["question"], KINDS[question["category"]], question["evidence"]
    _ = talk["conversation"]
    return talk


@asynccontextmanager
async def open_memory(embedder: Embedder | None = None) -> AsyncGenerator[StoryMemory]:
    """The embedded graph, in a directory of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        async with (
            open_embedded(Path(home), linger_s=0) as server,
            open_falkordb(server.redis_url, revive=server.ensure, embedder=embedder) as memory,
        ):
            await memory.setup()
            yield memory


async def play(memory: StoryMemory, talk: dict[str, Any], took: list[float]) -> Scope:
    """Each turn of the conversation as a turn of a story, its evidence id as its turn_id."""
    scope, parent, before = new_scope(), "root", ""
    opening = new_turn(scope, 0, "", turn_id="root", action="", narration="")
    await memory.create(new_session(scope), "text: of the world", opening, {"lamp.in": "hall"})
    for number, said in enumerate(talk["turns"], 1):
        at = datetime.strptime(said["date"], WHEN).replace(tzinfo=UTC) + timedelta(seconds=number)
        telling = f"{said['speaker']}: {said['text']} {said['caption']}"
        turn = new_turn(
            scope, number, parent, turn_id=said["id"], action="", narration=f"{telling}\n{said['date']}", at=at.isoformat(),
            changes=[take(f"place {number % 7}")],
        )  # fmt: skip
        began = time.perf_counter()
        await memory.commit(scope, Commit(turn, [], [], people=[said["speaker"]], before=before))
        took.append(time.perf_counter() - began)
        parent, before = said["id"], telling
    return scope


def score(
    hits: "defaultdict[tuple[str, int], list[float]]", talk: dict[str, Any], question: dict[str, Any], ranked: list[str]
) -> None:
    """The share of a question's evidence among the first 5 and 10, by kind; questions without evidence are left out."""
    known = {said["id"] for said in talk["turns"]}
    cited = (
        f"D{part}:{int(line)}" for each in question["evidence"] for part, line in re.findall(r"D:?(\d+):0*(\d+)", each)
    )
    wanted = {one for one in cited if one in known}
    if not wanted:
        return
    kind = KINDS[question["category"]]
    for most in (5, 10):
        share = 100 * len(wanted & set(ranked[:most])) / len(wanted)
        hits[kind, most].append(share)
        if question["category"] != 5:
            hits["categories 1-4", most].append(share)


def _report(
    hits: "defaultdict[tuple[str, int], list[float]]", commits: list[float], recalls: list[float], *, vectors: bool
) -> Report:
    results: dict[str, dict[str, float]] = defaultdict(dict)
    for (kind, most), shares in sorted(hits.items()):
        results[kind] |= {"questions": len(shares), f"recall@{most}": round(sum(shares) / len(shares), 1)}
    results["recall"] = figures(recalls)
    results["commit"] = figures(commits)
    asked = [("categories 1-4", 79 if vectors else 76), ("adversarial", 88)]
    bars = [
        at_least(f"evidence recall at 10, {kind}, at least", results[kind]["recall@10"], bar)
        for kind, bar in asked if kind in results
    ]  # fmt: skip
    if not vectors:  # the bar is for retrieval without embedding
        bars.append(at_most("p95 of a recall in ms, at most", results["recall"]["p95_ms"], 5))
    return Report(results=dict(results), bars=bars)
