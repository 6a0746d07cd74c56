"""A query parameter that an operation does not have is refused: misspelt, it would be passed over, and 200 be said to it."""

from typing import Any

from fastapi import params
from fastapi.dependencies.utils import get_flat_params
from starlette.requests import HTTPConnection

from api.problems import hidden
from api.refusals import InvalidRequest

_API = "/api/"
"""Elsewhere (`/metrics`, `/health`) whoever collects figures may add parameters of their own."""


async def know_query(connection: HTTPConnection) -> None:
    """A dependency of the whole app. Raises InvalidRequest, with the parameters that there are."""
    route: Any = connection.scope.get("route")
    if connection.scope["type"] != "http" or not connection.scope["query_string"]:
        return
    if not str(getattr(route, "path", "")).startswith(_API):
        return
    known = _names(route)
    for name in connection.query_params:
        if name not in known:
            fault = {"place": "query", "message": f"there is no parameter '{hidden(name[:64])}' here"}
            raise InvalidRequest(
                f"Query: {fault['message']}",
                place="query",
                cure="Name one of these."
                if known
                else "Leave it out, or put it where the operation takes it: see /docs.",
                choices=sorted(known),
                faults=[fault],
            )


def _names(route: Any) -> frozenset[str]:
    """What a route and all that it depends on take of a query. A route cannot be hashed: its path and methods can."""
    key = (route.path, *sorted(route.methods))
    if key not in _known:
        fields = get_flat_params(route.dependant)
        _known[key] = frozenset(field.alias for field in fields if isinstance(field.field_info, params.Query))
    return _known[key]


_known: dict[tuple[str, ...], frozenset[str]] = {}
