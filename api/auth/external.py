"""Tokens of an external issuer: whose they are, and as what they come."""

import json
import re
from base64 import urlsafe_b64decode
from hashlib import sha256
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from api.auth.caller import Caller
from api.auth.jwks import ALGORITHMS, Jwks
from api.auth.rules import AuthRules
from api.auth.tokens import Timed, bad_token, check_claims
from graphs.access.roles import ROLES, Role, abilities
from graphs.sessions import ID

LEEWAY_S = 30
"""How far the issuer's clock and ours may be apart."""

_HEADER_CHARS = 2048
_KID_CHARS = 256
_MADE = re.compile(r"x-[0-9a-f]{40}")


class _Registry(JWSRegistry):
    """As the library's, but that EdDSA, which is Ed25519 here, is no reason for a warning."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise JoseError
        return self.algorithms[name]


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


class External:
    """Reads the issuer's tokens."""

    def __init__(self, rules: AuthRules, timed: Timed, keys: Jwks) -> None:
        self._rules = rules
        self._timed = timed
        self.keys = keys

    async def caller(self, token: str) -> Caller:
        """Who that is. Raises Unauthorized, and IssuerUnavailable where nobody can tell."""
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS or not (kid is None or (isinstance(kid, str) and 0 < len(kid) <= _KID_CHARS)):
            raise bad_token()
        key = await self.keys.find(algorithm, kid)
        if key is None:
            raise bad_token()
        try:
            claims = jwt.decode(token, key, algorithms=[algorithm], registry=_REGISTRY).claims
            check_claims(claims, self._rules, int(self._timed.clock.now().timestamp()), leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError):
            raise bad_token() from None
        # An issuer that knows no tenants names none; one that does must name ours.
        if claims.get("tenant", self._rules.tenant) != self._rules.tenant:
            raise bad_token()
        role = role_in(claims, self._rules.role_claim)
        return Caller(player_of(claims["sub"]), role, abilities(role), "external", player_of(claims["sub"]))


def player_of(subject: str) -> str:
    """A player's id for an issuer's subject: the subject itself where it can be one, else made of it."""
    if ID.fullmatch(subject) and not _MADE.fullmatch(subject):
        return subject
    return f"x-{sha256(subject.encode()).hexdigest()[:40]}"


def role_in(claims: dict[str, Any], path: str) -> Role:
    """The widest role that the claims name: under that name, or along that path. Without one, a player."""
    said: Any = claims.get(path)
    if said is None:
        said = claims
        for step in path.split("."):
            said = said.get(step) if isinstance(said, dict) else None
    named: list[Any] = said if isinstance(said, list) else [said]
    found: Role = "player"
    for role in ROLES:
        found = role if any(each == role for each in named) else found
    return found


def _header(token: str) -> dict[str, Any]:
    """What the token says of itself, which decides nothing but which key is tried. Raises Unauthorized."""
    first = token.partition(".")[0]
    try:
        said: Any = (
            json.loads(urlsafe_b64decode(first + "=" * (-len(first) % 4))) if len(first) <= _HEADER_CHARS else None
        )
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise bad_token()
    return said
