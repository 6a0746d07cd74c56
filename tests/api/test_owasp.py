"""The OWASP API Security Top 10 (2023), each as an attack on the running app. What is tested elsewhere is named and not done twice.

| risk | here | and |
|---|---|---|
| API1 object level (BOLA) | ids of another's story below one's own | every route as everybody: `test_roles.py`; `test_login.py` |
| API2 authentication | a credential of the wrong kind or in the wrong place | forged, `none`, expired, from the future: `test_tokens.py`; RS to HS confusion: `test_jwks.py`; guessing, reuse: `test_grants.py` |
| API3 property level | fields that are not the client's to set; answers hold what is described | fields of a turn: `test_problems.py` |
| API4 resources | `test_owasp_hostile.py` | limits: `test_limits.py`; heads without end (slow-loris): `test_heads.py`; bodies: `test_origins.py`, `test_problems.py`; pools: `test_pools.py` |
| API5 function level | a path or a method written otherwise | every route, every role: `test_roles.py` |
| API6 business flows | files and models of the machine, named by a player | sessions and tokens a day: `test_limits.py`; logins at once: `test_grants.py` |
| API7 SSRF | `test_owasp_hostile.py` | `jku`, `x5u`, addresses that are refused: `test_jwks.py` |
| API8 misconfiguration | `test_owasp_hostile.py` | hosts, origins, headers: `test_origins.py`, `test_access.py` |
| API9 inventory | what is served is described, and nothing else is there | `test_docs.py`, `test_described.py` (Schemathesis) |
| API10 unsafe APIs | `test_owasp_hostile.py` | keys: `test_jwks.py`; webhook: `graphs/test_webhook.py`; prose: `test_streams_gated.py` |
| injection: headers, logs | `test_owasp_hostile.py` | words in logs: `observability/test_no_words.py` |
"""

from typing import Any

import pytest
from cottage import begun
from doors import PASSWORD, Door
from httpx import AsyncClient
from test_roles import routes_of

from api.app import build_app
from graphs.engine import StoryEngine

SESSIONS = "/api/v1/sessions"
MARK = "zqbertasown"
UNDESCRIBED = {"/", "/docs", "/docs/assets/{name}", "/openapi.json", "/metrics", f"{SESSIONS}/{{session}}/play"}
"""What OpenAPI has no words for, or what is the description itself."""


class Two:
    """Anna, who attacks, and a story of each; Berta's has two turns and a branch."""

    def __init__(self, door: Door, own: str, others: str, turn: str, token: str) -> None:
        self.door, self.own, self.others, self.turn, self.token = door, own, others, turn, token

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        return await self.door.ask(method, f"{SESSIONS}/{path}", self.token, **options)


@pytest.fixture
async def two(closed: Door, engine: StoryEngine) -> Two:
    own, others = await begun(engine, "", player="anna"), await begun(engine, "", player="berta")
    await engine.act(own, "wait")
    turn = (await engine.act(others, f"say {MARK}"))["turn_id"]
    await engine.act(others, "wait")
    await engine.save(others, MARK)
    return Two(closed, own, others, turn, (await closed.login("anna"))["access_token"])


async def state_of(engine: StoryEngine, session: str) -> tuple[Any, ...]:
    record = await engine.session(session)
    turns = [turn["turn_id"] for turn in (await engine.turns(session))]
    return (
        record["branch"],
        record["paused"],
        record["title"],
        turns,
        [b["name"] for b in await engine.branches(session)],
    )


async def test_api1_ids_of_anothers_story_open_nothing_below_ones_own(two: Two, engine: StoryEngine) -> None:
    before = await state_of(engine, two.others)
    attacks: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"turns/{two.turn}", {}),
        ("GET", f"turns/{two.turn}/events", {}),
        ("DELETE", f"turns/{two.turn}", {}),
        ("POST", "branches", {"json": {"name": "mine", "at_turn_id": two.turn}}),
        ("POST", "branches", {"json": {"name": "mine", "turn_id": two.turn}}),
        ("POST", f"branches/{MARK}/switch", {}),
        ("DELETE", f"branches/{MARK}", {}),
        ("GET", f"../{two.others}", {}),
        ("GET", f"%2e%2e/{two.others}/turns", {}),
        ("GET", f"..%2f{two.others}/turns", {}),
    ]
    for method, path, options in attacks:
        answer = await two.ask(method, f"{two.own}/{path}", **options)
        assert answer.status_code in (403, 404, 409, 422), (method, path, answer.text)
        assert MARK in path or MARK not in answer.text  # what was asked may be told back
    assert await state_of(engine, two.others) == before


async def test_api1_a_turns_id_of_anothers_story_is_ones_own_turn_here(two: Two, engine: StoryEngine) -> None:
    asked = {"action": "look", "turn_id": two.turn}
    answer = await two.ask("POST", f"{two.own}/turns", json=asked)
    assert answer.status_code == 201
    assert MARK not in answer.text
    assert MARK in str(await engine.turn(two.others, two.turn))


async def test_api1_anothers_key_replays_nothing(two: Two, engine: StoryEngine) -> None:
    berta = (await two.door.login("berta"))["access_token"]
    key = {"Idempotency-Key": "the-same-key-0001"}
    body = {"action": f"say {MARK}"}
    path = f"{SESSIONS}/{two.others}/turns"
    assert (await two.door.ask("POST", path, berta, json=body, headers=key)).status_code == 201
    stolen = await two.door.ask("POST", path, two.token, json=body, headers=key)
    assert (stolen.status_code, MARK in stolen.text) == (404, False)
    made = await two.door.ask("POST", SESSIONS, berta, json={"seed": 3}, headers=key)
    mine = await two.door.ask("POST", SESSIONS, two.token, json={"seed": 3}, headers=key)
    assert (made.status_code, mine.status_code, mine.json()["player"]) == (201, 201, "anna")
    assert mine.json()["session"] != made.json()["session"]


async def test_api1_a_cursor_of_anothers_page_shows_ones_own(two: Two) -> None:
    listed = await two.door.get(f"{SESSIONS}?cursor={two.others}&limit=200", two.token)
    assert listed.status_code == 200
    assert {each["player"] for each in listed.json()["sessions"]} <= {"anna"}


async def test_api2_a_credential_of_another_kind_or_at_another_place_opens_nothing(closed: Door) -> None:
    login = await closed.login("anna")
    access, refresh = login["access_token"], login["refresh_token"]
    me = "/api/v1/auth/me"
    assert (await closed.get(me, access)).status_code == 200
    assert (await closed.get(me, refresh)).status_code == 401
    assert (
        await closed.get(f"{me}?access_token={access}&token={access}&authorization=Bearer%20{access}")
    ).status_code == 401
    assert (
        await closed.get(me, headers={"Cookie": f"token={access}; Authorization=Bearer {access}"})
    ).status_code == 401
    for name in ("X-Forwarded-User", "X-Remote-User", "X-Authenticated-User", "X-Original-URL", "X-Forwarded-For"):
        assert (await closed.get(me, headers={name: "olga"})).status_code == 401, name
    swapped = await closed.token(grant_type="refresh_token", refresh_token=access)
    assert (swapped.status_code, swapped.json()["error"]) == (400, "invalid_grant")


NOT_THEIRS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", SESSIONS, {"tenant": "elsewhere"}),
    ("POST", SESSIONS, {"session": "chosen"}),
    ("POST", SESSIONS, {"risk": "none", "paused": False}),
    ("POST", SESSIONS, {"seed": 1, "role": "operator"}),
    ("PATCH", SESSIONS + "/{own}", {"player": "berta"}),
    ("PATCH", SESSIONS + "/{own}", {"title": "x", "tenant": "elsewhere"}),
    ("PATCH", SESSIONS + "/{own}", {"paused": False}),
    ("PATCH", SESSIONS + "/{own}", {"model": "offline"}),
    ("POST", SESSIONS + "/{own}/turns", {"action": "look", "kind": "story", "number": 99}),
    ("POST", SESSIONS + "/{own}/turns", {"action": "look", "verdict": {"tier": "none"}}),
    ("POST", SESSIONS + "/{own}/undo", {"turns": 1, "branch": "main"}),
    ("POST", SESSIONS + "/{own}/branches", {"name": "x", "session": "other"}),
    ("PATCH", "/api/v1/players/me", {"role": "operator"}),
    ("PATCH", "/api/v1/players/me", {"player": "berta"}),
    ("PATCH", "/api/v1/players/me", {"name": "Anna", "scopes": ["operate"]}),
]


async def test_api3_what_is_not_the_clients_to_set_is_refused_whole(two: Two, engine: StoryEngine) -> None:
    before = await state_of(engine, two.own)
    for method, path, body in NOT_THEIRS:
        answer = await two.door.ask(method, path.replace("{own}", two.own), two.token, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), (path, body, answer.text)
    assert await state_of(engine, two.own) == before


async def test_api3_what_a_player_may_keep_freely_gives_no_rights(closed: Door) -> None:
    token = (await closed.login("anna"))["access_token"]
    keeps = {"role": "operator", "scopes": ["operate"], "tenant": "elsewhere", "__proto__": {"role": "operator"}}
    kept = await closed.ask("PATCH", "/api/v1/players/me", token, json={"preferences": keeps})
    assert kept.status_code == 200
    again = (await closed.login("anna", role="operator"))["access_token"]
    for each in (token, again):
        me = (await closed.get("/api/v1/auth/me", each)).json()
        assert (me["player"], me["role"], me["scopes"]) == ("anna", "player", ["play", "read"])
        assert (await closed.get("/metrics", each)).status_code == 403
    wider = await closed.token(grant_type="password", username="anna", password=PASSWORD, scope="read play operate")
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")


async def test_api3_an_answer_holds_what_is_described_and_nothing_besides(two: Two, client: AsyncClient) -> None:
    described = build_app().openapi()["components"]["schemas"]
    shown = (await two.ask("GET", two.own)).json()
    turn = (await two.ask("GET", f"{two.own}/turns")).json()["turns"][0]
    listed = (await two.door.get(SESSIONS, two.token)).json()["sessions"][0]
    for answer, schema in ((shown, "SessionAnswer"), (turn, "Turn"), (listed, "SessionRecord")):
        assert set(answer) <= set(described[schema]["properties"]), schema
    hidden = ("tenant", "slots", "prompt", "canary", "lease", "password", "secret", "hash", "world_text")
    assert [name for name in hidden for answer in (shown, turn, listed) if name in answer] == []


WRITTEN_OTHERWISE = [
    "/metrics", "/metrics/", "/METRICS", "/%6detrics", "/docs/../metrics", "/docs/%2e%2e/metrics",
    "/metrics;/health/live", "/metrics%00", "/health/live/../../metrics", "/metrics?need=open",
    "/api/v1/players/me/../olga", "/api/v1/players/olga", "/api/v1/players/%6flga", "/api/v1/players/me%2f..%2folga",
    SESSIONS + "/{own}/facts", SESSIONS + "/{own}//facts", SESSIONS + "/{own}/%66acts", SESSIONS + "/{own}/turns/../trace",
]  # fmt: skip


async def test_api5_however_a_path_is_written_it_opens_no_more(two: Two) -> None:
    for path in WRITTEN_OTHERWISE:
        for method in ("GET", "HEAD"):
            answer = await two.door.ask(method, path.replace("{own}", two.own), two.token)
            assert answer.status_code in (403, 404, 405), (method, path, answer.status_code)


async def test_api5_a_header_makes_no_other_method(two: Two, engine: StoryEngine) -> None:
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert (await two.ask("GET", two.own, headers={header: "DELETE"})).status_code == 200
    assert (await two.ask("GET", f"{two.own}?_method=DELETE")).status_code == 422
    assert await engine.session(two.own)


async def test_api6_no_file_of_the_machine_is_named_or_found_out_by_a_player(closed: Door) -> None:
    token = (await closed.login("anna"))["access_token"]
    told: set[str] = set()
    for model in ("local:/etc/passwd", "local:/nowhere", "local:~/x.gguf", "local:../../etc/passwd", "local:/"):
        refused = await closed.ask("POST", SESSIONS, token, json={"model": model})
        assert refused.status_code == 422
        told.add(str([refused.json().get(name) for name in ("code", "detail", "cure", "choices")]))
    assert len(told) == 1, "a file that is there is refused like one that is not"
    for world in ("../worlds/winter_light", "/etc/passwd", "winter_light.yaml", "./winter_light", "\x00"):
        refused = await closed.ask("POST", SESSIONS, token, json={"world": world})
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_world")


async def test_api6_a_player_names_no_model_that_somebody_else_pays_for(closed: Door, engine: StoryEngine) -> None:
    anna = (await closed.login("anna"))["access_token"]
    refused = await closed.ask("POST", SESSIONS, anna, json={"model": "openai:dear"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_model")
    assert refused.json()["choices"] == ["offline"]
    assert (await closed.ask("POST", SESSIONS, anna, json={"model": "offline"})).status_code == 201
    engine.settings = engine.settings.model_copy(update={"models": " openai:dear, openai:dearer"})
    opened = await closed.ask("POST", SESSIONS, anna, json={"model": "openai:dearest"})
    assert opened.json()["choices"] == ["offline", "openai:dear", "openai:dearer"]
    for name, model in (
        ("anna", "openai:dear"),
        ("olga", "openai:dearest"),
    ):  # what is missing is the package, or the key
        token = (await closed.login(name))["access_token"]
        answer = await closed.ask("POST", SESSIONS, token, json={"model": model})
        assert "not open" not in answer.text


def test_api9_what_is_served_is_described_and_what_is_described_is_served() -> None:
    app = build_app()
    served = {(method, path) for method, path in routes_of(app) if path not in UNDESCRIBED}
    described = {(name.upper(), path) for path, each in app.openapi()["paths"].items() for name in each}
    assert {(method, path) for method, path in described if method.isalpha()} == served
    assert all(path.startswith(("/api/v1/", "/health/")) for _, path in served), "one version, and named"
    assert app.openapi()["info"]["version"]


NOT_THERE = [
    "/api", "/api/v0/sessions", "/api/v2/sessions", "/v1/sessions", "/redoc", "/docs/oauth2-redirect", "/debug",
    "/admin", "/console", "/graphql", "/actuator", "/.env", "/.git/config", "/server-status", "/api/v1/openapi.json",
    "/swagger.json", "/api/v1/debug", "/__debug__", "/static/", "/api/v1/sessions/../debug",
]  # fmt: skip


async def test_api9_nothing_else_is_there(client: AsyncClient) -> None:
    for path in NOT_THERE:
        for method in ("GET", "POST"):
            assert (await client.request(method, path)).status_code == 404, (method, path)
