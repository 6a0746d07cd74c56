"""Who asks: nobody, whoever has a token or an API key, an account with its password, a service with its key."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from agents.errors import StoryError
from api.client.errors import LIMITED, LoginNeeded, ServerGone, ServerSilent

EARLY_S = 30.0
"""Seconds before its end at which an access token is renewed: a request takes some of them."""

Grant = Callable[[dict[str, str]], Awaitable[dict[str, Any]]]
"""Asks the token endpoint with a form; gives what it answers."""


class Login(Protocol):
    """Gives the token that a request goes with."""

    async def token(self, grant: Grant) -> str:
        """The token; empty where there is none."""
        ...

    async def renewed(self, grant: Grant, stale: str) -> bool:
        """Whether there is a better token than the one that was refused."""
        ...


@dataclass(frozen=True)
class Bearer:
    """A token, or an API key, as it was given. Empty: nobody."""

    value: str = field(default="", repr=False)

    async def token(self, grant: Grant) -> str:
        del grant
        return self.value

    async def renewed(self, grant: Grant, stale: str) -> bool:
        del grant, stale
        return False


class _Granted:
    """Logs in when it is first needed and renews its token before it ends. A refresh token is good once: one whose answer
    was lost is thrown away, for a second use would void the login (RFC 9700, 4.14.2).
    """

    def __init__(self, **form: str) -> None:
        self._form = form
        self._access, self._refresh, self._until = "", "", 0.0
        self._lock = asyncio.Lock()

    async def token(self, grant: Grant) -> str:
        async with self._lock:
            if not self._access or monotonic() >= self._until:
                await self._renew(grant)
            return self._access

    async def renewed(self, grant: Grant, stale: str) -> bool:
        async with self._lock:
            if self._access == stale:  # else somebody else has renewed it meanwhile
                await self._renew(grant)
            return self._access != stale

    async def _renew(self, grant: Grant) -> None:
        answer, refresh = None, self._refresh
        self._refresh = ""
        if refresh:
            try:
                answer = await grant({"grant_type": "refresh_token", "refresh_token": refresh})
            except (ServerGone, ServerSilent):
                raise
            except StoryError as error:
                if error.code == LIMITED:
                    self._refresh = refresh  # nothing was done with it
                    raise
                answer = None  # used up, revoked, too old: the password is still there
        answer = answer or await grant(self._form)
        access, expires = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(access, str) or not access:
            raise LoginNeeded("The server gave no token", code="no_token", status=401, cure="Check the address.")
        self._access, self._refresh = access, str(answer.get("refresh_token") or "")
        lasts = float(expires) if isinstance(expires, int | float) else 60.0
        self._until = monotonic() + max(lasts - EARLY_S, lasts / 2)


class Password(_Granted):
    """An account's."""

    def __init__(self, username: str, password: str) -> None:
        super().__init__(grant_type="password", username=username, password=password)


class ClientCredentials(_Granted):
    """Those of a service: an API key's id, and its secret or the whole key (`tta keys create`). With `scope`, scopes parted
    by blanks, its tokens can do less than the key.
    """

    def __init__(self, client_id: str, client_secret: str, *, scope: str = "") -> None:
        scoped = {"scope": scope} if scope else {}
        super().__init__(grant_type="client_credentials", client_id=client_id, client_secret=client_secret, **scoped)
