"""What is no token, or is one no more, opens nothing, and nobody learns why; secrets stand in no log and no answer."""

import base64
import hmac
import json
import logging
from typing import Any

import pytest
import structlog
from doors import PASSWORD, SIGNED_WITH, Door
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

from api import logs
from api.auth.rules import read_rules
from graphs.engine import StoryEngine

ME = "/api/v1/auth/me"


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, unread."""
    header, claims, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims))  # type: ignore[return-value]


def packed(data: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def signed(header: dict[str, Any], claims: dict[str, Any], key: Any = None) -> str:
    registry = JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    return jws.serialize_compact(header, json.dumps(claims), key or OctKey.import_key(SIGNED_WITH), registry=registry)


def with_hmac(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """For headers that the library would not write."""
    said = f"{packed(header)}.{packed(claims)}"
    mac = hmac.digest(SIGNED_WITH.encode(), said.encode(), "sha256")
    return f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


HEADER = {"alg": "HS256", "typ": "at+jwt"}

FORGED: dict[str, Any] = {
    "no algorithm": lambda claims: f"{packed({'alg': 'none', 'typ': 'at+jwt'})}.{packed(claims)}.",
    "no algorithm, capitals": lambda claims: f"{packed({'alg': 'None', 'typ': 'at+jwt'})}.{packed(claims)}.",
    "another secret": lambda claims: signed(HEADER, claims, OctKey.import_key("another " * 8)),
    "an empty secret": lambda claims: signed(HEADER, claims, OctKey.import_key("\0" * 32)),
    "a longer algorithm": lambda claims: signed({**HEADER, "alg": "HS512"}, claims),
    "another algorithm": lambda claims: signed({**HEADER, "alg": "RS256"}, claims, RSAKey.generate_key(2048)),
    "another type": lambda claims: signed({**HEADER, "typ": "JWT"}, claims),
    "no type": lambda claims: signed({"alg": "HS256"}, claims),
    "an unknown crit": lambda claims: with_hmac({**HEADER, "crit": ["x"], "x": 1}, claims),
    "another issuer": lambda claims: signed(HEADER, {**claims, "iss": "other"}),
    "no issuer": lambda claims: signed(HEADER, {k: v for k, v in claims.items() if k != "iss"}),
    "another audience": lambda claims: signed(HEADER, {**claims, "aud": "other"}),
    "other audiences": lambda claims: signed(HEADER, {**claims, "aud": ["other", "more"]}),
    "no audience": lambda claims: signed(HEADER, {k: v for k, v in claims.items() if k != "aud"}),
    "another tenant": lambda claims: signed(HEADER, {**claims, "tenant": "elsewhere"}),
    "no tenant": lambda claims: signed(HEADER, {k: v for k, v in claims.items() if k != "tenant"}),
    "expired": lambda claims: signed(HEADER, {**claims, "exp": claims["iat"]}),
    "no end": lambda claims: signed(HEADER, {k: v for k, v in claims.items() if k != "exp"}),
    "an end that is none": lambda claims: signed(HEADER, {**claims, "exp": "never"}),
    "not yet good": lambda claims: signed(HEADER, {**claims, "nbf": claims["iat"] + 60}),
    "from the future": lambda claims: signed(HEADER, {**claims, "iat": claims["iat"] + 60}),
    "another subject": lambda claims: signed(HEADER, {**claims, "sub": "olga"}),
    "no subject": lambda claims: signed(HEADER, {k: v for k, v in claims.items() if k != "sub"}),
    "another login": lambda claims: signed(HEADER, {**claims, "sid": "0" * 32}),
    "no login": lambda claims: signed(HEADER, {k: v for k, v in claims.items() if k != "sid"}),
    "a key that is none": lambda claims: signed(HEADER, {**claims, "key": "0" * 16}),
    "a list": lambda _: signed(HEADER, ["anna"]),  # type: ignore[arg-type]
    "words": lambda _: "look around",
    "dots": lambda _: "..",
    "huge": lambda claims: signed(HEADER, {**claims, "more": "x" * 9_000}),
    "no ASCII": lambda _: "tökén",
}


async def test_what_is_forged_is_like_what_is_not_forged_but_for_one_thing(closed: Door) -> None:
    token = (await closed.login("anna"))["access_token"]
    header, claims = parts(token)
    assert (header, (await closed.get(ME, signed(HEADER, claims))).status_code) == (HEADER, 200)


@pytest.mark.parametrize("kind", FORGED)
async def test_a_forged_token(closed: Door, kind: str) -> None:
    token = (await closed.login("anna"))["access_token"]
    forged = FORGED[kind](parts(token)[1])
    answer = await closed.get(ME, headers={"Authorization": f"Bearer {forged}".encode()})
    known = await closed.get(ME, "x.y.z")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (
        401,
        'Bearer realm="tta", error="invalid_token"',
    )
    assert answer.json()["detail"] == known.json()["detail"]  # nobody learns which part was wrong


async def test_a_token_with_one_letter_changed(closed: Door) -> None:
    header, claims, signature = (await closed.login("anna"))["access_token"].split(".")
    other = "A" if signature[0] != "A" else "B"
    assert (await closed.get(ME, f"{header}.{claims}.{other}{signature[1:]}")).status_code == 401
    olga = packed({**json.loads(base64.urlsafe_b64decode(claims + "==")), "sub": "olga"})
    assert (await closed.get(ME, f"{header}.{olga}.{signature}")).status_code == 401


async def test_a_token_runs_out(closed: Door) -> None:
    token = (await closed.login("anna"))["access_token"]
    closed.clock.move(minutes=29, seconds=59)
    assert (await closed.get(ME, token)).status_code == 200
    closed.clock.move(seconds=1)
    assert (await closed.get(ME, token)).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Basic YW5uYTp4")],
        [("Authorization", "Bearer")],
        [("Authorization", "TOKEN")],
        [("Authorization", "Bearer TOKEN"), ("Authorization", "Bearer TOKEN")],
        [("Authorization", "Bearer TOKEN"), ("X-API-Key", "TOKEN")],
    ],
)
async def test_one_credential_and_of_the_right_kind(closed: Door, headers: list[tuple[str, str]]) -> None:
    token = (await closed.login("anna"))["access_token"]
    sent = [(name, value.replace("TOKEN", token)) for name, value in headers]
    assert (await closed.client.get(ME, headers=sent)).status_code == 401  # type: ignore[arg-type]
    assert (await closed.client.get(f"{ME}?access_token={token}&token={token}")).status_code == 401


async def test_an_api_key_and_the_tokens_that_it_gets_end_when_it_is_revoked(closed: Door, engine: StoryEngine) -> None:
    key, text = await engine.access.keys.create("service", role="operator", scopes=["operate"])
    given = await closed.token(
        grant_type="client_credentials", client_id=key["id"], client_secret=text, scope="metrics"
    )
    assert "refresh_token" not in given.json()
    token = given.json()["access_token"]
    basic = await closed.client.post(
        "/api/v1/auth/token",
        data={"grant_type": "client_credentials"},
        auth=(f"tta_{key['id']}", text.split("_", 2)[2]),
    )
    assert basic.status_code == 200, basic.text
    assert (await closed.get("/metrics", text)).status_code == 200
    assert (await closed.get(ME, headers={"X-API-Key": text})).json()["kind"] == "key"
    assert (await closed.get("/metrics", token)).status_code == 200
    assert (await closed.get("/api/v1/worlds", token)).status_code == 403  # the token has fewer scopes than the key
    used = await engine.access.keys.get(key["id"])
    assert used
    assert used["used"] == "2026-11-26"
    await engine.access.keys.revoke(key["id"])
    for credential in (text, token, basic.json()["access_token"]):
        assert (await closed.get("/metrics", credential)).status_code == 401
    again = await closed.token(grant_type="client_credentials", client_id=key["id"], client_secret=text)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


async def test_a_key_opens_nothing_with_another_secret(closed: Door, engine: StoryEngine) -> None:
    (one, text), (_, other) = await engine.access.keys.create("one"), await engine.access.keys.create("two")
    mixed = f"tta_{one['id']}_{other.split('_', 2)[2]}"
    for wrong in (mixed, text[:-1], text + "x", text.swapcase(), f"tta_{one['id']}_"):
        assert (await closed.get(ME, wrong)).status_code == 401


async def test_no_secret_stands_in_a_log_or_an_answer(closed: Door, engine: StoryEngine, capfd: Any) -> None:
    key, text = await engine.access.keys.create("service")
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    answers: list[str] = []
    try:
        logs.configure(level=logging.DEBUG)
        root.setLevel(logging.DEBUG)
        given = await closed.login("anna")
        secrets = [PASSWORD, SIGNED_WITH, text, text.split("_", 2)[2], given["access_token"], given["refresh_token"]]
        forms = [
            {"grant_type": "password", "username": "nobody", "password": PASSWORD},
            {"grant_type": "password", "username": PASSWORD, "password": "x"},
            {"grant_type": "client_credentials", "client_id": "x", "client_secret": text},
            {"grant_type": "refresh_token", "refresh_token": given["refresh_token"] + "x"},
            {"grant_type": text},
        ]
        answers += [(await closed.token(**form)).text for form in forms]
        for secret in secrets:
            answers.append((await closed.get("/api/v1/worlds", secret + "x")).text)
        answers.append((await closed.get("/api/v1/sessions/nobody", given["access_token"])).text)
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
    told = capfd.readouterr().err + "".join(answers)
    assert "request_id" in told
    assert [secret for secret in secrets if secret in told] == []
    assert key["digest"] not in told


async def test_what_redis_holds_opens_nothing(closed: Door, engine: StoryEngine) -> None:
    given = await closed.login("anna")
    _, text = await engine.access.keys.create("service")
    redis: Any = engine._stores.redis
    held = b""
    async for key in redis.scan_iter("tta:1:*{local}*"):
        kind = await redis.type(key)
        read = {b"hash": redis.hgetall, b"string": redis.get}.get(kind)
        held += key + str(await (read(key) if read else redis.zrange(key, 0, -1))).encode()
    secrets = [PASSWORD, text.split("_", 2)[2], given["refresh_token"].split("_", 2)[2], given["access_token"]]
    assert b"argon2id" in held
    assert [secret for secret in secrets if secret.encode() in held] == []


async def test_rules_that_are_told_hold_no_secret(engine: StoryEngine, closed: Door) -> None:
    assert SIGNED_WITH not in repr(read_rules(engine.settings)) + repr(engine.settings)
