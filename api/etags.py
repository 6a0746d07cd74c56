"""Entity tags (RFC 9110, 8.8.3): a client that has a session as it is now need not get it, and changes none that
moved on.
"""

import hashlib
from typing import TypeVar

from fastapi import Response
from pydantic import BaseModel

Shown = TypeVar("Shown", bound=BaseModel)


def etag(shown: BaseModel) -> str:
    """The strong tag of an answer: of every character that is sent."""
    return f'"{hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:32]}"'


def names(header: str, tag: str) -> bool:
    """Whether `If-Match` or `If-None-Match` names that tag; `*` names any. Weak forms count: a proxy may have made them."""
    given = [one.strip().removeprefix("W/") for one in header.split(",")]
    return "*" in given or tag in given


def tagged(response: Response, shown: Shown) -> Shown:
    """The answer, with its tag in the response's headers."""
    response.headers["ETag"] = etag(shown)
    return shown
