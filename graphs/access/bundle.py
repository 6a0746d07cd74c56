"""All that says who may come in, over one store."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from graphs.access.accounts import Accounts
from graphs.access.apikeys import ApiKeys
from graphs.access.families import Families
from graphs.access.store import AccessStore
from graphs.access.throttle import Throttle


@dataclass(frozen=True)
class Access:
    accounts: Accounts
    keys: ApiKeys
    families: Families
    throttle: Throttle


def build_access(store: AccessStore, now: Callable[[], datetime], new_id: Callable[[], str]) -> Access:
    """The repositories of one tenant. `now` is the clock's, in UTC."""
    return Access(Accounts(store, now, new_id), ApiKeys(store, now), Families(store, now), Throttle(store, now, new_id))
