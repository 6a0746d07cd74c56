"""Spans and log lines that a test can look at."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.logs import configure
from api.observability.tracing import Tracing
from graphs.telemetry import unwatch, watch


class Spans:
    """What was traced."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, start: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name.startswith(start)]

    def one(self, start: str) -> ReadableSpan:
        [found] = self.named(start)
        return found

    def with_key(self, key: str) -> list[ReadableSpan]:
        return [span for span in self.all() if key in (span.attributes or {})]

    def clear(self) -> None:
        self._exporter.clear()

    def text(self) -> str:
        """Everything that an exporter could send."""
        return "\n".join(
            f"{span.to_json()} {span.context.trace_state.to_header() if span.context else ''}" for span in self.all()
        )


def ancestors(span: ReadableSpan, spans: list[ReadableSpan]) -> list[str]:
    """Names of the spans around it, the nearest first."""
    by_id = {one.context.span_id: one for one in spans if one.context}
    found: list[str] = []
    while span.parent and (around := by_id.get(span.parent.span_id)):
        found.append(around.name)
        span = around
    return found


@contextmanager
def traced_here() -> Iterator[Spans]:
    """Traces of this process, kept in memory."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider)
    watch(tracing)
    try:
        yield Spans(exporter)
    finally:
        unwatch(tracing)
        provider.shutdown()


class Log:
    """Lines that were logged, as they would stand on stderr."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def text(self) -> str:
        return self._stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@contextmanager
def logged_here(monkeypatch: Any) -> Iterator[Log]:
    """The log as a process that serves writes it."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", stream)
    try:
        configure("json")
        yield Log(stream)
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
