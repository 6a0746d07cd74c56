"""Who may ask, what every answer carries, and what logs hold."""

import asyncio
import json
import logging
import re
from urllib.parse import quote

import pytest
import structlog
from fakes import ScriptedModel
from httpx import ASGITransport, AsyncClient
from test_problems import DANGER, MARKER, _check

from api import bodies, logs
from api.app import build_app
from graphs.engine import StoryEngine


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil@localhost",
        "127.0.0.2",
        "",
        "x:y",
        "localhost?x",
        "localhost#x",
        "localhost?",
    ],
)
async def test_names_that_are_not_this_machines(client: AsyncClient, host: str) -> None:
    _check(await client.get("/health/live", headers={"Host": host}), 421, "foreign_host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:99", "LOCALHOST:1"])
async def test_names_that_are(client: AsyncClient, host: str) -> None:
    assert (await client.get("/health/live", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "file://localhost:8000"},
        {"Origin": "http://["},
        {"Origin": "http://localhost:8000@else"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_pages_of_other_sites(client: AsyncClient, headers: dict[str, str]) -> None:
    _check(await client.post("/api/v1/sessions", json={"world": "x"}, headers=headers), 403, "foreign_origin")


async def test_who_is_told_to_stop_keeps_no_connection(client: AsyncClient, engine: StoryEngine) -> None:
    app = build_app(engine=engine)
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://localhost:8000") as asking:
        assert "connection" not in (await asking.get("/health/live")).headers
        app.state.readiness.stopping = True
        assert (await asking.get("/health/live")).headers["connection"] == "close"


async def test_two_origins_are_of_no_browser(client: AsyncClient) -> None:
    both = [("Origin", "http://localhost:8000"), ("Origin", "https://evil.example")]
    for headers in (both, both[::-1]):
        _check(await client.post("/api/v1/sessions", json={"world": "x"}, headers=headers), 403, "foreign_origin")


async def test_a_page_of_this_server(client: AsyncClient) -> None:
    assert (await client.get("/health/live", headers={"Origin": "http://localhost:8000"})).status_code == 200


async def test_every_answer_has_an_id_and_safe_headers(client: AsyncClient) -> None:
    for path in ("/health/live", "/nothing", "/docs", "/openapi.json"):
        answer = await client.get(path, headers={"X-Request-ID": "0123456789abcdef"})
        assert answer.headers["x-request-id"] == "0123456789abcdef"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    forged = await client.get("/health/live", headers={"X-Request-ID": 'a"\\nforged line'})
    assert re.fullmatch("x[0-9a-f]{12}", forged.headers["x-request-id"])


async def test_a_body_that_never_ends(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.1)
    sent: list = []

    async def receive() -> dict:
        if not sent:
            sent.append("first")
            return {"type": "http.request", "body": DANGER.encode(), "more_body": True}
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/sessions",
        "raw_path": b"",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    await build_app(engine=engine)(scope, receive, send)
    assert sent[1]["status"] == 408
    assert json.loads(sent[2]["body"])["help"]["resources"]


async def test_logs_hold_ids_and_no_words(client: AsyncClient, engine: StoryEngine, begin, capfd) -> None:
    engine.use_model("scripted", ScriptedModel(answers=[f"The range ticks {MARKER}.", "<fail>"]))
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure()
        turns = await begin(model="scripted", title=MARKER)
        await client.post(turns, json={"action": f"say {MARKER}"})
        await client.post(turns, json={"action": f"say {MARKER}"})
        await client.post(turns, json={MARKER: MARKER})
        await client.get(f"/{MARKER}?{MARKER}")
        logging.getLogger("vendor").warning("the prompt was %s", MARKER)
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert MARKER not in str(lines)
    assert [line["status"] for line in lines if line["event"] == "request"] == [201, 503, 422, 404]
    assert all(line["request_id"] and line["ms"] >= 0 for line in lines if line["event"] == "request")
    assert [line["library"] for line in lines if line["event"] == "library"] == ["vendor", "uvicorn.error"]


async def test_no_log_of_any_level_holds_personal_data(client: AsyncClient, engine: StoryEngine, begin, capfd) -> None:
    planted = [
        "anna@example.org",
        "078-05-1120",
        "4111 1111 1111 1111",
        "+44 20 7946 0958",
        "12 High Street, Leeds LS1 4AB",
    ]
    engine.use_model("scripted", ScriptedModel(answers=["The range ticks.", "The range ticks.", "<fail>"]))
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure(level=logging.DEBUG)
        root.setLevel(logging.DEBUG)
        turns = await begin(model="scripted", title=planted[-1])
        for value in planted:
            await client.post(turns, json={"action": f"say {value}"})
            await client.post(turns, json={value: value})
            await client.post(turns, content=value)
            await client.get(f"/api/v1/sessions/{value}/turns/{value}", params={"before": value, value: value})
            await client.get("/api/v1/worlds", headers={"X-Request-ID": value, "Last-Event-ID": value})
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = capfd.readouterr().err
    assert lines.count('"event": "request"') == 5 * len(planted)
    assert [value for value in planted if value in lines or quote(value) in lines] == []


@pytest.mark.parametrize(
    "given",
    [
        "0123456789abcdef" * 2,
        "123e4567-e89b-12d3-a456-426614174000",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "1-67891233-abcdef012345678912345678",
    ],
)
async def test_an_id_that_a_machine_made_is_kept(client: AsyncClient, given: str) -> None:
    assert (await client.get("/health/live", headers={"X-Request-ID": given})).headers["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", ["078-05-1120", "my-name-is-Jonathan-Smith", "I-want-to-kill-myself-tonight", "dead_beef", "a" * 300]
)
async def test_what_may_be_words_stands_there_as_a_digest(
    client: AsyncClient, given: str, capfd: pytest.CaptureFixture[str]
) -> None:
    told = [await client.get("/health/live", headers={"X-Request-ID": given}) for _ in range(2)]
    first, second = (answer.headers["X-Request-ID"] for answer in told)
    assert first == second, "what belongs together is found together"
    assert re.fullmatch("x[0-9a-f]{12}", first)
    said = capfd.readouterr()
    assert given not in said.out + said.err


async def test_what_a_problem_tells_back_has_placeholders(client: AsyncClient) -> None:
    told = (await client.get("/api/v1/sessions/anna@example.org/turns")).text
    assert "anna@example.org" not in told
    assert "[EMAIL_1]" in told
