"""Tokens of an external issuer: which keys are believed, how they are fetched, and as whom their bearers come."""

import hmac
import json
import warnings
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from doors import Door, door
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from agents.errors import InvalidSetting
from api.auth import jwks
from api.auth.external import External, player_of
from api.auth.rules import read_rules
from graphs.engine import StoryEngine
from graphs.settings import Settings

ME = "/api/v1/auth/me"
URL = "https://issuer.example/keys"
ISSUED: dict[str, Any] = {"auth": "jwks", "auth_secret": None, "auth_issuer": "https://issuer.example/",
                          "auth_audience": "tta-api", "auth_jwks_url": URL}  # fmt: skip

RSA, OTHER_RSA = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
with warnings.catch_warnings(action="ignore"):
    SMALL_RSA = RSAKey.generate_key(1024)
EC, EC_384, ED, ED_448 = (
    ECKey.generate_key("P-256"), ECKey.generate_key("P-384"), OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed448"),
)  # fmt: skip


def public(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    named = {} if kid is None else {"kid": kid}
    return {**{k: v for k, v in key.as_dict(private=False).items() if k != "kid"}, **named, **more}


@dataclass
class Issuer:
    """What stands at its address, and how often it was asked."""

    door: Door
    keys: list[Any] = field(default_factory=list)
    answer: "Callable[[httpx.Request], httpx.Response] | None" = None
    asked: list[str] = field(default_factory=list)

    def serve(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return self.answer(request) if self.answer else httpx.Response(200, json={"keys": self.keys})

    def token(
        self, key: Any = RSA, alg: str = "RS256", kid: str | None = "one", header: Any = None, **claims: Any
    ) -> str:
        now = int(self.door.clock.now().timestamp())
        whole = {"iss": "https://issuer.example/", "aud": ["tta-api", "other"], "sub": "anna", "iat": now,
                 "exp": now + 600, **claims}  # fmt: skip
        head = {"alg": alg, **({} if kid is None else {"kid": kid}), **(header or {})}
        whole = {name: value for name, value in whole.items() if value is not None}
        return jws.serialize_compact(head, json.dumps(whole), key, registry=Signing(strict_check_header=False))

    async def status(self, token: str) -> int:
        return (await self.door.get(ME, token)).status_code


class Signing(JWSRegistry):
    """Signs with anything."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


@pytest.fixture
async def issuer(engine: StoryEngine) -> AsyncGenerator[Issuer]:
    async with door(engine, **ISSUED) as opened:
        made = Issuer(opened, [public(RSA, "one"), public(EC, "two"), public(ED, "three")])
        transport: Any = opened.client._transport
        external: External = transport.app.state.guard.external
        external.keys.transport = httpx.MockTransport(made.serve)
        yield made


async def test_each_of_the_three_algorithms(issuer: Issuer) -> None:
    for key, alg, kid in ((RSA, "RS256", "one"), (EC, "ES256", "two"), (ED, "EdDSA", "three")):
        assert await issuer.status(issuer.token(key, alg, kid)) == 200
    assert issuer.asked == [URL]


@pytest.mark.parametrize(
    ("key", "alg", "kid"),
    [
        (OTHER_RSA, "RS256", "one"),
        (RSA, "RS256", "two"),
        (RSA, "RS512", "one"),
        (RSA, "PS256", "one"),
        (EC, "ES256", "one"),
        (RSA, "RS256", "unknown"),
        (RSA, "RS256", ""),
        (RSA, "RS256", "../../one"),
        (RSA, "RS256", "o" * 300),
        (OctKey.import_key("s" * 32), "HS256", "one"),
    ],
)
async def test_another_key_or_another_algorithm(issuer: Issuer, key: Any, alg: str, kid: str) -> None:
    assert await issuer.status(issuer.token(key, alg, kid)) == 401


@pytest.mark.parametrize("kid", [["one"], {"one": 1}, 1, True])
async def test_an_id_of_a_key_is_text(issuer: Issuer, kid: Any) -> None:
    header = urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": kid}).encode()).decode().rstrip("=")
    assert await issuer.status(f"{header}.{issuer.token().split('.', 1)[1]}") == 401


@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
async def test_the_public_key_is_no_secret_of_a_mac(issuer: Issuer, form: str) -> None:
    secret = (
        json.dumps(RSA.as_dict(private=False)).encode() if form == "jwk" else getattr(RSA, f"as_{form}")(private=False)
    )
    for alg in ("HS256", "RS256"):
        head = urlsafe_b64encode(json.dumps({"alg": alg, "kid": "one"}).encode()).decode().rstrip("=")
        said = f"{head}.{issuer.token().split('.')[1]}"
        mac = urlsafe_b64encode(hmac.digest(secret, said.encode(), "sha256")).decode().rstrip("=")
        assert await issuer.status(f"{said}.{mac}") == 401


CLAIMS: dict[str, dict[str, Any]] = {
    "issuer": {"iss": "https://issuer.example"},
    "no issuer": {"iss": None},
    "audience": {"aud": "other"},
    "no audience": {"aud": None},
    "tenant": {"tenant": "elsewhere"},
    "no end": {"exp": None},
    "ended": {"exp": 1},
    "begins later": {"nbf": 2**40},
    "no subject": {"sub": None},
    "subject that is a number": {"sub": 7},
}


@pytest.mark.parametrize("kind", CLAIMS)
async def test_what_the_token_must_say(issuer: Issuer, kind: str) -> None:
    assert await issuer.status(issuer.token(tenant="local")) == 200
    assert await issuer.status(issuer.token(**{"tenant": "local", **CLAIMS[kind]})) == 401


async def test_clocks_may_be_half_a_minute_apart(issuer: Issuer) -> None:
    now = int(issuer.door.clock.now().timestamp())
    assert await issuer.status(issuer.token(exp=now - 29, nbf=now + 29)) == 200
    assert await issuer.status(issuer.token(exp=now - 31)) == 401


@pytest.mark.parametrize(
    ("claims", "path", "role"),
    [
        ({}, "role", "player"),
        ({"role": "author"}, "role", "author"),
        ({"role": "Operator"}, "role", "player"),
        ({"role": ["x", "player", "operator"]}, "role", "operator"),
        ({"role": {"operator": True}}, "role", "player"),
        ({"realm_access": {"roles": ["author"]}}, "realm_access.roles", "author"),
        ({"https://a.example/role": "author"}, "https://a.example/role", "author"),
        ({"realm_access": "operator"}, "realm_access.roles", "player"),
    ],
)
async def test_the_role_is_where_the_operator_says(
    engine: StoryEngine, claims: dict[str, Any], path: str, role: str
) -> None:
    async with door(engine, **ISSUED, auth_role_claim=path) as opened:
        made = Issuer(opened, [public(RSA, "one")])
        transport: Any = opened.client._transport
        transport.app.state.guard.external.keys.transport = httpx.MockTransport(made.serve)
        assert (await opened.get(ME, made.token(**claims))).json()["role"] == role


def test_two_subjects_are_two_players() -> None:
    made = player_of("auth0|anna")
    assert player_of("anna") == "anna"
    assert len({made, player_of("auth0|berta"), player_of(made), player_of("a" * 65), "anna"}) == 5


async def test_a_new_key_is_fetched_but_not_for_everybody_who_invents_one(issuer: Issuer) -> None:
    assert await issuer.status(issuer.token()) == 200
    issuer.keys = [public(OTHER_RSA, "new")]
    for _ in range(5):
        assert await issuer.status(issuer.token(RSA, kid="invented")) == 401
    assert len(issuer.asked) == 1
    issuer.door.clock.move(seconds=jwks.PAUSE_S)
    assert await issuer.status(issuer.token(OTHER_RSA, kid="new")) == 200
    assert await issuer.status(issuer.token()) == 401  # the old one is withdrawn
    assert len(issuer.asked) == 2


async def test_a_withdrawn_key_opens_nothing_after_ten_minutes(issuer: Issuer) -> None:
    assert await issuer.status(issuer.token()) == 200
    issuer.keys = []
    issuer.door.clock.move(seconds=jwks.KEPT_S - 1)
    assert await issuer.status(issuer.token()) == 200
    issuer.door.clock.move(seconds=1)
    assert await issuer.status(issuer.token()) == 401


ANSWERS: dict[str, Callable[[httpx.Request], httpx.Response]] = {
    "redirect": lambda _: httpx.Response(302, headers={"Location": "http://169.254.169.254/"}),
    "fault": lambda _: httpx.Response(500, json={"keys": [public(RSA, "one")]}),
    "large": lambda _: httpx.Response(200, json={"keys": [public(RSA, "one")], "more": "x" * jwks.LARGEST}),
    "compressed": lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b"\x1f\x8b"),
    "no JSON": lambda _: httpx.Response(200, text="<html>"),
    "deep": lambda _: httpx.Response(200, text="[" * 100_000),
    "a list": lambda _: httpx.Response(200, json=[public(RSA, "one")]),
    "no list": lambda _: httpx.Response(200, json={"keys": {"one": public(RSA, "one")}}),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_an_answer_that_is_no_set_of_keys_lets_nobody_in(issuer: Issuer, kind: str) -> None:
    issuer.answer = ANSWERS[kind]
    answer = await issuer.door.get(ME, issuer.token())
    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
    assert (await issuer.door.get(ME, issuer.token())).status_code == 503
    assert issuer.asked == [URL]  # once, and nowhere else
    issuer.answer = None
    issuer.door.clock.move(seconds=jwks.PAUSE_S)
    assert await issuer.status(issuer.token()) == 200


async def test_an_issuer_that_cannot_be_reached_lets_nobody_in(issuer: Issuer) -> None:
    def unreachable(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    issuer.answer = unreachable
    assert await issuer.status(issuer.token()) == 503


@pytest.mark.parametrize(
    ("key", "alg", "given"),
    [
        (SMALL_RSA, "RS256", public(SMALL_RSA, "one")),
        (ED_448, "EdDSA", public(ED_448, "one")),
        (RSA, "RS256", public(RSA, "one", use="enc")),
        (RSA, "RS256", public(RSA, "one", alg="PS256")),
        (RSA, "RS256", {**RSA.as_dict(private=True), "kid": "one"}),
        (RSA, "RS256", {"kty": "RSA", "kid": "one", "n": "AQAB"}),
        (RSA, "RS256", "one"),
    ],
)
async def test_keys_that_are_not_believed(issuer: Issuer, key: Any, alg: str, given: Any) -> None:
    issuer.keys = [given, public(EC, "two")]
    assert await issuer.status(issuer.token(key, alg)) == 401
    assert await issuer.status(issuer.token(EC, "ES256", "two")) == 200


async def test_without_an_id_the_only_key_is_meant_and_of_two_none(issuer: Issuer) -> None:
    assert await issuer.status(issuer.token(kid=None)) == 200
    issuer.keys.append(public(OTHER_RSA, "four"))
    issuer.door.clock.move(seconds=jwks.KEPT_S)
    assert await issuer.status(issuer.token(kid=None)) == 401


async def test_no_address_of_a_token_is_asked(issuer: Issuer) -> None:
    at = "http://169.254.169.254/keys"
    token = issuer.token(OTHER_RSA, kid="new", header={"jku": at, "x5u": at, "jwk": public(OTHER_RSA, "new")})
    assert await issuer.status(token) == 401
    assert set(issuer.asked) == {URL}


async def test_an_issuer_gives_the_tokens_and_api_keys_go_on(issuer: Issuer, engine: StoryEngine) -> None:
    asked = await issuer.door.token(grant_type="password", username="anna", password="x" * 12)
    assert asked.json()["error"] == "unsupported_grant_type"
    _, key = await engine.access.keys.create("service")
    assert await issuer.status(key) == 200
    assert issuer.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/keys",
        "ftp://issuer.example/keys",
        "file:///etc/passwd",
        "https://" + "user:pw@issuer.example/keys",
        "https:///keys",
        "https://issuer.example/keys#x",
        "https://[",
        "issuer.example/keys",
    ],
)
def test_addresses_that_keys_may_not_come_from(url: str) -> None:
    with pytest.raises(InvalidSetting, match="TTA_AUTH_JWKS_URL"):
        read_rules(Settings(**{**ISSUED, "auth_jwks_url": url}))


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8080/keys", "http://[::1]/keys"])
def test_addresses_that_keys_may_come_from(url: str) -> None:
    assert read_rules(Settings(**{**ISSUED, "auth_jwks_url": url})).jwks_url == url
