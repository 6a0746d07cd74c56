"""What can go wrong on the way to a server, beside what the server itself says.

StoryError
├── StoreUnavailable
│   ├── ServerGone      nobody answers there, or the connection breaks           exit 1
│   └── ServerSilent    somebody took the request and says nothing               exit 1
├── ForeignAnswer       an answer that is none of TTA's: a proxy's page, no JSON exit 1
└── Refused             a problem of the API's own: login, limits, media types   exit 1
    └── LoginNeeded     401                                                      exit 1

For whoever plays elsewhere the server is the store, so a script ends where it is gone. What the server says in a problem
(RFC 9457) becomes the error of `agents.errors` with that `code`; `help` is kept whatever the status.
"""

import json
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import httpx

from agents.errors import StoreUnavailable, StoryError, error_of
from agents.safety.clean import clean

LONGEST = 500
"""Characters of a server's own words that are told on."""

AWAY = (502, 503, 504)
"""What a proxy answers for a server that is away."""


LIMITED = "rate_limited"
"""The code of what is above a limit: nothing was done, and it may be asked again."""


class ServerGone(StoreUnavailable):
    title = "The server is not reachable"


class ServerSilent(StoreUnavailable):
    status = 504
    title = "The server does not answer"


class ForeignAnswer(StoryError):
    status = 502
    title = "The answer is none of TTA's"


class Refused(StoryError):
    """A refusal that only the API knows; `code`, `status` and `title` are the server's."""

    def __init__(
        self, cause: str, *, code: str = "refused", status: int = 500, title: str = "", cure: str = ""
    ) -> None:
        super().__init__(cause, cure=cure)
        self._code, self.status, self.title = code, status, title or self.title

    @property
    def code(self) -> str:
        return self._code


class LoginNeeded(Refused):
    title = "Log in first"


def error_from(problem: dict[str, Any], *, status: int = 0) -> StoryError:
    """The error that a problem tells of: its members in place, its help kept."""
    code, cause = _said(problem, "code"), _said(problem, "detail") or _said(problem, "title")
    told = problem.get("status")
    status = status or (told if isinstance(told, int) else 500)
    error = error_of(code, cause)
    if error.code != code:
        kind = LoginNeeded if status == HTTPStatus.UNAUTHORIZED else Refused
        error = kind(cause, code=code, status=status, title=_said(problem, "title"))
    error.cure, error.place = _said(problem, "cure"), _said(problem, "place")
    choices = problem.get("choices")
    error.choices = tuple(clean(str(choice))[:LONGEST] for choice in choices) if isinstance(choices, list) else ()
    found = problem.get("help")
    error.help = found if isinstance(found, dict) else None
    return error


def error_of_answer(response: httpx.Response) -> StoryError:
    """The error of an answer that is no success and was read. It need not come from a TTA: it may be a proxy's page."""
    problem = _json(response)
    if isinstance(problem, dict) and isinstance(problem.get("code"), str):
        return error_from(problem, status=response.status_code)
    status = response.status_code
    if status in AWAY:
        return ServerGone(f"Whatever stands before the server answers {status}", cure="Try again in a moment.")
    if response.is_redirect:
        return ForeignAnswer(
            f"The server answers {status} and sends elsewhere", cure="Give the address to which it sends; with https?"
        )
    return not_ours(response)


def not_ours(response: httpx.Response) -> ForeignAnswer:
    """The error of an answer that no TTA gives."""
    media = clean(response.headers.get("content-type", "")).partition(";")[0][:60] or "no media type"
    return ForeignAnswer(
        f"What answers there is no TTA ({response.status_code}, {media})",
        cure="Check the address: that of the server alone, such as http://127.0.0.1:8000.",
    )


def error_of_transport(error: httpx.HTTPError, host: str) -> StoryError:
    """What the network did. Its own words may hold addresses of proxies: they are not told."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return ServerSilent(f"{host} cannot be reached in time", cure="Check the address and the network.")
    if isinstance(error, httpx.TimeoutException):
        return ServerSilent(f"{host} takes too long to answer", cure="Try again; what was sent is not done twice.")
    if isinstance(error, httpx.ConnectError):
        return ServerGone(f"Nobody answers at {host}", cure="Start it with `tta serve`, or check the address.")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.DecodingError):
        return ForeignAnswer(f"What answers at {host} speaks no HTTP that is understood", cure="Check the address.")
    return ServerGone(f"The connection to {host} broke", cure="Try again; what was sent is not done twice.")


def retry_after(response: httpx.Response) -> float | None:
    """The seconds that an answer asks to wait (RFC 9110, 10.2.3); None where it says none that is a number."""
    with suppress(ValueError):
        return max(0.0, float(int(response.headers.get("retry-after", ""))))
    return None


def _json(response: httpx.Response) -> Any:
    with suppress(json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return response.json()
    return None


def _said(problem: dict[str, Any], member: str) -> str:
    """A member that is text, fit for a terminal."""
    found = problem.get(member)
    return clean(found)[:LONGEST] if isinstance(found, str) else ""
