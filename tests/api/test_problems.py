"""Every refusal is a problem that says what to do, quotes nothing, and looks after a person at risk."""

import gzip
import json
import zlib
from urllib.parse import quote_plus

import httpx
import pytest
from httpx import AsyncClient
from structlog.testing import capture_logs

from agents.safety.crisis import load_response_book
from api.bodies import kept
from graphs.clock import TimeIds
from graphs.engine import StoryEngine

JSON = {"Content-Type": "application/json"}
DANGER = "I want to end my life tonight"
MARKER = "xyzzy-marker-word"


def _check(response: httpx.Response, status: int, code: str) -> dict:
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"urn:tta:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == response.request.url.path
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


BAD_BODIES = {
    "broken": (b'{"action": "look', JSON, 400, "invalid_json"),
    "no json": (b"action=look", JSON, 400, "invalid_json"),
    "not a number": (b'{"action": NaN}', JSON, 400, "invalid_json"),
    "deep": (b"[" * 60_000, JSON, 400, "invalid_json"),
    **{
        f"{depth} deep": (b'{"x":' + b"[" * depth + b"1" + b"]" * depth + b"}", JSON, 422, "invalid_request")
        for depth in (50,)
    },
    **{
        f"{depth} deep": (b'{"x":' + b"[" * depth + b"1" + b"]" * depth + b"}", JSON, 400, "invalid_json")
        for depth in (400, 960, 990)
    },
    "latin-1": ('{"action": "caf\xe9"}'.encode("latin-1"), JSON, 400, "invalid_text"),
    "utf-16": ('{"action": "look"}'.encode("utf-16"), JSON, 400, "invalid_text"),
    "form": (b"action=look", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "wrong_media_type"),
    "text": (b'{"action": "look"}', {"Content-Type": "text/plain"}, 415, "wrong_media_type"),
    "no type": (b'{"action": "look"}', {}, 415, "wrong_media_type"),
    "gzip": (gzip.compress(b'{"action": "look"}'), {**JSON, "Content-Encoding": "gzip"}, 415, "wrong_media_type"),
    "a key twice": (b'{"action": "look", "action": "wait"}', JSON, 400, "invalid_json"),
    "no number of ours": (b'{"action": 1e400}', JSON, 400, "invalid_json"),
    "large": (b'{"action": "' + b"a" * 70_000 + b'"}', JSON, 413, "body_too_large"),
    "very large": (b"a" * 5_000_000, JSON, 413, "body_too_large"),
    "nothing": (b"", JSON, 422, "invalid_request"),
    "a list": (b"[]", JSON, 422, "invalid_request"),
    "a number": (b'{"action": 3}', JSON, 422, "invalid_request"),
    "half a letter": (b'{"action": "\\ud800"}', JSON, 400, "invalid_text"),
    "half a letter, in a key": (b'{"action": "look", "x": [{"\\udfff": 1}]}', JSON, 400, "invalid_text"),
    "empty": (b'{"action": "  "}', JSON, 422, "invalid_action"),
    "long": (json.dumps({"action": "a" * 2001}).encode(), JSON, 422, "invalid_action"),
    "control characters": (b'{"action": "look\\u0000"}', JSON, 422, "invalid_action"),
    "another field": (b'{"action": "look", "session": "x"}', JSON, 422, "invalid_request"),
}


@pytest.mark.parametrize("kind", BAD_BODIES)
async def test_bodies_that_cannot_be_played(client: AsyncClient, begin, kind: str) -> None:
    body, headers, status, code = BAD_BODIES[kind]
    turns = await begin()
    problem = _check(await client.post(turns, content=body, headers=headers), status, code)
    assert problem["cure"]
    assert "help" not in problem
    assert (await client.get(turns)).json()["turns"] == [], "nothing has changed"


ESCAPED = "".join("\\u%04x" % ord(letter) for letter in DANGER)  # noqa: UP031

AT_RISK = {
    "broken": (f'{{"action": "{DANGER}'.encode(), JSON, 400),
    "escaped and broken": (b'{"action": "' + ESCAPED.encode(), JSON, 400),
    "broken, with other escapes": (b'{"action": "so\\nI want\\tto end\\/my life', JSON, 400),
    "broken, each letter escaped": (b'{"action": "\\"I want to\\nend my\\nlife\\" tonight', JSON, 400),
    "utf-16": (f'{{"action": "{DANGER}"}}'.encode("utf-16"), JSON, 400),
    "utf-16 without a mark": (f'{{"action": "{DANGER}"}}'.encode("utf-16-le"), JSON, 400),
    "latin-1": (f'{{"action": "\xe9 {DANGER}"}}'.encode("latin-1"), JSON, 400),
    "form": (f"action={quote_plus(DANGER)}".encode(), {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "gzip": (gzip.compress(DANGER.encode()), {**JSON, "Content-Encoding": "gzip"}, 415),
    "cut gzip": (gzip.compress(DANGER.encode())[:-9], {**JSON, "Content-Encoding": "gzip"}, 415),
    "gzip in gzip": (gzip.compress(gzip.compress(DANGER.encode())), {**JSON, "Content-Encoding": "gzip"}, 415),
    "two gzips": (gzip.compress(b"") + gzip.compress(DANGER.encode()), {**JSON, "Content-Encoding": "gzip"}, 415),
    "zlib": (zlib.compress(DANGER.encode(), 5), {**JSON, "Content-Encoding": "deflate"}, 415),
    "deflate": (zlib.compress(DANGER.encode())[2:-4], {**JSON, "Content-Encoding": "deflate"}, 415),
    "a key twice": (f'{{"action": "{DANGER}", "action": ""}}'.encode(), JSON, 400),
    "a key twice, within": (f'{{"x": {{"a": "{DANGER}", "a": 1}}, "action": "look"}}'.encode(), JSON, 400),
    "long": (json.dumps({"action": "and so on " * 300 + DANGER}).encode(), JSON, 422),
    "very large": (json.dumps({"action": "and so on " * 40_000 + DANGER}).encode(), JSON, 413),
    "large": (json.dumps({"action": "and so on " * 10_000 + DANGER}).encode(), JSON, 413),
    "another field": (json.dumps({"text": DANGER}).encode(), JSON, 422),
    "a list": (json.dumps([{"a": [DANGER]}]).encode(), JSON, 422),
    "a bad key": (json.dumps({"action": DANGER, "turn_id": "?"}).encode(), JSON, 422),
    "a foreign page": (json.dumps({"action": DANGER}).encode(), {**JSON, "Origin": "https://else.example"}, 403),
    "another host": (json.dumps({"action": DANGER}).encode(), {**JSON, "Host": "else.example"}, 421),
    "control characters": (json.dumps({"action": f"\x00{DANGER}"}).encode(), JSON, 422),
}


GOES_ON = load_response_book().words.resume
"""What only a paused session may be told."""


@pytest.mark.parametrize("kind", AT_RISK)
async def test_a_person_at_risk_is_never_only_refused(client: AsyncClient, begin, kind: str) -> None:
    body, headers, status = AT_RISK[kind]
    turns = await begin()
    refused = await client.post(turns, content=body, headers=headers)
    assert refused.status_code == status
    assert refused.json()["help"]["resources"]
    assert DANGER not in refused.text
    assert not (await client.get(turns.removesuffix("/turns"))).json()["paused"]
    assert not refused.json()["help"]["paused"], "what is not played pauses nothing"
    assert GOES_ON not in refused.json()["help"]["text"]
    assert "stopped" not in refused.json()["help"]["text"]
    assert "Nothing of that was played" in refused.json()["help"]["text"]


@pytest.mark.parametrize("key", [DANGER, "I-want-to-end-my-life", "i_want%20to_end_my_life"])
@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Request-ID", "Last-Event-ID"])
async def test_a_cry_for_help_is_no_key(client: AsyncClient, begin, header: str, key: str) -> None:
    turns = await begin()
    refused = await client.post(turns, json={"action": "look"}, headers={header: key})
    found = _check(refused, 422, "held_text")["help"]
    assert (found["tier"], found["paused"]) == ("crisis", False)
    assert DANGER not in refused.text
    assert (await client.get(turns)).json()["turns"] == []


def test_a_uuid_is_a_key_and_no_words() -> None:
    key = "bef3a22e-17c0-41df-8bbe-2dff72e5dead"
    body = json.dumps({"name": "harbour", "turn_id": key.upper().replace("-", "")}).encode()
    scope = {"path": "/x/branches", "tta.body": body, "headers": [(b"idempotency-key", key.encode())]}
    assert kept(scope).split() == ["harbour"]
    scope["headers"] = [(b"idempotency-key", f"{key} dead".encode())]
    assert f"{key} dead" in kept(scope)


def test_the_names_of_fields_are_nobody_s_words() -> None:
    body = {"title": "my story", "type": "retry", "seed": 7, "hopeless": {"name": "harbour", "type": "dance"}}
    said = kept({"path": "/x", "tta.body": json.dumps(body).encode(), "headers": []})
    assert said.split("\n") == ["my story", "hopeless", "harbour", "dance"]


@pytest.mark.parametrize(
    "title", ["my story", "before the storm", "the last try", "save 3", "Dead end", "anna and the bridge"]
)
async def test_a_title_is_no_cry_for_help(client: AsyncClient, title: str) -> None:
    made = await client.post("/api/v1/sessions", json={"world": "winter_light", "title": title})
    assert made.status_code == 201


@pytest.mark.parametrize("path", ["/api/v1/sessions/nobody/turns", "/api/v1/sessions/no%20id/turns", "/api/v1/turns"])
async def test_a_person_at_risk_at_a_wrong_address(client: AsyncClient, path: str) -> None:
    refused = await client.post(path, json={"action": DANGER})
    assert refused.status_code in (404, 422)
    assert refused.json()["help"]["tier"] == "crisis"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/sessions/I%20want%20to%20end%20my%20life%20tonight",
        "/api/v1/sessions/I-want-to-end-my-life-tonight",
        "/api/v1/sessions/nobody/turns/I_want_to_end_my_life",
        "/I%2520want%2520to%2520end%2520my%2520life",
        "/i/want/to/end/my/life",
    ],
)
async def test_a_person_at_risk_in_a_path(client: AsyncClient, path: str) -> None:
    refused = await client.get(path)
    assert refused.status_code in (404, 422)
    assert refused.json()["help"]["tier"] == "crisis"


@pytest.mark.parametrize(
    "body",
    [
        {"world": "winter_light", "title": DANGER},
        {"world": "winter_light", "player": "I-want-to-end-my-life"},
        {"world": DANGER},
        {"world": "winter_light", "model": DANGER},
    ],
)
async def test_a_cry_for_help_is_no_title_and_no_name(client: AsyncClient, engine: StoryEngine, body: dict) -> None:
    before = await engine.memory.sessions(engine.settings.tenant)
    refused = await client.post("/api/v1/sessions", json=body)
    found = _check(refused, 422, "held_text")["help"]
    assert (found["tier"], found["paused"], GOES_ON in found["text"]) == ("crisis", False, False)
    assert DANGER not in refused.text
    assert await engine.memory.sessions(engine.settings.tenant) == before


async def test_a_cry_for_help_names_no_turn_and_no_branch(client: AsyncClient, begin) -> None:
    turns = await begin()
    branches = turns.removesuffix("turns") + "branches"
    for path, body in ((turns, {"action": "look", "turn_id": "I-want-to-end-my-life"}), (branches, {"name": DANGER})):
        refused = await client.post(path, json=body)
        assert _check(refused, 422, "held_text")["help"]["resources"]
    assert (await client.get(turns)).json()["turns"] == []
    assert [branch["name"] for branch in (await client.get(branches)).json()] == ["main"]


async def test_a_person_at_risk_by_a_wrong_method(client: AsyncClient, begin) -> None:
    turns = await begin()
    for refused in (await client.put(turns, json={"action": DANGER}), await client.post(f"{turns}?action={DANGER}")):
        assert refused.json()["help"]["resources"], refused.status_code


async def test_a_person_at_risk_whose_turn_is_played(client: AsyncClient, begin) -> None:
    turns = await begin()
    turn = (await client.post(turns, json={"action": DANGER})).json()
    assert turn["kind"] == "crisis"
    paused = await client.post(turns, json={"action": "look"})
    assert (paused.status_code, paused.json()["code"]) == (409, "session_paused")
    assert paused.json()["help"]["resources"]
    assert paused.json()["help"]["paused"]
    assert GOES_ON in paused.json()["help"]["text"]
    assert "/resume" in paused.json()["cure"]
    session = turns.removesuffix("/turns")
    resumed = await client.post(f"{session}/resume")
    assert (resumed.status_code, resumed.json()["paused"], resumed.json()["risk"]) == (200, False, "crisis")
    assert (await client.post(turns, json={"action": "look"})).status_code == 201


async def test_a_person_at_risk_when_all_is_broken(
    client: AsyncClient, engine: StoryEngine, begin, monkeypatch
) -> None:
    async def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError(MARKER)

    turns = await begin()
    monkeypatch.setattr(engine, "start", broken)
    with capture_logs() as logged:
        failed = await client.post(turns, json={"action": DANGER})
    problem = _check(failed, 500, "internal_error")
    assert problem["help"]["resources"]
    assert MARKER not in failed.text + str(logged)
    assert logged[-1]["error"] == "RuntimeError"
    assert any("test_problems.py" in frame for frame in logged[-1]["frames"])


async def test_paths_and_methods_that_are_not_there(client: AsyncClient) -> None:
    _check(await client.get("/nothing"), 404, "unknown_route")
    wrong = await client.delete("/health/live")
    _check(wrong, 405, "wrong_method")
    assert wrong.headers["allow"] == "GET"


async def test_a_problem_names_its_turn_and_hides_what_a_path_should_not_hold(client: AsyncClient, begin) -> None:
    session = await begin()
    for id_ in (TimeIds().new(), "4f1ad2c0-93b1-4a52-8f6e-2f5d0c4b7a11"):
        gone = await client.get(f"/api/v1/sessions/{session}/turns/{id_}")
        assert _check(gone, 404, gone.json()["code"])["instance"].endswith(f"/turns/{id_}")
    hidden = await client.get("/api/v1/nothing/anna@example.org/of/ben@example.org")
    assert hidden.json()["instance"] == "/api/v1/nothing/[EMAIL_1]/of/[EMAIL_2]"
