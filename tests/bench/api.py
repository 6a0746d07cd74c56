"""Turns a second over HTTP, from one process and from several, a turn's time, and from the token that settles the first
sentence to its reader, over SSE.
"""

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

import httpx
from _api_load import WARM, cpu_s, load, of_langgraph, of_tta
from _api_served import HERE, PATIENCE_S, client_of, process_of, served
from _report import at_least, at_most, figures

from api.cli.benchmarks import Bar, BenchFailed, Report

COUNT = 60
"""Turns of each session."""

SESSIONS = 16
FIRST_SENTENCES = 200
PAUSE_S = 0.03
"""What a quick model takes for a token or two: so long it waits after the token that settles the first sentence."""

PROCESSES = max(2, os.cpu_count() or 2)
SEVERAL = f"tta, {PROCESSES} processes"
PEER = "langgraph dev"
PEER_COMMAND = ("uvx", "--from", "langgraph-cli[inmem]>=0.4,<1", "langgraph", "dev", "--no-browser", "--no-reload")
"""An environment of its own: it wants another structlog than we do."""


async def run(count: int, tell: Callable[[str], None]) -> Report:
    """Ours with everything on (safety, world, memory, durable checkpoints on a private Redis and graph), the peer with a
    graph of six empty nodes and everything in memory; the peer runs where `uvx` is there and can fetch it.
    """
    ours = await _ours(count, tell)
    results = {"tta": ours}
    if sys.platform == "linux":
        results[SEVERAL] = await _ours_from_several(count, tell)
    bars: list[Bar] = []
    if (theirs := await _theirs(count, tell)) is not None:
        results[PEER] = theirs
        results["ratio"] = ratio = {
            name: round(results[name]["turns_a_second"] / theirs["turns_a_second"], 3)
            for name in ("tta", SEVERAL)
            if name in results
        }
        for name, found in ratio.items():
            bars.append(
                at_least(f"{name}: turns a second, over those of {PEER} with an empty graph, at least", found, 1.0)
            )
        best = max(ratio.values())
        bars.append(at_least(f"turns a second, over those of {PEER} with an empty graph, aimed at", best, 2.0))
    results["first sentence"] = first = await _first_sentences(tell)
    bars += [
        at_most("milliseconds from the settling token to its reader, median, at most", first["median_ms"], 8.0),
        at_most("milliseconds from the settling token to its reader, 95th percentile, at most", first["p95_ms"], 25.0),
    ]
    return Report(results=results, bars=bars)


async def _ours(count: int, tell: Callable[[str], None]) -> dict[str, float]:
    async with served(0.0) as (server, url), client_of(url) as client:
        tell(f"tta: {SESSIONS} sessions of {count} turns")
        before = cpu_s(server.pid)
        found = await load(*of_tta(client), sessions=SESSIONS, turns=count)
        cpu_ms = (cpu_s(server.pid) - before) * 1000 / (SESSIONS * (count + WARM))
        return found | {"cpu_ms_a_turn": round(cpu_ms, 2)}


async def _ours_from_several(count: int, tell: Callable[[str], None]) -> dict[str, float]:
    """The same load on as many processes as the machine has cores, behind one port."""
    async with served(0.0, PROCESSES) as (_, url), client_of(url) as client:
        tell(f"{SEVERAL}: {SESSIONS} sessions of {count} turns")
        return await load(*of_tta(client), sessions=SESSIONS, turns=count)


async def _theirs(count: int, tell: Callable[[str], None]) -> dict[str, float] | None:
    if shutil.which(PEER_COMMAND[0]) is None:
        tell(f"{PEER}: left out, there is no uvx")
        return None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        shutil.copy(HERE / "_peer_graph.py", Path(home) / "peer.py")
        (Path(home) / "langgraph.json").write_text(
            json.dumps({"dependencies": ["."], "graphs": {"turn": "./peer.py:graph"}})
        )
        port = _free_port()
        command = (*PEER_COMMAND, "--port", str(port))
        async with process_of(*command, cwd=home) as server, client_of(f"http://127.0.0.1:{port}") as client:
            tell(f"{PEER}: {SESSIONS} sessions of {count} turns")
            if not await _answers(client, server):
                tell(f"{PEER}: left out, it did not come up")
                return None
            return await load(*of_langgraph(client), sessions=SESSIONS, turns=count)


async def _first_sentences(tell: Callable[[str], None]) -> dict[str, float]:
    """One reader at a time: what a sentence waits for here is checks and hand-overs, nobody else."""
    took: list[float] = []
    async with served(PAUSE_S) as (server, url), client_of(url) as client:
        begin, _ = of_tta(client)
        session = await begin(1)
        for number in range(FIRST_SENTENCES + WARM):
            received = await _first_sentence(client, session, "look" if number % 2 else "listen")
            took.append(received - await _settled(server))
            if number % 50 == 0:
                tell(f"first sentences: {number} of {FIRST_SENTENCES}")
    return figures(took[WARM:]) | {"sentences": len(took) - WARM}


async def _first_sentence(client: httpx.AsyncClient, session: str, action: str) -> float:
    """When the first sentence was read; the turn is read to its end."""
    received = 0.0
    asked = {"json": {"action": action}, "headers": {"Accept": "text/event-stream"}}
    async with client.stream("POST", f"/api/v1/sessions/{session}/turns", **asked) as answer:
        async for line in answer.aiter_lines():
            if line == "event: sentence" and not received:
                received = time.perf_counter()
    if not received:
        raise BenchFailed("A turn was told without a sentence")
    return received


async def _settled(server: Process) -> float:
    assert server.stdout
    async with asyncio.timeout(PATIENCE_S):
        while line := await server.stdout.readline():
            if line.startswith(b"settled "):
                return float(line.split()[1])
    raise BenchFailed("The server ended")


async def _answers(client: httpx.AsyncClient, server: Process) -> bool:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.returncode is None:
        try:
            if (await client.get("/ok")).is_success:
                return True
        except httpx.HTTPError:
            await asyncio.sleep(0.3)
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
