"""The token endpoint: what it gives, what ends a login, and what failed logins cost."""

import asyncio
import json
from typing import Any

import pytest
from doors import PASSWORD, Door

from api.auth.grants import network_of
from graphs.access.families import REFRESH_S
from graphs.access.throttle import PER_ACCOUNT, PER_ADDRESS, WINDOW_S
from graphs.engine import StoryEngine

ME = "/api/v1/auth/me"
DANGER = "I want to end my life tonight"


async def test_a_refresh_token_is_good_once_and_an_old_one_ends_the_login(closed: Door) -> None:
    first = await closed.login("anna")
    second = (await closed.token(grant_type="refresh_token", refresh_token=first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await closed.get(ME, second["access_token"])).json()["player"] == "anna"
    stolen = await closed.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    newest = await closed.token(grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert newest.status_code == 400
    for token in (first["access_token"], second["access_token"]):
        assert (await closed.get(ME, token)).status_code == 401


async def test_one_login_of_two_goes_on_when_the_other_is_ended(closed: Door) -> None:
    first, second = await closed.login("anna"), await closed.login("anna")
    assert (await closed.client.post("/api/v1/auth/revoke", data={"token": first["refresh_token"]})).status_code == 204
    assert (await closed.get(ME, first["access_token"])).status_code == 401
    assert (await closed.get(ME, second["access_token"])).status_code == 200
    assert (await closed.client.post("/api/v1/auth/revoke", data={"token": second["access_token"]})).status_code == 204
    assert (await closed.get(ME, second["access_token"])).status_code == 401
    assert (await closed.token(grant_type="refresh_token", refresh_token=second["refresh_token"])).status_code == 400
    assert (await closed.client.post("/api/v1/auth/revoke", data={"token": "what is none"})).status_code == 204


async def test_a_refresh_token_runs_out(closed: Door) -> None:
    given = await closed.login("anna")
    closed.clock.move(seconds=REFRESH_S - 1)
    again = await closed.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert again.status_code == 200
    closed.clock.move(seconds=REFRESH_S)
    late = await closed.token(grant_type="refresh_token", refresh_token=again.json()["refresh_token"])
    assert late.json()["error"] == "invalid_grant"


async def test_another_password_or_no_account_ends_its_logins(closed: Door, engine: StoryEngine) -> None:
    for change in (engine.access.accounts.set_password("anna", PASSWORD + "!"), engine.access.accounts.delete("anna")):
        given = await closed.login("anna", PASSWORD if change.__name__ == "set_password" else PASSWORD + "!")
        await change
        assert (await closed.get(ME, given["access_token"])).status_code == 401
        assert (await closed.token(grant_type="refresh_token", refresh_token=given["refresh_token"])).status_code == 400
    assert (await closed.token(grant_type="password", username="anna", password=PASSWORD)).status_code == 400


async def test_a_login_may_have_fewer_scopes_and_a_refresh_gives_no_more(closed: Door) -> None:
    given = await closed.login("olga", scope="read")
    again = (await closed.token(grant_type="refresh_token", refresh_token=given["refresh_token"])).json()
    more = await closed.token(grant_type="refresh_token", refresh_token=again["refresh_token"], scope="operate")
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")
    for token in (given["access_token"], again["access_token"]):
        assert (await closed.get(ME, token)).json()["scopes"] == ["read"]
        assert (await closed.get("/metrics", token)).status_code == 403
    for scope in ("operate", "read all", "read operate"):
        refused = await closed.token(grant_type="password", username="anna", password=PASSWORD, scope=scope)
        assert refused.json()["error"] == "invalid_scope"


async def test_after_a_few_failed_logins_the_right_password_waits_too(closed: Door) -> None:
    for _ in range(PER_ACCOUNT):
        wrong = await closed.token(grant_type="password", username="Anna", password=PASSWORD + "!")
        assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
        closed.clock.move(seconds=1)
    late = await closed.token(grant_type="password", username="anna", password=PASSWORD)
    assert (late.status_code, late.json()["code"]) == (429, "too_many_logins")
    assert late.headers["retry-after"] == str(WINDOW_S - PER_ACCOUNT)
    assert (await closed.token(grant_type="password", username="olga", password=PASSWORD)).status_code == 200
    closed.clock.move(seconds=WINDOW_S - PER_ACCOUNT)
    assert (await closed.token(grant_type="password", username="anna", password=PASSWORD)).status_code == 200


async def test_who_asks_for_many_names_waits_for_all_of_them(closed: Door) -> None:
    for number in range(PER_ADDRESS):
        assert (
            await closed.token(grant_type="password", username=f"nobody{number}", password=PASSWORD)
        ).status_code == 400
    assert (await closed.token(grant_type="password", username="anna", password=PASSWORD)).status_code == 429
    assert (await closed.token(grant_type="client_credentials", client_id="a", client_secret="b")).status_code == 429


async def test_of_many_guesses_at_once_only_a_few_are_looked_at(closed: Door) -> None:
    guesses = [closed.token(grant_type="password", username="anna", password=f"{PASSWORD} {n}") for n in range(12)]
    codes = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert (codes.count(400), codes.count(429)) == (PER_ACCOUNT, 12 - PER_ACCOUNT)


async def test_of_two_who_use_a_refresh_token_at_once_one_gets_the_next_and_then_none_goes_on(closed: Door) -> None:
    given = (await closed.login("anna"))["refresh_token"]
    both = await asyncio.gather(*[closed.token(grant_type="refresh_token", refresh_token=given) for _ in range(2)])
    assert sorted(answer.status_code for answer in both) == [200, 400]
    (won,) = [answer.json() for answer in both if answer.status_code == 200]
    assert (await closed.get(ME, won["access_token"])).status_code == 401


async def test_a_login_that_is_right_costs_nothing(closed: Door) -> None:
    for _ in range(PER_ADDRESS + 1):
        await closed.login("anna")


async def test_a_person_at_risk_gets_help_with_every_refusal(closed: Door) -> None:
    token = {"grant_type": "password", "username": DANGER, "password": PASSWORD}
    answers = [
        await closed.ask("POST", "/api/v1/sessions/s/turns", json={"action": DANGER}),
        await closed.token(**token),
    ]
    for number in range(PER_ADDRESS):
        answers.append(await closed.token(**{**token, "username": f"{DANGER} {number}"}))
    assert {answer.status_code for answer in answers} == {401, 400, 429}
    assert all(answer.json()["help"]["tier"] == "crisis" for answer in answers)


async def test_strangers_do_not_fill_the_audit(closed: Door, engine: StoryEngine) -> None:
    path, action = "/api/v1/sessions/s/turns", {"action": DANGER}
    for body in (json.dumps(action), json.dumps({"action": DANGER + "." + "x" * 70_000}), DANGER):
        told = await closed.ask("POST", path, content=body, headers={"Content-Type": "application/json"})
        assert told.json()["help"]["tier"] == "crisis"
    assert await engine.audit_entries() == []
    token = (await closed.login("anna"))["access_token"]
    assert (await closed.ask("POST", path, token, json=action)).json()["help"]["tier"] == "crisis"
    assert [entry["answer"] for entry in await engine.audit_entries()] == ["unknown_session"]


@pytest.mark.parametrize(
    ("address", "counted"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::/64"), ("2001:db8::ffff:0:1", "2001:db8::/64"), ("", "")],
)
def test_what_counts_as_one_address(address: str, counted: str) -> None:
    assert network_of(address) == counted


async def test_no_refusal_of_the_token_endpoint_is_audited_for_it_may_hold_a_password(
    closed: Door, engine: StoryEngine
) -> None:
    await closed.token(grant_type="password", username="anna", password=DANGER)
    assert [entry["answer"] for entry in await engine.audit_entries() if "grant" in entry["answer"]] == []


BAD_FORMS = {
    "no grant": ({"username": "anna"}, "invalid_request"),
    "another grant": ({"grant_type": "implicit"}, "unsupported_grant_type"),
    "no password": ({"grant_type": "password", "username": "anna"}, "invalid_request"),
    "no token": ({"grant_type": "refresh_token"}, "invalid_request"),
    "twice": ("grant_type=password&username=anna&username=olga&password=x", "invalid_request"),
    "no UTF-8": (b"grant_type=%ff&x=\xff", "invalid_request"),
    "many": ("&".join(f"f{number}=1" for number in range(30)), "invalid_request"),
}


@pytest.mark.parametrize("kind", BAD_FORMS)
async def test_a_form_that_asks_for_no_token(closed: Door, kind: str) -> None:
    body, error = BAD_FORMS[kind]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    sent: dict[str, Any] = {"data": body} if isinstance(body, dict) else {"content": body, "headers": form}
    answer = await closed.client.post("/api/v1/auth/token", **sent)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == "grant_refused"
    assert answer.json()["error_description"]


async def test_only_the_token_routes_take_forms_and_they_take_nothing_else(closed: Door) -> None:
    token = (await closed.login("anna"))["access_token"]
    form = await closed.ask("POST", "/api/v1/sessions", token, data={"world": "winter_light"})
    assert form.status_code == 415
    assert (await closed.client.post("/api/v1/auth/token", json={"grant_type": "password"})).status_code == 415
