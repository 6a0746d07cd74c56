"""Accounts of a self-contained install: a name, a password that is kept as argon2id, a role, whom they play as."""

import asyncio
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from typing_extensions import TypedDict

from agents.errors import Conflict, InvalidInput, NotFound
from graphs.access.roles import Role, player_named
from graphs.access.store import AccessStore, Records
from graphs.sessions import check_id

SHORTEST, LONGEST = 12, 256
"""Characters of a password. No rules beside the length (NIST SP 800-63B-4, 3.1.1.2)."""

HASHED_AT_ONCE = 2
"""Each takes 64 MiB: more at a time would let many logins take the machine's memory."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


class Account(TypedDict):
    name: str
    hash: str
    role: Role
    player: str
    created: str
    since: str
    """Changes with the password: whoever logged in before has to log in again."""


class UnknownAccount(NotFound):
    title = "There is no such account"


class Accounts:
    """One tenant's accounts. Raises StoreError besides what a method says."""

    def __init__(self, store: AccessStore, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._records = Records(store, "accounts")
        self._now, self._new_id = now, new_id
        self.hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(HASHED_AT_ONCE)
        self._nobodys = ""

    async def create(self, name: str, password: str, *, role: Role = "player", player: str = "") -> Account:
        """A new account. `player` is by default made of the name. Raises InvalidInput, Conflict."""
        plain = check_account_name(name)
        plays = check_id(player, "player id") if player else player_named(plain)
        if not player and (other := next((each for each in await self.all() if each["player"] == plays), None)):
            raise Conflict(f"The account '{other['name']}' plays as {plays} already", cure="Name another --player.")
        made = Account(
            name=plain,
            hash=await self._hashed(check_password(password)),
            role=role,
            player=plays,
            created=self._now().isoformat(),
            since=self._new_id(),
        )
        if not await self._records.add(plain, dict(made)):
            raise Conflict(f"There is an account '{plain}' already", cure="Choose another name.")
        return made

    async def get(self, name: str) -> Account | None:
        found = await self._records.get(name.strip().lower())
        return cast(Account, found) if found else None

    async def all(self) -> list[Account]:
        return [cast(Account, found) for found in await self._records.all()]

    async def verified(self, name: str, password: str) -> Account | None:
        """The account whose password that is. Takes as long where there is no such account."""
        account = await self.get(name)
        given = unicodedata.normalize("NFKC", password[: 4 * LONGEST])
        if not await self._matches(account["hash"] if account else await self._nobody(), given) or account is None:
            return None
        if self.hasher.check_needs_rehash(account["hash"]):
            await self._records.replace(account["name"], dict(account), {**account, "hash": await self._hashed(given)})
        return account

    async def set_password(self, name: str, password: str) -> Account:
        """Raises UnknownAccount, InvalidInput."""
        checked = await self._hashed(check_password(password))
        account = await self.get(name)
        if account:
            changed = Account({**account, "hash": checked, "since": self._new_id()})
            if await self._records.replace(account["name"], dict(account), dict(changed)):
                return changed
        raise await self._unknown(name)

    async def delete(self, name: str) -> None:
        """The account goes, its tokens with it; what was played stays. Raises UnknownAccount."""
        if not await self._records.remove(name.strip().lower()):
            raise await self._unknown(name)

    async def _unknown(self, name: str) -> UnknownAccount:
        known = [account["name"] for account in await self.all()]
        cure = "" if known else "Make one: tta accounts create NAME."
        return UnknownAccount(f"There is no account '{name[:64]}'", cure=cure, choices=known[:10], more=len(known) > 10)

    async def _nobody(self) -> str:
        """The hash of a password that nobody has."""
        self._nobodys = self._nobodys or await self._hashed(self._new_id())
        return self._nobodys

    async def _hashed(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self.hasher.hash, password)

    async def _matches(self, kept: str, password: str) -> bool:
        async with self._turns:
            try:
                return await asyncio.to_thread(self.hasher.verify, kept, password)
            except (VerificationError, InvalidHashError):
                return False


def check_account_name(name: str) -> str:
    """The name in small letters. Raises InvalidInput."""
    plain = name.strip().lower()
    if not _NAME.fullmatch(plain):
        raise InvalidInput(f"'{name[:40]}' is no account's name", cure="Use 1 to 64 letters, digits and . _ @ + -.")
    return plain


def check_password(password: str) -> str:
    """The password in one normal form. Raises InvalidInput, which does not quote it."""
    plain = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise InvalidInput(
            f"The password has {len(plain)} characters", cure=f"Choose one of {SHORTEST} to {LONGEST} characters."
        )
    return plain
