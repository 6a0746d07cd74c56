"""Figures for Prometheus, one registry a process. Every label has a bounded set of values: names of ours, and `other`.

`tta_turns_total` and the rest are this process's own: add up instances. Of several behind one port (`api/processes.py`) each
tells the sum of all, through files that prometheus_client keeps. What `api/routes/metrics.py` writes besides are the
tenant's counts, the same from every process.
"""

import os
import platform
import sys
from collections.abc import Mapping
from typing import Literal

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from api.processes import SHARED_FIGURES
from graphs.telemetry import Operation

MOST = {"model": 32, "error": 64, "route": 128, "operation": 160}
"""Values that a label takes at most; whatever comes later is `other`. The last three are ours, and fewer."""

OfAll = Literal["livesum", "livemin", "livemax"]
"""What a gauge of several processes tells: of those that live."""

_TURN_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 180)
_NODE_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5, 20, 80)
_STORE_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_HTTP_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)

prometheus_client.disable_created_metrics()


class Figures:
    """An observer, and what Prometheus is told."""

    def __init__(self, version: str) -> None:
        self.registry = registry = CollectorRegistry()
        self._seen: dict[str, set[str]] = {label: set() for label in MOST}
        self._children: dict[tuple[Histogram | str, ...], Histogram] = {}
        """Of the busiest, by metric and labels, of which there are so many: to look one up anew costs more than to count."""

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"tta_{name}", says, labels, registry=registry)

        def histogram(name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"tta_{name}_seconds", says, labels, registry=registry, buckets=buckets)

        def gauge(name: str, says: str, *labels: str, of_all: OfAll = "livesum") -> Gauge:
            return Gauge(f"tta_{name}", says, labels, registry=registry, multiprocess_mode=of_all)

        self._turns = counter("turns", "Turns that ended: their kind, and `committed` or the error.", "kind", "outcome")
        self._turn = histogram("turn", "From a turn's begin to its commit.", _TURN_S, "kind")
        self._first = histogram("turn_first_sentence", "From a turn's begin to its first sentence.", _TURN_S)
        self._running = gauge("running_turns", "Turns that are being played.")
        self._node = histogram("node", "Time within a node of the turn graph.", _NODE_S, "node")
        self._calls = counter("model_calls", "Calls of a model: `ok` or the error.", "provider", "model", "outcome")
        self._model = histogram("model", "From asking a model to its last word.", _TURN_S, "provider", "model")
        self._chunk = histogram("model_first_chunk", "From asking to the first word.", _TURN_S, "provider", "model")
        self._tokens = counter("model_tokens", "Tokens, as the model counts.", "provider", "model", "direction")
        self._store = histogram(
            "store", "Round trips: Cypher statements, commands, checkpoints.", _STORE_S, "store", "operation"
        )
        self._store_errors = counter("store_errors", "Round trips that failed.", "store", "error")
        self._reconnects = counter("store_reconnects", "Connections that were lost and tried once more.", "store")
        self._requests = counter("http_requests", "Requests and sockets that ended.", "route", "method", "status")
        self._request = histogram(
            "http_request", "Until the answer's end, of a stream its begin.", _HTTP_S, "route", "method"
        )
        self._streams = gauge("open_streams", "Event streams that are being read.")
        self._sockets = gauge("open_sockets", "WebSockets that are open.")
        self._state = gauge(
            "dependency_state", "As last looked at: 1 ok, 0.5 degraded, 0 failed.", "dependency", of_all="livemin"
        )
        self._refused = counter("limits_refused", "Requests that a limit has refused, by the limit.", "policy")
        info = gauge("build_info", "Always 1.", "version", "python", of_all="livemax")
        info.labels(version, platform.python_version()).set(1)
        self._shared = SHARED_FIGURES in os.environ
        if sys.platform == "linux" and not self._shared:
            prometheus_client.ProcessCollector(registry=registry)
        for store in ("redis", "falkordb", "neo4j"):
            self._reconnects.labels(store)  # an alert on a rate needs the 0 before the 1

    def text(self) -> str:
        """The exposition, format 0.0.4."""
        registry = self.registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry).decode()

    def begin(self, operation: Operation) -> None:
        if operation.kind == "turn":
            self._running.inc()

    def end(self, operation: Operation) -> None:
        kind, told = operation.kind, operation.attributes
        if kind == "turn":
            self._end_turn(operation)
        elif kind == "node":
            self._child(self._node, operation.name).observe(operation.seconds)
        elif kind == "model":
            self._end_model(operation)
        elif kind == "http":
            route, method = self._bound("route", str(told.get("route") or "none")), operation.name
            self._requests.labels(route, method, str(told.get("status", 0))).inc()
            if method != "WEBSOCKET":
                self._request.labels(route, method).observe(float(told.get("first_byte_s", operation.seconds)))
        else:
            store = str(told["store"])
            self._child(self._store, store, self._bound("operation", operation.name)).observe(operation.seconds)
            if operation.error and operation.error != "CancelledError":
                self._store_errors.labels(store, self._bound("error", operation.error)).inc()

    def observe(self, what: str, amount: float, labels: Mapping[str, str]) -> None:
        if what == "first_sentence":
            self._first.observe(amount)
        elif what == "reconnect":
            self._reconnects.labels(labels["store"]).inc(amount)
        elif what == "open_streams":
            self._streams.inc(amount)
        elif what == "open_sockets":
            self._sockets.inc(amount)
        elif what == "dependency":
            self._state.labels(labels["dependency"]).set(amount)
        elif what == "limits_refused":
            self._refused.labels(labels["policy"]).inc(amount)

    def ids(self) -> Mapping[str, str]:
        return {}

    def _end_turn(self, operation: Operation) -> None:
        self._running.dec()
        kind = str(operation.attributes.get("kind", "none"))
        self._turns.labels(kind, self._bound("error", operation.error) if operation.error else "committed").inc()
        self._turn.labels(kind).observe(operation.seconds)

    def _end_model(self, operation: Operation) -> None:
        told = operation.attributes
        who = str(told["provider"]), self._bound("model", str(told["model"]))
        self._calls.labels(*who, self._bound("error", operation.error) if operation.error else "ok").inc()
        self._model.labels(*who).observe(operation.seconds)
        if "first_chunk_s" in told:
            self._chunk.labels(*who).observe(float(told["first_chunk_s"]))
        for direction in ("input", "output"):
            self._tokens.labels(*who, direction).inc(int(told.get(f"{direction}_tokens", 0)))

    def _child(self, metric: Histogram, *labels: str) -> Histogram:
        """A histogram with its labels."""
        child = self._children.get((metric, *labels))
        if child is None:
            child = self._children[(metric, *labels)] = metric.labels(*labels)
        return child

    def _bound(self, label: str, value: str) -> str:
        """The value, or `other` where the label has as many as it may."""
        seen = self._seen[label]
        if value in seen:
            return value
        if len(seen) >= MOST[label]:
            return "other"
        seen.add(value)
        return value
