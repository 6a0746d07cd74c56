"""Refresh tokens: each is good once. All that come of one login are a family; an old one used again ends the family.

Whoever stole a token and whoever lost it cannot be told apart, so both have to log in again (RFC 9700, 4.14.2).
"""

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from typing_extensions import TypedDict

from graphs.access.accounts import Account
from graphs.access.roles import Scope, known_scopes
from graphs.access.store import AccessStore

REFRESH_S = 7 * 24 * 3600
"""How long a refresh token is good."""

PREFIX = "ttr_"
_TOKEN = re.compile(PREFIX + r"([0-9a-f]{32})_([A-Za-z0-9_-]{43})")

_ROTATE = """
local held = redis.call('hmget', KEYS[1], 'current', 'expires', 'dead', 'account', 'since', 'scope')
if not held[1] or held[3] then return {'gone'} end
if held[1] ~= ARGV[1] then
  redis.call('hset', KEYS[1], 'dead', '1')
  return {'reused'}
end
if tonumber(held[2]) <= tonumber(ARGV[3]) then return {'gone'} end
redis.call('hset', KEYS[1], 'current', ARGV[2], 'expires', ARGV[4])
redis.call('expire', KEYS[1], ARGV[5])
return {'rotated', held[4], held[5], held[6]}
"""


class Rotated(TypedDict):
    """`token` is the one that takes the place of what was given; `scopes` is None where the login was not narrowed."""

    token: str
    family: str
    account: str
    since: str
    scopes: frozenset[Scope] | None


class Families:
    """One tenant's families. Raises StoreError."""

    def __init__(self, store: AccessStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def begin(self, account: Account, scopes: frozenset[Scope] | None = None) -> Rotated:
        """A family for somebody who has just logged in, perhaps with fewer scopes than the account's."""
        family, secret = secrets.token_hex(16), secrets.token_urlsafe(32)
        key = self._key(family)
        scope = "*" if scopes is None else " ".join(sorted(scopes))
        held: dict[str, str | float] = {
            "account": account["name"],
            "since": account["since"],
            "scope": scope,
            "current": _digest(secret),
            "expires": self._now().timestamp() + REFRESH_S,
        }
        await self._store.call("HSET", key, *[part for pair in held.items() for part in pair])
        await self._store.call("EXPIRE", key, REFRESH_S)
        return _rotated(family, secret, account["name"], account["since"], scope)

    async def rotate(self, token: str) -> Rotated | None:
        """The next token of the family; None for one that is none, has run out, or was used before."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            return None
        secret, now = secrets.token_urlsafe(32), self._now().timestamp()
        outcome, *held = await self._store.run(
            _ROTATE, [self._key(found[1])], _digest(found[2]), _digest(secret), now, now + REFRESH_S, REFRESH_S
        )
        if outcome != "rotated":
            return None
        return _rotated(found[1], secret, *held)

    async def holder(self, family: str) -> tuple[str, str] | None:
        """Whose family it is: the account's name and since when; None for one that has ended."""
        account, since, dead = await self._store.call("HMGET", self._key(family), "account", "since", "dead")
        return None if dead or not account else (account, since)

    async def end(self, token: str) -> bool:
        """Ends the family of a token that is good, or was; whether there was one."""
        found = _TOKEN.fullmatch(token)
        return bool(found) and await self.end_family(found[1])

    async def end_family(self, family: str) -> bool:
        return bool(await self._store.call("DEL", self._key(family)))

    def _key(self, family: str) -> str:
        return self._store.key("refresh", family)


def _rotated(family: str, secret: str, account: str, since: str, scope: str) -> Rotated:
    scopes = None if scope == "*" else frozenset(known_scopes(scope.split()))
    return Rotated(token=f"{PREFIX}{family}_{secret}", family=family, account=account, since=since, scopes=scopes)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
