"""One trace a request: the turn, its nodes, the model's calls, Cypher, Redis; by the names that OpenTelemetry has for them."""

from typing import Any

import httpx
import pytest
from fakes import Answering, ScriptedModel
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from watched import Spans, ancestors

from graphs.engine import StoryEngine

NODES = [
    "begin",
    "screen_action",
    "recall",
    "resolve_action",
    "narrate",
    "review_narration",
    "settle_changes",
    "commit",
]
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ROUTE = "/api/v1/sessions/{session}/turns"


async def test_a_turn_is_one_trace_within_its_request(client: httpx.AsyncClient, begin: Any, spans: Spans) -> None:
    turns = await begin()
    spans.clear()
    answer = await client.post(turns, json={"action": "look"}, headers={"traceparent": CALLER})
    assert answer.status_code == 201
    found = spans.all()
    assert {f"{span.context.trace_id:032x}" for span in found if span.context} == {CALLER.split("-")[1]}
    request = spans.one("POST")
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == CALLER.split("-")[2]
    assert (request.name, request.kind) == (f"POST {ROUTE}", SpanKind.SERVER)
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": ROUTE,
        "http.response.status_code": 201,
        "url.scheme": "http",
        "tta.request.id": answer.headers["x-request-id"],
        "tta.session.id": turns.split("/")[-2],
    }
    turn = spans.one("play turn")
    assert ancestors(turn, found) == [request.name]
    assert dict(turn.attributes or {}) == {
        "tta.session.id": turns.split("/")[-2],
        "tta.turn.id": answer.json()["turn_id"],
        "tta.request.id": answer.headers["x-request-id"],
        "tta.turn.kind": "story",
        "tta.turn.tier": "none",
        "tta.turn.resumed": False,
    }
    assert (spans.one("node narrate").attributes or {})["tta.first_sentence_s"] > 0  # type: ignore[operator]
    nodes = [
        span.name.removeprefix("node ") for span in sorted(spans.named("node "), key=lambda span: span.start_time or 0)
    ]
    assert nodes == NODES
    assert all(ancestors(span, found) == ["play turn", request.name] for span in spans.named("node "))


async def test_a_model_call_has_the_conventions_names(
    client: httpx.AsyncClient, engine: StoryEngine, begin: Any, spans: Spans
) -> None:
    session = (await begin()).split("/")[-2]
    await client.post(f"/api/v1/sessions/{session}/turns", json={"action": "look"})
    call = spans.one("chat")
    assert (call.name, call.kind) == ("chat offline", SpanKind.INTERNAL)
    assert "node narrate" in ancestors(call, spans.all())
    told = dict(call.attributes or {})
    assert told.pop("gen_ai.response.time_to_first_chunk") > 0  # type: ignore[operator]
    assert {name: told[name] for name in ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "tta",
        "gen_ai.request.model": "offline",
    }
    assert set(told) <= {
        "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
    }  # fmt: skip


async def test_what_a_vendor_counts_is_told(
    client: httpx.AsyncClient, engine: StoryEngine, begin: Any, spans: Spans
) -> None:
    engine.use_model("openai:gpt-9", Answering(answers=["The cottage is quiet. Snow lies on the sill."]))
    session = (await begin(model="openai:gpt-9")).split("/")[-2]
    await client.post(f"/api/v1/sessions/{session}/turns", json={"action": "look"})
    call = spans.one("chat")
    assert (call.name, call.kind) == ("chat gpt-9", SpanKind.CLIENT)
    assert (call.attributes or {})["gen_ai.provider.name"] == "openai"


async def test_cypher_and_redis_are_told_by_name_alone(client: httpx.AsyncClient, begin: Any, spans: Spans) -> None:
    turns = await begin()
    spans.clear()
    await client.post(turns, json={"action": "look"})
    statements = spans.with_key("db.query.summary")
    assert {"commit", "recall", "position", "session"} <= {span.name for span in statements}
    for span in statements:
        assert dict(span.attributes or {}) == {"db.system.name": "falkordb", "db.query.summary": span.name}
    commit = next(span for span in statements if span.name == "commit")
    assert ancestors(commit, spans.all())[0] == "node commit"
    redis = spans.with_key("db.operation.name")
    assert {"MULTI", "checkpoint put", "XRANGE"} <= {span.name for span in redis}
    assert {name for span in redis for name in span.attributes or {}} == {
        "db.system.name", "db.operation.name", "db.operation.batch.size",
    }  # fmt: skip
    assert all(span.kind is SpanKind.CLIENT for span in [*statements, *redis])


async def test_an_error_is_the_name_of_its_class(
    client: httpx.AsyncClient, engine: StoryEngine, begin: Any, spans: Spans
) -> None:
    engine.use_model("fake:failing", ScriptedModel(answers=["<fail>"]))
    turns = await begin(model="fake:failing")
    assert (await client.post(turns, json={"action": "look"})).status_code == 503
    call, turn = spans.one("chat"), spans.one("play turn")
    assert (call.name, (call.attributes or {})["error.type"]) == ("chat other", "RuntimeError")
    assert (turn.attributes or {})["error.type"] == "model_unavailable"
    for span in (call, turn, spans.one("node narrate"), spans.one(f"POST {ROUTE}")):
        assert span.status.status_code is StatusCode.ERROR
        assert (span.status.description, list(span.events)) == (None, [])
    spans.clear()
    assert (await client.post(turns, json={"text": "look"})).status_code == 422
    assert spans.one("POST").status.status_code is StatusCode.UNSET  # a client's mistake is none of the server's


async def test_machines_that_look_every_second_make_no_traces(client: httpx.AsyncClient, spans: Spans) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        await client.get(path)
    assert spans.all() == []
    await client.get("/api/v1/worlds")
    assert [span.name for span in spans.all()] == ["GET /api/v1/worlds"]


async def test_a_strangers_trace_is_taken_only_as_what_it_is(client: httpx.AsyncClient, spans: Spans) -> None:
    for given in ("zanzibar", f"{CALLER}-zanzibar", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "x" * 5_000):
        await client.get(
            "/api/v1/worlds", headers={"traceparent": given, "tracestate": "zan=zibar", "baggage": "zan=zibar"}
        )
    await client.get(
        "/api/v1/worlds", headers={"traceparent": CALLER, "tracestate": "zan=zibar", "baggage": "zan=zibar"}
    )
    found = spans.named("GET")
    assert [span.parent is None for span in found] == [True] * 4 + [False]
    assert "zibar" not in spans.text()


def test_no_library_is_given_a_provider_to_speak_to(spans: Spans) -> None:
    assert type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"


async def test_the_frameworks_own_telemetry_is_off(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, begin: Any
) -> None:
    """Whoever sets a provider for the whole process: FastAPI would tell it paths, queries and what errors say."""
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    await client.post(await begin(), json={"action": "look"}, params={"q": "zanzibar"})
    await client.get("/zanzibar")
    assert kept.get_finished_spans() == ()
