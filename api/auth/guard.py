"""Who it is that asks: a credential becomes a caller, or is turned away. What cannot be asked for is refused.

Every request looks in Redis whether the login behind a token still stands, so that a logout, a new password, a changed
role or a revoked key holds at once and not in half an hour.
"""

from base64 import b64decode
from binascii import Error as NoBase64
from typing import Any
from urllib.parse import unquote_plus

from starlette.datastructures import Headers

from api.auth.caller import LOCAL, Caller
from api.auth.external import External
from api.auth.jwks import Jwks
from api.auth.rules import AuthRules, read_rules
from api.auth.tokens import LONGEST, Tokens, bad_token
from graphs.access import Access, ApiKey, abilities
from graphs.access.apikeys import PREFIX
from graphs.access.roles import Scope, known_scopes
from graphs.engine import StoryEngine


class Guard:
    """The credentials of one app."""

    def __init__(self, rules: AuthRules, access: Access, tokens: Tokens | None, external: External | None) -> None:
        self.rules = rules
        self.access = access
        self.tokens = tokens
        self.external = external

    async def caller(self, credential: str) -> Caller:
        """Whose credential that is. Raises Unauthorized, StoreError."""
        if self.rules.mode == "none":
            return LOCAL
        if not credential or len(credential) > LONGEST or not credential.isascii():
            raise bad_token()
        if credential.startswith(PREFIX):
            return await self._of_key(credential)
        if self.tokens:
            return await self._of_token(self.tokens.read(credential))
        if self.external:
            return await self.external.caller(credential)
        raise bad_token()

    async def _of_key(self, text: str) -> Caller:
        key = await self.access.keys.verified(text)
        if key is None:
            raise bad_token()
        return caller_of_key(key)

    async def _of_token(self, claims: dict[str, Any]) -> Caller:
        if known := claims.get("key"):
            key = await self.access.keys.get(str(known))
            if key is None or key["revoked"]:
                raise bad_token()
            return caller_of_key(key, narrowed(claims))
        held = await self.access.families.holder(str(claims.get("sid", "")))
        account = await self.access.accounts.get(claims["sub"])
        if held is None or account is None or held != (account["name"], account["since"]):
            raise bad_token()
        scopes = abilities(account["role"], narrowed(claims))
        return Caller(account["player"], account["role"], scopes, "account", account["name"])


def build_guard(engine: StoryEngine) -> Guard:
    """The guard over an engine's settings and stores. Raises InvalidSetting."""
    rules = read_rules(engine.settings)
    tokens = Tokens(rules, engine) if rules.mode == "local" else None
    external = External(rules, engine, Jwks(rules.jwks_url, engine)) if rules.mode == "jwks" else None
    return Guard(rules, engine.access, tokens, external)


def caller_of_key(key: ApiKey, scopes: "frozenset[Scope] | None" = None) -> Caller:
    """Whom a key stands for; of a token that it got, narrowed to that token's scopes."""
    held = abilities(key["role"], key["scopes"])
    reach = held if scopes is None else held & abilities("operator", scopes)
    return Caller(key["player"], key["role"], reach, "key", key["id"])


def narrowed(claims: dict[str, Any]) -> "frozenset[Scope] | None":
    """The scopes of a token; None where it says none."""
    said = claims.get("scope")
    return None if said is None else frozenset(known_scopes(str(said).split()))


def bearer_of(headers: Headers) -> str | None:
    """The credential of a request; None where it has none. Raises Unauthorized for more than one, or another scheme."""
    given = headers.getlist("authorization") + [f"Bearer {key}" for key in headers.getlist("x-api-key")]
    if not given:
        return None
    scheme, _, credential = given[0].strip().partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not credential.strip():
        raise bad_token()
    return credential.strip()


def basic_of(headers: Headers) -> tuple[str, str] | None:
    """A client's id and secret (RFC 6749, 2.3.1); None where the header is none of that kind."""
    scheme, _, given = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = b64decode(given.strip(), validate=True).decode().partition(":")
    except (NoBase64, ValueError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)
