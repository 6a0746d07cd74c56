"""Whoever asks, once it is known who that is."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import HTTPConnection

from api.refusals import Unauthorized
from graphs.access.roles import SCOPES, Role, Scope

KEY = "tta.caller"
"""Where the ASGI scope has the caller."""


@dataclass(frozen=True)
class Caller:
    """`scopes` are all that this caller may do: the role's, narrowed to those of the key or token. `kind` says what
    vouches for it: nothing but this machine, an account, an API key, an external issuer.
    """

    player: str
    role: Role
    scopes: frozenset[Scope]
    kind: Literal["local", "account", "key", "external"]
    name: str = ""

    def may(self, need: Scope) -> bool:
        return need in self.scopes

    @property
    def everywhere(self) -> bool:
        """Whether everybody's sessions are open to this caller."""
        return self.may("operate")

    def owns(self, player: str) -> bool:
        """Whether what belongs to that player is open to this caller."""
        return self.everywhere or player == self.player


LOCAL = Caller("player", "operator", frozenset(SCOPES), "local", "local")
"""Everybody on this machine, where no login is asked for."""


async def caller_of(connection: HTTPConnection) -> Caller:
    """A dependency: who asks. Raises Unauthorized."""
    return caller_in(connection.scope)


def caller_in(scope: MutableMapping[str, Any]) -> Caller:
    """Raises Unauthorized."""
    found = scope.get(KEY)
    if not isinstance(found, Caller):
        raise Unauthorized("This needs a login")
    return found
