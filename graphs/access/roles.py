"""What each role may do, and how scopes narrow it. The names are those of the API's policy (`api.auth.policy`)."""

import re
from collections.abc import Collection
from hashlib import sha256
from typing import Literal, get_args

from agents.errors import InvalidInput
from graphs.sessions import ID

Role = Literal["player", "author", "operator"]
Scope = Literal["read", "play", "author", "metrics", "operate"]

ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: tuple[Scope, ...] = get_args(Scope)

_OF_ROLE: dict[Role, frozenset[Scope]] = {
    "player": frozenset({"read", "play"}),
    "author": frozenset({"read", "play", "author"}),
    "operator": frozenset(SCOPES),
}
_WITH: dict[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "play": frozenset({"play", "read"}),
    "author": frozenset({"author", "read"}),
    "metrics": frozenset({"metrics"}),
    "operate": frozenset(SCOPES),
}
"""What a scope brings with it."""


def player_named(name: str) -> str:
    """The player of a name: itself where it is an id, else made of it, with eight digits of its hash: `a@b` is not `a-b`."""
    if ID.fullmatch(name):
        return name
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', name)[:50].strip('-') or 'x'}-{sha256(name.encode()).hexdigest()[:8]}"


def abilities(role: Role, scopes: Collection[Scope] | None = None) -> frozenset[Scope]:
    """What a role may do, narrowed to the scopes and what they bring with them. None: not narrowed."""
    whole = _OF_ROLE[role]
    return whole if scopes is None else whole & frozenset().union(*(_WITH[scope] for scope in scopes))


def known_scopes(given: Collection[str]) -> list[Scope]:
    """Those of the given that are scopes, in their order, each once."""
    asked = set[object](given)
    return [scope for scope in SCOPES if scope in asked]


def check_role(given: str) -> Role:
    """Raises InvalidInput."""
    for role in ROLES:
        if role == given:
            return role
    raise InvalidInput(f"There is no role '{given[:40]}'", choices=ROLES)


def check_scopes(given: Collection[str], role: Role) -> list[Scope]:
    """The scopes in their order, each once. Raises InvalidInput for one that is none, or that the role does not have."""
    if unknown := sorted(set(given) - set(SCOPES)):
        raise InvalidInput(f"There is no scope '{unknown[0][:40]}'", choices=SCOPES)
    wanted = known_scopes(given)
    if not wanted:
        raise InvalidInput("A key without a scope may do nothing", cure="Name one or more.", choices=SCOPES)
    if beyond := [scope for scope in wanted if scope not in _OF_ROLE[role]]:
        held = [scope for scope in SCOPES if scope in _OF_ROLE[role]]
        raise InvalidInput(f"The role {role} has no scope '{beyond[0]}'", cure="Choose a wider role.", choices=held)
    return wanted
