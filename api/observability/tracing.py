"""Traces for OpenTelemetry: one a request, within it a span for the turn, each node, each model call, Cypher statement and
round trip to Redis. The only module besides `opening.py` that knows OpenTelemetry; imported where traces are asked for.

Names follow the semantic conventions for HTTP and databases (stable) and for generative AI (in development). No span has a
text, a path, a query, a parameter, an event or a description: an error is the name of its class, in `error.type`.
"""

from collections.abc import Iterator, Mapping

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from graphs.telemetry import Operation, Value, ids

SCOPE = "tta"

_INCOMING = TraceContextTextMapPropagator()
_WITHIN = ("cypher", "redis")
"""Told only as part of something: what runs in the background for itself (renewals, the audit) makes no traces."""

_PROVIDERS = {"google_genai": "gcp.gemini"}
"""Names that the conventions have for providers, where they are not LangChain's."""


class Tracing:
    """An observer. The provider is its own and never the process's global one, so that no library adds spans of its own."""

    def __init__(self, provider: TracerProvider, version: str = "") -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SCOPE, version)

    def begin(self, operation: Operation) -> None:
        if operation.kind in _WITHIN and not trace.get_current_span().get_span_context().is_valid:
            return
        if operation.attributes.get("quiet"):
            span: Span = NonRecordingSpan(SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(0)))
        else:
            # No `tracestate`, no `baggage`: they would carry a stranger's text on.
            around = _INCOMING.extract({"traceparent": operation.parent}) if operation.parent else None
            span = self._tracer.start_span(_name(operation), context=around, kind=_kind(operation))
        token = context.attach(trace.set_span_in_context(span)) if operation.nests else None
        operation.held[id(self)] = (span, token)

    def end(self, operation: Operation) -> None:
        span, token = operation.held.pop(id(self), (None, None))
        if span is None:
            return
        if token is not None:
            context.detach(token)
        if span.is_recording():
            span.update_name(_name(operation))
            span.set_attributes(dict(_attributes(operation)))
            if operation.error:
                span.set_status(StatusCode.ERROR)
        span.end()

    def observe(self, what: str, amount: float, labels: Mapping[str, str]) -> None:
        """Figures are no traces."""

    def ids(self) -> Mapping[str, str]:
        found = trace.get_current_span().get_span_context()
        if not found.is_valid or found.trace_id == 1:
            return {}
        return {"trace_id": trace.format_trace_id(found.trace_id), "span_id": trace.format_span_id(found.span_id)}

    def close(self) -> None:
        """What is still to be sent is."""
        self._provider.shutdown()


def _kind(operation: Operation) -> SpanKind:
    if operation.kind == "http":
        return SpanKind.SERVER
    outside = operation.kind in ("cypher", "redis") or (
        operation.kind == "model" and operation.attributes.get("provider") != "tta"
    )
    return SpanKind.CLIENT if outside else SpanKind.INTERNAL


def _name(operation: Operation) -> str:
    told = operation.attributes
    if operation.kind == "http":
        return f"{operation.name} {told.get('route', '')}".strip()
    if operation.kind == "model":
        return f"{operation.name} {told['model']}"
    if operation.kind == "node":
        return f"node {operation.name}"
    return operation.name


def _attributes(operation: Operation) -> Iterator[tuple[str, Value]]:
    if operation.error:
        yield "error.type", operation.error
    if operation.kind == "http":
        yield from _of_http(operation)
    elif operation.kind == "model":
        yield from _of_model(operation)
    elif operation.kind in _WITHIN:
        yield from _of_store(operation)
    elif operation.kind == "turn":
        yield from _renamed(operation.attributes, "tta.turn.", but={"session": "tta.session.id", "turn": "tta.turn.id"})
        yield from _renamed(ids(), "", but={"request": "tta.request.id"}, only=True)
    else:
        yield "tta.node", operation.name
        yield from _renamed(operation.attributes, "tta.")


def _renamed(
    given: Mapping[str, Value], prefix: str, *, but: Mapping[str, str] | None = None, only: bool = False
) -> Iterator[tuple[str, Value]]:
    names = but or {}
    for name, value in given.items():
        if name in names or not only:
            yield names.get(name, prefix + name), value


def _of_http(operation: Operation) -> Iterator[tuple[str, Value]]:
    """https://opentelemetry.io/docs/specs/semconv/http/http-spans/ without `url.path` and `url.query`."""
    told = operation.attributes
    yield "http.request.method", "_OTHER" if operation.name == "HTTP" else operation.name
    if route := told.get("route"):
        yield "http.route", route
    if status := told.get("status"):
        yield "http.response.status_code", status
    for name, attribute in (
        ("scheme", "url.scheme"),
        ("request", "tta.request.id"),
        ("session", "tta.session.id"),
        ("stream", "tta.http.stream"),
    ):
        if name in told:
            yield attribute, told[name]


def _of_model(operation: Operation) -> Iterator[tuple[str, Value]]:
    """https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ without any content."""
    told = operation.attributes
    yield "gen_ai.operation.name", operation.name
    provider = str(told["provider"])
    yield "gen_ai.provider.name", _PROVIDERS.get(provider, provider)
    yield "gen_ai.request.model", told["model"]
    for name, attribute in (
        ("input_tokens", "gen_ai.usage.input_tokens"),
        ("output_tokens", "gen_ai.usage.output_tokens"),
        ("first_chunk_s", "gen_ai.response.time_to_first_chunk"),
    ):
        if name in told:
            yield attribute, told[name]
    if reason := told.get("finish_reason"):
        yield "gen_ai.response.finish_reasons", (str(reason),)  # pyright: ignore[reportReturnType] - the convention has a list


def _of_store(operation: Operation) -> Iterator[tuple[str, Value]]:
    """https://opentelemetry.io/docs/specs/semconv/database/database-spans/ ; `falkordb` is no name of theirs yet."""
    told = operation.attributes
    yield "db.system.name", told["store"]
    if operation.kind == "cypher":
        yield "db.query.summary", operation.name
        return
    yield "db.operation.name", operation.name
    if int(told.get("size", 1)) > 1:
        yield "db.operation.batch.size", told["size"]
