"""Who asks: an account or a service logs in by itself, and anew before its token ends."""

import httpx
import pytest
from answering import client_of, problem
from doors import PASSWORD, door
from patient import HASTY

from api.client import ClientCredentials, LoginNeeded, Password, Refused, open_client
from api.client.logins import Login
from graphs.engine import StoryEngine


async def test_an_account_and_a_service_are_let_in_as_what_they_are(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("api.client.logins.monotonic", lambda: now)
    async with door(engine) as opened:
        await engine.access.accounts.create("ada", PASSWORD, role="author")
        key, text = await engine.access.keys.create("service", role="operator", scopes=["operate", "play"])
        app = opened.client._transport.app  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
        logins: dict[str, Login] = {
            "account": Password("ada", PASSWORD),
            "key": ClientCredentials(key["id"], text),
        }
        for kind, login in logins.items():
            async with open_client(app=app, login=login, patience=HASTY) as client:
                assert (await client.me()).kind == kind
                opened.clock.move(minutes=29, seconds=50)  # before a token's end
                now += 1790
                assert (await client.me()).kind == kind
                opened.clock.move(minutes=1)
                assert (await client.me()).kind == kind, "it was renewed before its end"

        narrow = ClientCredentials(key["id"], text, scope="metrics")
        async with open_client(app=app, login=narrow, patience=HASTY) as client:
            with pytest.raises(Refused):
                await client.worlds()

        await engine.access.keys.revoke(key["id"])
        for secret in (text, "of-nobody"):
            async with open_client(app=app, login=ClientCredentials(key["id"], secret), patience=HASTY) as client:
                with pytest.raises((LoginNeeded, Refused)) as refused:
                    await client.me()
                assert secret not in str(refused.value)


@pytest.mark.parametrize("login", [Password("ada", "wrong"), ClientCredentials("key", "wrong")])
@pytest.mark.parametrize(("status", "code"), [(400, "grant_refused"), (401, "grant_refused"), (429, "too_many_logins")])
async def test_a_login_that_is_refused_is_not_tried_again(login: Login, status: int, code: str) -> None:
    """Each try would count as a failed login, until the address is locked out."""
    answers = [problem(code, status, headers={"Retry-After": "1"})]
    client, asked = client_of(*answers, login=login)
    with pytest.raises(Refused) as refused:
        await client.worlds()
    assert (refused.value.code, len(asked)) == (code, 1)


async def test_a_login_is_tried_again_while_the_server_is_away() -> None:
    token = httpx.Response(200, json={"access_token": "t", "expires_in": 1800})
    away = problem("store_unavailable", 503, headers={"Retry-After": "1"})
    login = Password("ada", PASSWORD)
    client, asked = client_of(away, httpx.ConnectError("refused"), token, httpx.Response(200, json=[]), login=login)
    assert await client.worlds() == []
    assert [request.url.path.rpartition("/")[2] for request in asked] == ["token"] * 3 + ["worlds"]


async def test_above_a_limit_a_login_waits_and_keeps_its_refresh_token(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("api.client.logins.monotonic", lambda: now)
    limited = problem("rate_limited", 429, headers={"Retry-After": "1"})
    tokens = [
        httpx.Response(200, json={"access_token": f"t{n}", "expires_in": 1800, "refresh_token": f"r{n}"})
        for n in (1, 2)
    ]
    worlds = httpx.Response(200, json=[])
    client, asked = client_of(limited, tokens[0], worlds, limited, tokens[1], worlds, login=Password("ada", PASSWORD))
    assert await client.worlds() == []
    now += 1790
    assert await client.worlds() == []
    forms = [request.content.decode() for request in asked if request.url.path.endswith("/token")]
    assert ["password" in form for form in forms] == [True, True, False, False]
    assert all("refresh_token=r1" in form for form in forms[2:])
