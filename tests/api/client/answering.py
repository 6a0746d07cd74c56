"""A client whose server gives the answers that it is told to give."""

from typing import Any

import httpx
from patient import Told

from api.client import Bearer, Client
from api.client.logins import Login
from api.client.wire import Wire


def problem(code: str, status: int, *, headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
    body = {"code": code, "status": status, "detail": "That is how it stands", "cure": "Mend it.", **members}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json", **(headers or {})})


def client_of(*answers: httpx.Response | Exception, login: Login | None = None, told: Told | None = None, total_s: float = 60.0) -> tuple[Client, list[httpx.Request]]:  # fmt: skip
    """A client whose server gives these answers, one after the other, and what it was asked."""
    left, asked = list(answers), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://localhost:8000")
    return Client(Wire(http, login or Bearer(), (told or Told()).patience(total_s=total_s))), asked
