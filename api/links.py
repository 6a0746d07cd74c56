"""What of one answer names the place of the next request: OpenAPI's `links`, for whoever walks the API as described."""

from typing import Any

_MADE: dict[str, tuple[str, str, dict[str, str]]] = {
    "session": ("/api/v1/sessions", "201", {"session": "$response.body#/session"}),
    "turn_id": (
        "/api/v1/sessions/{session}/turns",
        "201",
        {"session": "$request.path.session", "turn_id": "$response.body#/turn_id"},
    ),
    "character": (
        "/api/v1/players/{player}/characters",
        "201",
        {"player": "$request.path.player", "character": "$response.body#/character"},
    ),
    "name": (
        "/api/v1/sessions/{session}/branches",
        "201",
        {"session": "$request.path.session", "name": "$response.body#/name"},
    ),
}
"""By the last of a path's parameters: whose POST makes what it names, with which status, and where its parts stand."""


def add_links(paths: dict[str, Any]) -> None:
    """Adds to each answer that makes something the operations on it."""
    for path, operations in paths.items():
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        if not names or names[-1] not in _MADE:
            continue
        source, status, parameters = _MADE[names[-1]]
        answer = paths[source]["post"]["responses"][status]
        for method in operations:
            operation = operations[method]["operationId"]
            answer.setdefault("links", {})[operation] = {"operationId": operation, "parameters": parameters}
