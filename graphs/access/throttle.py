"""What failed logins cost: after a few in a minute the next ones are turned away unread.

An attempt counts before its password is looked at, else a hundred at once would all be looked at; one that was right is
taken back.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256

from graphs.access.store import AccessStore

WINDOW_S = 60
PER_ACCOUNT = 5
PER_ADDRESS = 20
"""More than of an account: many people may share an address."""

_TAKE = """
local wait = 0
for at, key in ipairs(KEYS) do
  redis.call('zremrangebyscore', key, '-inf', ARGV[1] - ARGV[2])
  local most = tonumber(ARGV[3 + at])
  local held = redis.call('zcard', key)
  if held >= most then
    local oldest = redis.call('zrange', key, held - most, held - most, 'WITHSCORES')
    wait = math.max(wait, 0.001, oldest[2] + ARGV[2] - ARGV[1])
  end
end
if wait > 0 then return tostring(wait) end
for at, key in ipairs(KEYS) do
  redis.call('zadd', key, ARGV[1], ARGV[3])
  redis.call('expire', key, ARGV[2] * 2)
end
return '0'
"""


class Throttle:
    """One tenant's failed attempts, by account and by address, neither of which is kept in clear. Raises StoreError."""

    def __init__(self, store: AccessStore, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._store = store
        self._now, self._new_id = now, new_id

    async def take(self, account: str, address: str) -> tuple[str, int]:
        """An attempt: its id and 0, or nothing and the seconds to wait. Empty names are not counted."""
        counted = self._counted(account, address)
        attempt = self._new_id()
        limits = [most for _, most in counted]
        wait = await self._store.run(
            _TAKE, [key for key, _ in counted], self._now().timestamp(), WINDOW_S, attempt, *limits
        )
        seconds = math.ceil(float(wait))
        return ("", seconds) if seconds else (attempt, 0)

    async def forgive(self, attempt: str, account: str, address: str) -> None:
        """It was right."""
        for key, _ in self._counted(account, address):
            await self._store.call("ZREM", key, attempt)

    def _counted(self, account: str, address: str) -> Sequence[tuple[str, int]]:
        named = (("account", account.strip().lower(), PER_ACCOUNT), ("address", address, PER_ADDRESS))
        return [
            (self._store.key("throttle", f"{kind}-{sha256(name.encode()).hexdigest()[:32]}"), most)
            for kind, name, most in named
            if name
        ]
