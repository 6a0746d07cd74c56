"""Who may come in: accounts, API keys, the families of refresh tokens, and what failed logins cost. All of it in Redis.

Everything is the tenant's and none of a story, so neither a backup nor an export has any of it. Passwords are kept as
argon2id, secrets of 256 random bits as SHA-256: neither can be told to anybody again.
"""

from graphs.access.accounts import Account, Accounts
from graphs.access.apikeys import ApiKey, ApiKeys
from graphs.access.bundle import Access, build_access
from graphs.access.families import Families
from graphs.access.roles import ROLES, SCOPES, Role, Scope, abilities
from graphs.access.throttle import Throttle

__all__ = [
    "ROLES",
    "SCOPES",
    "Access",
    "Account",
    "Accounts",
    "ApiKey",
    "ApiKeys",
    "Families",
    "Role",
    "Scope",
    "Throttle",
    "abilities",
    "build_access",
]
