"""Two API processes behind a balancer and two workers: which of them a client meets makes no difference to its story."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from load import Load
from replica import AFTER, BEFORE
from topology import Topology, open_topology

pytestmark = pytest.mark.asyncio(loop_scope="module")

LATER = {"Prefer": "respond-async"}
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("topology")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def topology(home: Path) -> AsyncGenerator[Topology]:
    async with open_topology(home, TTA_DRAIN_S="2") as made:
        yield made


@pytest.fixture(autouse=True)
def held(home: Path) -> Path:
    """The file for which the model `held` waits."""
    (home / "go").unlink(missing_ok=True)
    return home / "go"


async def begun(client: httpx.AsyncClient, model: str = "held") -> str:
    made = await client.post("/api/v1/sessions", json={"world": "winter_light", "seed": 1, "model": model})
    assert made.status_code == 201, made.text
    return f"{made.headers['location']}/turns"


async def events_of(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field in ("id", "event"):
            event[field] = value
        elif field == "data":
            yield {**event, "data": json.loads(value)}


async def until_sentence(told: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    async for event in told:
        if event["event"] == "sentence":
            return event
    raise AssertionError("the stream ended without a sentence")


async def until_over(client: httpx.AsyncClient, path: str) -> httpx.Response:
    async with asyncio.timeout(60):
        while (answer := await client.get(path)).status_code == 202:
            await asyncio.sleep(0.02)
    return answer


async def test_begun_on_one_and_read_along_on_the_other(topology: Topology, held: Path) -> None:
    async with topology.client(topology.apis[0]) as one, topology.client(topology.apis[1]) as other:
        turns = await begun(one)
        async with one.stream("POST", turns, json={"action": "look"}, headers=EVENTS) as playing:
            here = events_of(playing)
            first = await until_sentence(here)
            assert first["data"]["text"] == BEFORE
            where = f"{turns}/{first['id'].partition(':')[0]}/events"
            async with (
                other.stream("GET", where) as reading,
                other.stream("GET", where, headers={"Last-Event-ID": first["id"]}) as resuming,
            ):
                there, on = events_of(reading), events_of(resuming)
                assert (await until_sentence(there)) == first
                held.touch()
                rest = [event async for event in here]
                assert [event async for event in there] == rest
                assert [event async for event in on] == rest
        assert [event["event"] for event in rest] == ["sentence", "committed", "end"]
        assert rest[0]["data"]["text"] == AFTER


async def test_a_stream_that_is_cut_goes_on_on_the_other(topology: Topology, held: Path) -> None:
    """The process that plays is killed after a sentence; the other one ends the turn, and says nothing twice."""
    async with topology.client(topology.apis[0]) as one, topology.client(topology.apis[1]) as other:
        turns = await begun(one)
        async with one.stream("POST", turns, json={"action": "look"}, headers=EVENTS) as playing:
            first = await until_sentence(events_of(playing))
            await topology.apis[0].kill()
        held.touch()
        where = f"{turns}/{first['id'].partition(':')[0]}/events"
        async with other.stream("GET", where, headers={"Last-Event-ID": first["id"]}) as resuming:
            rest = [event async for event in events_of(resuming)]
        assert [event["event"] for event in rest[-2:]] == ["committed", "end"]
        assert BEFORE not in [event["data"].get("text") for event in rest]
        assert rest[-2]["data"]["turn"]["narration"].startswith(BEFORE)
        assert len((await other.get(turns)).json()["turns"]) == 1
    await topology.apis[0].start()
    await topology.until_ready()


@pytest.mark.parametrize(
    ("strategy", "kept"),
    [("enqueue", ["wait", "look"]), ("interrupt", ["wait", "look"]), ("rollback", ["wait"])],
)
async def test_a_second_action_at_the_other(topology: Topology, held: Path, strategy: str, kept: list[str]) -> None:
    async with topology.client(topology.apis[0]) as one, topology.client(topology.apis[1]) as other:
        turns = await begun(one)
        async with one.stream("POST", turns, json={"action": "look"}, headers=EVENTS) as playing:
            told = events_of(playing)
            await until_sentence(told)
            refused = await other.post(turns, json={"action": "wait"})
            assert (refused.status_code, refused.json()["code"]) == (409, "turn_in_progress")
            second = {"action": "wait", "multitask_strategy": strategy}
            sent = await other.post(turns, json=second, headers=LATER)
            assert (sent.status_code, sent.json()["ahead"]) == (202, 1 if strategy == "enqueue" else 0)
            if strategy == "enqueue":  # else the model is stopped where it waits
                held.touch()
            last = [event async for event in told]
            held.touch()
        over = await until_over(one, sent.json()["turn"])
        assert (over.status_code, over.json()["action"]) == (200, "wait")
        assert [turn["action"] for turn in (await one.get(turns)).json()["turns"]] == kept
        assert last[-2]["event"] == ("error" if strategy == "rollback" else "committed")


async def test_what_nobody_waits_for_is_played_by_workers(topology: Topology) -> None:
    """They say so in nothing but what they play: no API process plays it (TTA_QUEUE)."""
    async with topology.client() as client:
        turns = await begun(client, "offline")
        sent = await client.post(turns, json={"action": "look"}, headers=LATER)
        assert (await until_over(client, sent.json()["turn"])).status_code == 200


async def test_both_are_asked(topology: Topology) -> None:
    before = dict(topology.balancer.taken)
    for _ in range(4):
        async with topology.client() as client:
            assert (await client.get("/health/live")).status_code == 200
    assert all(topology.balancer.taken[port] - before[port] == 2 for port in topology.balancer.ports)


async def test_a_process_that_is_told_to_stop_loses_no_turn(topology: Topology) -> None:
    """Under load: what it plays is played to its end, its readiness says no, and what comes next goes to the other."""
    stopped = topology.apis[0]
    async with topology.client() as client:
        load = Load(client)
        await load.begin(6)
        async with load.playing():
            await load.until(lambda: load.turns() >= 12)
            stopped.terminate()
            async with topology.client(stopped) as asked:  # the port is open for a while, and says so
                answer = await asked.get("/health/ready")
            assert (answer.status_code, answer.json()["status"]) == (503, "stopping")
            await load.until(lambda: topology.balancer.ready == {topology.apis[1].port})
            assert await stopped.ended() == 0, stopped.said()
            ended = time.monotonic()
            await load.until(lambda: load.all_since(ended))
        assert await load.faults(client) == []
        assert not [told for told in load.refusals if told[0] not in "4"], load.refusals
    await stopped.start()
    await topology.until_ready()
