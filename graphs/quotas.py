"""How much of what somebody may have: the limits that the settings mean, and what holds where they say nothing.

Where nobody has to log in, everybody is the one person at this machine: nothing is limited that is not set. With a login
there are limits that a person who plays does not meet; `off` takes one away.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from graphs.settings import Settings

WINDOWS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
"""Seconds of a window, by how it is written."""

MOST = 10**9
MOST_ENTRIES = 100_000
"""The largest limit of what is remembered one by one: a Redis list holds a number for each."""

OFF = ("off", "0")

Policy = Literal["requests", "turns", "key_turns", "sessions", "streams", "tokens"]
"""What is limited: requests of an address, turns of a player, turns under an API key, sessions that a player begins, event
streams and sockets that a player has open, a model's tokens for a player.
"""


@dataclass(frozen=True)
class Quota:
    """`amount` of something in any `window_s` seconds; without a window (0), at one time."""

    policy: Policy
    amount: int
    window_s: int = 0


@dataclass(frozen=True)
class Quotas:
    """None: there is no limit."""

    requests: Quota | None = None
    turns: Quota | None = None
    key_turns: Quota | None = None
    sessions: Quota | None = None
    streams: Quota | None = None
    tokens: Quota | None = None


FORMS: dict[Policy, str] = {
    "requests": "600/minute",
    "turns": "30/minute",
    "key_turns": "600/minute",
    "sessions": "50/day",
    "streams": "8",
    "tokens": "1000000/day",
}
"""What holds with a login where nothing is set: each is also an example of its form. Thirty turns a minute is a turn every
two seconds; a million tokens are some hundred turns of a talkative model.
"""

_RATE = re.compile(rf"([0-9]{{1,10}})/({'|'.join(WINDOWS)})")
_COUNT = re.compile(r"[0-9]{1,10}")


def read_quotas(settings: "Settings") -> Quotas:
    """The limits in force: each setting was looked at as it was read."""
    found: dict[str, Quota | None] = {}
    for policy, form in FORMS.items():
        said = str(getattr(settings, f"limit_{policy}"))
        found[policy] = parse_quota(policy, said or ("off" if settings.auth == "none" else form))
    return Quotas(**found)


def parse_quota(policy: Policy, given: str) -> Quota | None:
    """A limit as it is written; None for one that is off. Raises ValueError, which says the form."""
    text = given.strip().lower()
    if text in OFF:
        return None
    amount, window_s = 0, 0
    if policy == "streams":
        amount = int(text) if _COUNT.fullmatch(text) else 0
    elif rate := _RATE.fullmatch(text):
        amount, window_s = int(rate[1]), WINDOWS[rate[2]]
    most = MOST if policy in ("requests", "tokens") else MOST_ENTRIES
    if not 1 <= amount <= most:
        kind = "a number" if policy == "streams" else f"a number and a window ({', '.join(WINDOWS)})"
        raise ValueError(f"must be {kind}, such as {FORMS[policy]}, at most {most}, or `off`")
    return Quota(policy, amount, window_s)
