"""Nobody watches unless the settings say so; then it costs an import, and a line of the log has its ids."""

import json
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from watched import Log, Spans

from agents.errors import InvalidSetting, ModelUnavailable
from api.cli.health import _extras, _telemetry
from api.cli.run import run
from api.observability import opening
from graphs import telemetry
from graphs.engine import StoryEngine
from graphs.settings import read_settings
from graphs.telemetry import bound, known_as, operation

PLAY = """
import sys
from api.cli.run import run
code = run(["play", "--script", sys.argv[1], "--json"])
from graphs.telemetry import watched
ours = ("opentelemetry.exporter", "prometheus_client", "api.observability.tracing", "api.observability.figures")
print([name for name in sys.modules if name.startswith(ours)], watched())  # redis-py imports the SDK by itself, if it is there
sys.exit(code)
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file of a play of one turn, whose story lies beside it."""
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TTA_LINGER_S", "0.2")
    path = tmp_path / "script.txt"
    path.write_text("look\n")
    return str(path)


def ran(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Python, in a process of its own."""
    return subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=120)


def test_a_play_imports_nothing_of_it_and_sends_nothing(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the standard variables name a collector: by themselves they send nothing."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    done = ran("-c", PLAY, script)
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (0, "[] False", "")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_observers", ())


def test_what_nobody_watches_is_one_constant(nobody: None) -> None:
    assert operation("node", "narrate") is operation("redis", "GET", store="redis")
    with operation("turn", "play turn") as watched:
        watched.set(kind="story")
        watched.fail("it")


class Collector(BaseHTTPRequestHandler):
    """Takes traces by OTLP over HTTP."""

    taken: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


def test_traces_go_to_the_collector_that_the_standard_variables_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[tuple[str, bytes]] = []
    server = HTTPServer(("127.0.0.1", 0), type("One", (Collector,), {"taken": taken}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        script = tmp_path / "script.txt"
        script.write_text("look\n")
        monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("TTA_LINGER_S", "0.2")
        monkeypatch.setenv("TTA_OTEL", "otlp")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        assert run(["play", "--script", str(script), "--json"]) == 0
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    told = [ExportTraceServiceRequest.FromString(body) for path, body in taken if path == "/v1/traces"]
    resources = [resource for one in told for resource in one.resource_spans]
    names = {span.name for resource in resources for scope in resource.scope_spans for span in scope.spans}
    assert {"play turn", "node narrate", "chat offline", "commit"} <= names
    assert {a.value.string_value for r in resources for a in r.resource.attributes if a.key == "service.name"} == {
        "tta"
    }


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.util.find_spec", missing)
    opening.check_tracing(read_settings())
    with pytest.raises(InvalidSetting, match="extra 'otel'"):
        opening.check_tracing(read_settings(otel="otlp"))


@pytest.mark.parametrize(
    ("otel", "endpoint", "says"),
    [
        ("", "", "traces none; metrics at /metrics of `tta serve` and `tta worker --metrics-port`"),
        ("", "http://key@c", "traces none; metrics at /metrics of `tta serve` and `tta worker --metrics-port`; OTEL_EXPORTER_OTLP_ENDPOINT is not used: set TTA_OTEL=otlp"),
        ("otlp", "http://key@{}", "traces to a collector that listens, by OTLP over HTTP (OTEL_EXPORTER_OTLP_ENDPOINT); metrics at /metrics of `tta serve` and `tta worker --metrics-port`"),
        ("console", "", "traces to stderr; metrics at /metrics of `tta serve` and `tta worker --metrics-port`"),
    ],
)  # fmt: skip
def test_doctor_says_where_traces_go(monkeypatch: pytest.MonkeyPatch, otel: str, endpoint: str, says: str) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listens:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.format(f"127.0.0.1:{listens.getsockname()[1]}"))
        assert _telemetry(read_settings(otel=otel)) == says


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://key@127.0.0.1:1", r"none listens \(OTEL_EXPORTER_OTLP_ENDPOINT\)"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1", r"none listens \(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT\)"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1", "OTEL_EXPORTER_OTLP_ENDPOINT names no collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:0x", "OTEL_EXPORTER_OTLP_ENDPOINT names no collector"),
    ],
)  # fmt: skip
def test_doctor_tries_the_collector(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSetting, match=says) as refused:
        _telemetry(read_settings(otel="otlp"))
    assert "key" not in refused.value.line()


def test_doctor_names_the_extra_where_it_is_installed() -> None:
    assert "otel" in _extras().partition(";")[0].split(", ")


def test_traces_that_nobody_takes_are_one_line(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the exporter logs of each try; and the play is not the worse for it."""
    monkeypatch.setenv("TTA_OTEL", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://key@127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    done = ran("-m", "api.cli", "play", "--script", script, "--json")
    assert (done.returncode, json.loads(done.stdout.splitlines()[-1])["done"]) == (0, True)
    [line] = done.stderr.splitlines()
    assert line.startswith(
        "tta: The collector of traces does not answer, or takes none. Start it, name another in OTEL_"
    )


async def test_lines_of_the_log_have_the_ids_of_what_they_belong_to(
    client: httpx.AsyncClient, engine: StoryEngine, begin: Any, spans: Spans, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def noted(*_: Any) -> None:
        structlog.get_logger("a.test").info("within")

    monkeypatch.setattr(engine, "_note_turn", noted)
    turns = await begin()
    spans.clear()
    answer = await client.post(turns, json={"action": "look"})
    within, request = [next(line for line in log.lines() if line["event"] == event) for event in ("within", "request")]
    turn = spans.one("play turn")
    assert turn.context is not None
    assert {name: within[name] for name in ("request_id", "session_id", "turn_id", "trace_id", "span_id")} == {
        "request_id": answer.headers["x-request-id"],
        "session_id": turns.split("/")[-2],
        "turn_id": answer.json()["turn_id"],
        "trace_id": f"{turn.context.trace_id:032x}",
        "span_id": f"{turn.context.span_id:016x}",
    }
    assert (request["trace_id"], request["session_id"]) == (within["trace_id"], within["session_id"])
    assert request["request_id"] == within["request_id"]


def test_an_id_that_a_client_chose_is_told_by_its_digest() -> None:
    for ours in (
        "root",
        "01a219a8d27c158f",  # pragma: allowlist secret
        "0162408487be4978869d2a3329107ac0",  # pragma: allowlist secret
        "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
    ):
        assert known_as(ours) == ours
    for theirs in ("anna", "4111111111111111", "078-05-1120", "01A219A8D27C158F", "x" * 64):  # pragma: allowlist secret
        told = known_as(theirs)
        assert told != theirs
        assert (len(told), told) == (13, known_as(theirs))


def test_ids_hold_only_within(nobody: None) -> None:
    with bound(request="r"), bound(turn="t"):
        assert telemetry.ids() == {"request": "r", "turn": "t"}
    assert telemetry.ids() == {}


def test_an_error_is_named_by_its_class_alone() -> None:
    assert telemetry.error_name(KeyError("walnut")) == "KeyError"
    assert telemetry.error_name(ModelUnavailable("walnut")) == "model_unavailable"


def test_the_log_is_json_where_it_is_asked_for(log: Log) -> None:
    structlog.get_logger("a.test").info("told", amount=3)
    [line] = log.text().splitlines()
    assert json.loads(line)["amount"] == 3
