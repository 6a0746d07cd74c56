"""Every route has its price in a table here: a new one that has no line fails, so that somebody has thought of it."""

from test_roles import TABLE as ROUTES
from test_roles import routes_of

from api.app import build_app
from api.costs import COSTS, FREE, STREAMED, WRITES, costs_of

SESSION, PLAYER = "/api/v1/sessions/{session}", "/api/v1/players/{player}"

TABLE: dict[tuple[str, str], set[str]] = {
    ("POST", "/api/v1/sessions"): {"session"},
    ("POST", SESSION + "/turns"): {"turn", "stream"},
    ("POST", SESSION + "/retry"): {"turn", "stream"},
    ("POST", SESSION + "/agui"): {"turn", "stream"},
    ("GET", SESSION + "/turns/{turn_id}/events"): {"stream"},
    ("POST", PLAYER + "/actions"): {"turn"},
    ("WEBSOCKET", SESSION + "/play"): {"turn", "stream"},
    # A request and no more: they change what there is, and begin nothing that a model tells.
    ("POST", "/api/v1/auth/token"): set(),
    ("POST", "/api/v1/auth/revoke"): set(),
    ("POST", "/api/v1/worlds/validate"): set(),
    ("PATCH", SESSION): set(),
    ("DELETE", SESSION): set(),
    ("POST", SESSION + "/pause"): set(),
    ("POST", SESSION + "/resume"): set(),
    ("DELETE", SESSION + "/turns/{turn_id}"): set(),
    ("POST", SESSION + "/branches"): set(),
    ("DELETE", SESSION + "/branches/{name}"): set(),
    ("POST", SESSION + "/branches/{name}/switch"): set(),
    ("POST", SESSION + "/undo"): set(),
    ("PATCH", PLAYER): set(),
    ("DELETE", PLAYER): set(),
    ("POST", PLAYER + "/characters"): set(),
    ("PATCH", PLAYER + "/characters/{character}"): set(),
    ("DELETE", PLAYER + "/characters/{character}"): set(),
}


def test_every_route_that_changes_something_has_its_line_and_what_only_reads_is_a_request() -> None:
    for method, path in routes_of(build_app()):
        expected = TABLE[(method, path)] if method in {*WRITES, "WEBSOCKET"} else TABLE.get((method, path), set())
        assert costs_of(method, path) == expected, (method, path)


def test_the_table_names_no_route_that_is_not_there() -> None:
    there = set(routes_of(build_app()))
    assert set(COSTS) <= there
    assert {("GET", path) for path in FREE} <= there
    assert {("POST", path) for path in STREAMED} <= there
    assert there == set(ROUTES)
