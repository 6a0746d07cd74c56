"""`/metrics`: what is counted, and that no client can make it grow."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from fakes import Answering, ScriptedModel
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from served import served
from websockets.asyncio.client import connect

from api.observability.figures import MOST, Figures
from graphs.engine import StoryEngine
from graphs.modelcalls import observed
from graphs.telemetry import Kind, Operation, Value

DANGER = "I want to end my life tonight"


async def samples(client: httpx.AsyncClient) -> list[Sample]:
    text = (await client.get("/metrics")).text
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(of: Iterable[Sample], name: str, **labels: str) -> float:
    """The sum of the samples of that name that have these labels."""
    return sum(s.value for s in of if s.name == name and labels.items() <= s.labels.items())


class Since:
    """How much figures have grown since it was made."""

    def __init__(self, client: httpx.AsyncClient, before: list[Sample]) -> None:
        self._client, self._before = client, before

    async def grown(self, name: str, **labels: str) -> float:
        return value(await samples(self._client), name, **labels) - value(self._before, name, **labels)


@pytest.fixture
async def since(client: httpx.AsyncClient) -> Since:
    return Since(client, await samples(client))


async def test_turns_are_counted_by_kind_and_outcome(
    client: httpx.AsyncClient, engine: StoryEngine, begin: Any, since: Since
) -> None:
    turns = await begin()
    await client.post(turns, json={"action": "look"})
    await client.post(turns, json={"action": DANGER})
    engine.use_model("fake:failing", ScriptedModel(answers=["<fail>"]))
    await client.post(await begin(model="fake:failing"), json={"action": "look"})
    assert await since.grown("tta_turns_total", kind="story", outcome="committed") == 1
    assert await since.grown("tta_turns_total", kind="crisis", outcome="committed") == 1
    assert await since.grown("tta_turns_total", kind="none", outcome="model_unavailable") == 1
    assert await since.grown("tta_turn_seconds_count", kind="story") == 1
    assert await since.grown("tta_turn_first_sentence_seconds_count") >= 1
    assert await since.grown("tta_node_seconds_count", node="narrate") == 2
    assert await since.grown("tta_node_seconds_count", node="crisis") == 1
    assert await since.grown("tta_safety_verdicts_total", tier="crisis") == 1


async def test_models_are_counted_with_their_tokens(
    client: httpx.AsyncClient, engine: StoryEngine, begin: Any, since: Since
) -> None:
    asked = observed(Answering(answers=["The lamp burns."]), "openai:gpt-9")
    assert (await asked.ainvoke("light")).text.strip() == "The lamp burns."
    who = {"provider": "openai", "model": "gpt-9"}
    assert await since.grown("tta_model_calls_total", outcome="ok", **who) == 1
    assert await since.grown("tta_model_tokens_total", direction="input", **who) == 70
    assert await since.grown("tta_model_tokens_total", direction="output", **who) == 9
    await client.post(await begin(), json={"action": "look"})
    assert await since.grown("tta_model_seconds_count", provider="tta", model="offline") == 1
    assert await since.grown("tta_model_first_chunk_seconds_count", provider="tta", model="offline") == 1


async def test_stores_are_timed_and_their_failures_counted(
    client: httpx.AsyncClient, engine: StoryEngine, begin: Any, since: Since, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = await begin()
    await client.post(turns, json={"action": "look"})
    assert await since.grown("tta_store_seconds_count", store="falkordb", operation="commit") == 1
    assert await since.grown("tta_store_seconds_count", store="redis", operation="MULTI") >= 1
    assert await since.grown("tta_store_seconds_count", store="redis", operation="checkpoint put") > 3
    assert await since.grown("tta_store_seconds_count", store="redis", operation="XREAD") == 0

    async def gone(*_: Any, **__: Any) -> Any:
        raise RedisConnectionError("gone")

    with monkeypatch.context() as without:
        without.setattr(Redis, "execute_command", gone)
        assert (await client.post(turns, json={"action": "look"})).status_code == 503
    assert await since.grown("tta_store_reconnects_total", store="falkordb") >= 1
    assert await since.grown("tta_store_errors_total", store="falkordb", error="store_unavailable") >= 1


async def test_requests_are_counted_by_the_routes_template(client: httpx.AsyncClient, begin: Any, since: Since) -> None:
    turns = await begin()
    await client.get(turns)
    await client.get("/nothing/here")
    route = "/api/v1/sessions/{session}/turns"
    assert await since.grown("tta_http_requests_total", route=route, method="GET", status="200") == 1
    assert await since.grown("tta_http_request_seconds_count", route=route, method="GET") == 1
    assert await since.grown("tta_http_requests_total", route="none", method="GET", status="404") == 1


async def test_what_is_under_way_is_told_while_it_is(engine: StoryEngine, begin: Any) -> None:
    held = ScriptedModel(answers=["The lamp burns. <held> The snow falls."])
    engine.use_model("fake:held", held)
    turns = await begin(model="fake:held")
    names = ("tta_open_streams", "tta_open_sockets", "tta_running_turns")
    async with served(engine) as where, httpx.AsyncClient(base_url=f"http://{where}") as client:

        async def told() -> list[float]:
            found = await samples(client)
            return [value(found, name) for name in names]

        async def until(wanted: list[float]) -> None:
            async with asyncio.timeout(20):
                while await told() != wanted:
                    await asyncio.sleep(0.01)

        async with (
            client.stream("POST", turns, json={"action": "look"}, headers={"Accept": "text/event-stream"}) as stream,
            connect(f"ws://{where}{turns.removesuffix('turns')}play"),
        ):
            await until([1, 1, 1])
            held.go.set()
            await stream.aread()
        await until([0, 0, 0])


async def test_a_thousand_odd_clients_make_no_thousand_series(client: httpx.AsyncClient, engine: StoryEngine) -> None:
    async def ask(number: int) -> None:
        await client.request(f"M{number}", f"/odd/{number}")
        await client.get(f"/api/v1/sessions/odd{number}/turns")
        await client.post("/api/v1/sessions", json={"model": f"odd{number}:{number}"})

    await ask(0)
    before = len(await samples(client))
    for number in range(1, 1000):
        await ask(number)
    assert len(await samples(client)) - before <= 4


def test_a_label_takes_so_many_values_and_no_more() -> None:
    figures = Figures("0")  # one of its own, for it is full afterwards

    def told(kind: Kind, name: str, error: str = "", **attributes: Value) -> None:
        done = Operation(kind, name, attributes, nests=True, error=error)
        figures.begin(done)
        figures.end(done)

    for number in range(1000):
        told("model", "chat", provider="openai", model=f"m{number}")
        told("redis", "GET", store="redis", error=f"Odd{number}Error")
        told("redis", f"COMMAND{number}", store="redis")
        told("http", "GET", route=f"/r{number}", status=200)
        told("turn", "play turn", error=f"odd_{number}")
    families = {f.name: f for f in text_string_to_metric_families(figures.text())}
    for name, label in (("tta_model_calls", "model"), ("tta_http_requests", "route"), ("tta_store_errors", "error")):
        values = {sample.labels[label] for sample in families[name].samples}
        assert "other" in values
        assert len(values) <= MOST[label] + 1
    assert len({s.labels["operation"] for s in families["tta_store_seconds"].samples}) == MOST["operation"] + 1
    assert value(families["tta_model_calls"].samples, "tta_model_calls_total") == 1000
    assert len({s.labels["outcome"] for s in families["tta_turns"].samples}) <= MOST["error"] + 1


async def test_what_was_built_is_told(client: httpx.AsyncClient) -> None:
    [info] = [sample for sample in await samples(client) if sample.name == "tta_build_info"]
    assert (info.value, set(info.labels)) == (1, {"version", "python"})
