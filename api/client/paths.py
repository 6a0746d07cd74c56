"""Where things lie. An id goes into a path as one step of it, whatever it holds."""

from urllib.parse import quote

API = "/api/v1"


def step(name: str) -> str:
    """A name as one step: `.` and `..` would be taken for the step before by whoever tidies paths."""
    return quote(name, safe="").replace(".", "%2E") if name.strip(".") == "" else quote(name, safe="")


def session_path(session: str) -> str:
    return f"{API}/sessions/{step(session)}"


def turn_path(session: str, turn_id: str) -> str:
    return f"{session_path(session)}/turns/{step(turn_id)}"


def player_path(player: str) -> str:
    return f"{API}/players/{step(player)}"
