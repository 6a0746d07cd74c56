"""Our own access tokens: JWTs of 30 minutes, signed with HS256 and with nothing else (RFC 7519, RFC 9068)."""

from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry

from agents.services import Clock, Ids
from api.auth.rules import AuthRules
from api.refusals import Unauthorized

ACCESS_S = 30 * 60
"""How long an access token is good."""

LONGEST = 8 * 1024
"""Characters of a credential that are looked at at all."""

TYPE = "at+jwt"
"""Says that it is an access token: nothing else that may once be signed with the same secret is one."""

ALGORITHM = "HS256"


def bad_token() -> Unauthorized:
    """The same for whatever is wrong with it, so that nobody learns which part they have to forge."""
    return Unauthorized("The token or key is not good, or is good no more", cure="Log in again.", given=True)


class Timed(Protocol):
    """What has a clock and ids: the engine."""

    clock: Clock
    ids: Ids


class Tokens:
    """Makes and reads them."""

    def __init__(self, rules: AuthRules, services: Timed) -> None:
        self._rules = rules
        self._key = OctKey.import_key(rules.secret)
        self._services = services

    def make(self, subject: str, **claims: Any) -> str:
        """A token of that subject, good from now."""
        now = int(self._services.clock.now().timestamp())
        whole = {
            "iss": self._rules.issuer,
            "aud": self._rules.audience,
            "tenant": self._rules.tenant,
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + ACCESS_S,
            "jti": self._services.ids.new(),
            **claims,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, whole, self._key, algorithms=[ALGORITHM])

    def read(self, token: str) -> dict[str, Any]:
        """Its claims. Raises Unauthorized."""
        try:
            read = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            if read.header.get("typ") != TYPE:
                raise bad_token()
            check_claims(read.claims, self._rules, int(self._services.clock.now().timestamp()))
        except (JoseError, ValueError, TypeError):
            raise bad_token() from None
        if read.claims.get("tenant") != self._rules.tenant:
            raise bad_token()
        return read.claims


def check_claims(claims: dict[str, Any], rules: AuthRules, now: int, *, leeway: int = 0) -> None:
    """Issuer, audience, subject, and the times, of which the end must be told. Raises JoseError."""
    JWTClaimsRegistry(
        now=now,
        leeway=leeway,
        iss={"essential": True, "value": rules.issuer},
        aud={"essential": True, "value": rules.audience},
        sub={"essential": True},
        exp={"essential": True},
    ).validate(claims)
