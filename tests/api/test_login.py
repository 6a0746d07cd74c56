"""Logging in, and what it opens."""

from cottage import begun
from doors import PASSWORD, Door

from graphs.engine import StoryEngine


async def test_whoever_has_no_token_is_turned_away_and_told_how_to_get_one(closed: Door) -> None:
    answer = await closed.get("/api/v1/worlds")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="tta"'


async def test_to_strangers_no_path_is_told_from_another(closed: Door) -> None:
    for path in (
        "/api/v1/nothing",
        "/metrics",
        "/api/v1/auth",
        "/docs/",
        "/health",
        "/docs/assets/../../metrics",
    ):
        for token in (None, "forged"):
            assert (await closed.get(path, token)).status_code == 401, path


async def test_a_login_opens_ones_own_sessions_and_nobody_elses(closed: Door, engine: StoryEngine) -> None:
    token = (await closed.login("anna"))["access_token"]
    me = (await closed.get("/api/v1/auth/me", token)).json()
    assert (me["player"], me["role"], me["kind"], me["scopes"]) == ("anna", "player", "account", ["play", "read"])
    made = await closed.ask("POST", "/api/v1/sessions", token, json={"world": "winter_light"})
    assert made.json()["player"] == "anna", made.text
    path = made.headers["location"]
    assert (await closed.get(path, token)).status_code == 200
    other = (await closed.login("berta"))["access_token"]
    hidden, absent = await closed.get(path, other), await closed.get("/api/v1/sessions/nobody", other)
    assert (
        (hidden.status_code, hidden.json()["code"])
        == (absent.status_code, absent.json()["code"])
        == (404, "unknown_session")
    )
    assert hidden.json().keys() == absent.json().keys()
    assert (await closed.get(path, (await closed.login("olga"))["access_token"])).status_code == 200


async def test_a_session_is_begun_as_oneself(closed: Door) -> None:
    asked = {"world": "winter_light", "player": "berta"}
    refused = await closed.ask("POST", "/api/v1/sessions", (await closed.login("anna"))["access_token"], json=asked)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    made = await closed.ask("POST", "/api/v1/sessions", (await closed.login("olga"))["access_token"], json=asked)
    assert made.json()["player"] == "berta"


async def test_one_sees_ones_own_sessions_and_nobody_elses(closed: Door, engine: StoryEngine) -> None:
    own, other = await begun(engine, "", player="anna"), await begun(engine, "", player="berta")
    anna, olga = [(await closed.login(name))["access_token"] for name in ("anna", "olga")]

    async def listed(token: str, asked: str = "") -> set[str]:
        told = (await closed.get(f"/api/v1/sessions?limit=200{asked}", token)).json()
        return {each["session"] for each in told["sessions"]}

    assert own in await listed(anna)
    assert other not in await listed(anna)
    assert {own, other} <= await listed(olga)
    assert own not in await listed(olga, "&player=berta")
    assert (await closed.get("/api/v1/sessions?player=berta", anna)).status_code == 403


async def test_without_a_login_everybody_on_this_machine_is_the_operator(client, engine: StoryEngine) -> None:
    me = (await client.get("/api/v1/auth/me")).json()
    assert (me["role"], me["kind"]) == ("operator", "local")
    session = await begun(engine, "", player="whoever")
    assert (await client.get(f"/api/v1/sessions/{session}")).status_code == 200


async def test_a_refresh_may_ask_for_less_and_gets_no_more(closed: Door, engine: StoryEngine) -> None:
    await engine.access.accounts.create("wren", PASSWORD)
    got = await closed.login("wren")
    less = await closed.token(grant_type="refresh_token", refresh_token=got["refresh_token"], scope="read")
    assert less.json()["scope"] == "read"
    assert (await closed.ask("POST", "/api/v1/sessions", less.json()["access_token"], json={})).status_code == 403
    wrong = await closed.token(grant_type="refresh_token", refresh_token=less.json()["refresh_token"], scope="fly")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_scope")
    none = await closed.token(grant_type="refresh_token", refresh_token=less.json()["refresh_token"], scope="operate")
    assert (none.status_code, none.json()["error"]) == (400, "invalid_scope")
    lost = await closed.token(grant_type="refresh_token", refresh_token=less.json()["refresh_token"])
    assert lost.json()["error"] == "invalid_grant", "that one was used"


async def test_who_may_do_less_now_is_answered_by_no_key(closed: Door, engine: StoryEngine) -> None:
    await engine.access.accounts.create("lark", PASSWORD)
    whole, less = await closed.login("lark"), await closed.login("lark", scope="read")
    keyed = {"headers": {"Idempotency-Key": "marmalade-7"}, "json": {"world": "night_train"}}
    assert (await closed.ask("POST", "/api/v1/sessions", whole["access_token"], **keyed)).status_code == 201
    assert (await closed.ask("POST", "/api/v1/sessions", less["access_token"], **keyed)).status_code == 403
