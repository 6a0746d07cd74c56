"""What is watched in this process, by the settings: figures where the API is served, traces where `TTA_OTEL` says so."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from agents.errors import InvalidSetting
from api.observability.collector import telling_once
from graphs.modelnames import trust
from graphs.settings import Settings
from graphs.telemetry import unwatch, watch

if TYPE_CHECKING:
    from api.observability.figures import Figures
    from api.observability.tracing import Tracing

_open: list["Tracing"] = []


@cache
def figures() -> "Figures":
    """The process's own, watching from the first call on."""
    from api.observability.figures import Figures  # noqa: PLC0415 - only who serves pays for it

    made = Figures(own_version())
    watch(made)
    return made


@contextmanager
def open_tracing(settings: Settings) -> Generator[None]:
    """Traces, if they are asked for; what is left is sent on leaving. Within another one of this process, nothing.

    Raises InvalidSetting where the packages are missing.
    """
    trust(settings.model, settings.safety_model)
    if not settings.otel or _open:
        yield
        return
    check_tracing(settings)
    from api.observability.tracing import Tracing  # noqa: PLC0415

    tracing = Tracing(_provider(settings), own_version())
    _open.append(tracing)
    watch(tracing)
    with telling_once():
        try:
            yield
        finally:
            unwatch(tracing)
            _open.remove(tracing)
            tracing.close()


def check_tracing(settings: Settings) -> None:
    """Raises InvalidSetting where traces are asked for and the packages are missing."""
    if settings.otel and not can_trace(settings.otel):
        raise InvalidSetting(
            "TTA_OTEL needs the extra 'otel', which is not installed",
            cure="Install it: uv sync --extra otel (or pip install 'tta[otel]')",
        )


def can_trace(where: str) -> bool:
    """Whether the packages are there for traces to `otlp` or `console`."""
    from importlib.util import find_spec  # noqa: PLC0415

    needed = {"otlp": "opentelemetry.exporter.otlp.proto.http", "console": "opentelemetry.sdk"}
    try:
        return find_spec(needed[where]) is not None
    except ModuleNotFoundError:
        return False


def _provider(settings: Settings) -> Any:
    """A provider as OpenTelemetry's own variables have it: OTEL_EXPORTER_OTLP_*, OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER."""
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SimpleSpanProcessor,
    )

    named = Resource({SERVICE_NAME: "tta", SERVICE_VERSION: own_version()})
    provider = TracerProvider(resource=named.merge(_of_environment()))
    if settings.otel == "console":
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _of_environment() -> Any:
    from opentelemetry.sdk.resources import OTELResourceDetector  # noqa: PLC0415

    return OTELResourceDetector().detect()


def own_version() -> str:
    """The version of TTA; `0` where it is not installed."""
    try:
        return version("tta")
    except PackageNotFoundError:
        return "0"
