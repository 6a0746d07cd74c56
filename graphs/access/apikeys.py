"""API keys of services: `tta_ID_SECRET`, told once. Of the secret, 256 random bits, only its SHA-256 is kept."""

import hmac
import re
import secrets
from collections.abc import Callable, Collection
from datetime import datetime
from hashlib import sha256
from typing import cast

from typing_extensions import TypedDict

from agents.errors import InvalidInput, NotFound
from graphs.access.roles import Role, Scope, check_scopes, player_named
from graphs.access.store import AccessStore, Records
from graphs.sessions import check_id

PREFIX = "tta_"
"""What every key begins with, so that a scanner for secrets can know one."""

_KEY = re.compile(PREFIX + r"([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


class ApiKey(TypedDict):
    id: str
    name: str
    digest: str
    role: Role
    scopes: list[Scope]
    player: str
    """Whom it plays as."""
    created: str
    revoked: str
    """When; empty for one that is good."""
    used: str
    """The day on which it was used last; empty for none."""


class UnknownKey(NotFound):
    title = "There is no such key"


class ApiKeys:
    """One tenant's keys. Raises StoreError besides what a method says."""

    def __init__(self, store: AccessStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._records = Records(store, "apikeys")
        self._used = store.key("apikeys_used")
        self._now = now

    async def create(
        self, name: str, *, role: Role = "player", scopes: Collection[str] = ("read", "play"), player: str = ""
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is never told again. Raises InvalidInput."""
        plain = name.strip()
        if not _NAME.fullmatch(plain):
            raise InvalidInput(f"'{name[:40]}' is no key's name", cure="Use 1 to 64 letters, digits, spaces and . _ -.")
        known, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        made = ApiKey(
            id=known,
            name=plain,
            digest=_digest(secret),
            role=role,
            scopes=check_scopes(scopes, role),
            player=check_id(player, "player id") if player else player_named(plain),
            created=self._now().isoformat(),
            revoked="",
            used="",
        )
        await self._records.add(known, dict(made))
        return made, f"{PREFIX}{known}_{secret}"

    async def verified(self, text: str) -> ApiKey | None:
        """The key that this is, unless it is revoked. Notes the day."""
        found = _KEY.fullmatch(text)
        key = await self.get(found[1]) if found else None
        if found is None or key is None or not hmac.compare_digest(key["digest"], _digest(found[2])):
            return None
        if key["revoked"]:
            return None
        day = self._now().date().isoformat()
        if key["used"] != day:
            await self._store.call("HSET", self._used, key["id"], day)
        return key

    async def get(self, known: str) -> ApiKey | None:
        """The key with that id, revoked or not."""
        found = await self._records.get(known)
        if not found:
            return None
        used: str | None = await self._store.call("HGET", self._used, known)
        return cast(ApiKey, {**found, "used": used or ""})

    async def all(self) -> list[ApiKey]:
        found = await self._records.all()
        days = await self._store.call("HMGET", self._used, *[key["id"] for key in found]) if found else []
        return [cast(ApiKey, {**key, "used": day or ""}) for key, day in zip(found, days, strict=True)]

    async def revoke(self, known: str) -> ApiKey:
        """From now on the key opens nothing, nor does any token that it got. Raises UnknownKey."""
        plain = known.removeprefix(PREFIX).partition("_")[0]
        kept = await self._records.get(plain)
        if kept and not kept["revoked"]:
            await self._records.replace(plain, kept, {**kept, "revoked": self._now().isoformat()})
        if key := await self.get(plain):
            return key
        ids = [key["id"] for key in await self.all()]
        # What was given may be a whole key: it is not told back.
        raise UnknownKey("There is no key with that id", choices=ids[:10], more=len(ids) > 10)


def whole_key(known: str, secret: str) -> str:
    """A client's id and secret as one key; the secret may be the whole key already."""
    known = known.removeprefix(PREFIX)
    return secret if secret.startswith(f"{PREFIX}{known}_") else f"{PREFIX}{known}_{secret}"


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
