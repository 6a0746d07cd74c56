"""What a request costs beside itself, route by route: the one place that decides. What no line here knows is one request.

Every request counts for its address (`requests`), but those that ask whether the process lives. What a player and an API
key pay stands here; when it is paid, and that a person at risk does not, is `api.tolls`.
"""

from typing import Literal

Cost = Literal["turn", "session", "stream"]
"""`turn`: a turn of the session's player, and of the API key that asks; there must be tokens left, too. `session`: a session
of the player for whom it is begun. `stream`: an open event stream or socket of the player, as long as it is open.
"""

_SESSION = "/api/v1/sessions/{session}"

COSTS: dict[tuple[str, str], frozenset[Cost]] = {
    ("POST", "/api/v1/sessions"): frozenset({"session"}),
    ("POST", _SESSION + "/turns"): frozenset({"turn", "stream"}),
    ("POST", _SESSION + "/retry"): frozenset({"turn", "stream"}),
    ("POST", _SESSION + "/agui"): frozenset({"turn", "stream"}),
    ("GET", _SESSION + "/turns/{turn_id}/events"): frozenset({"stream"}),
    ("POST", "/api/v1/players/{player}/actions"): frozenset({"turn"}),
    ("WEBSOCKET", _SESSION + "/play"): frozenset({"turn", "stream"}),
}

STREAMED = frozenset({_SESSION + "/agui"})
"""What answers with events, whatever `Accept` says."""

FREE = frozenset({"/health/live", "/health/ready"})
"""Paths that cost nothing at all: who watches over the process asks often, and must hear it when a store is gone."""

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""What is refused where nobody can tell whether it may. What only reads goes on, as far as it can."""


def costs_of(method: str, template: str) -> frozenset[Cost]:
    """What a route costs beside the request."""
    return COSTS.get((method, template), frozenset())
