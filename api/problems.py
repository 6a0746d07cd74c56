"""Every error as an RFC 9457 problem (`application/problem+json`), translated once, on the way out.

A problem that answers a person at risk carries `help`, the crisis resources, whatever its status is.
"""

import asyncio
import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agents.errors import (
    RequestInProgress,
    SessionPaused,
    StoreUnavailable,
    StoryError,
    TurnInProgress,
    UnknownSession,
)
from agents.safety.crisis import response
from agents.safety.redaction import Redaction
from agents.safety.screen import Screen
from api.agui import MEDIA_TYPE as EVENTS
from api.agui import refused
from api.auth.caller import KEY
from api.bodies import body_of, kept, spoken
from api.refusals import AccessRefused, GrantRefused, HeldText, HttpError, InvalidRequest, UnknownRoute, WrongMethod
from api.runs import is_run
from api.schemas import ID_PATTERN

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "tta.request_id"
"""The key of the request's id in the ASGI scope."""

_METHODS = frozenset({"get", "put", "post", "delete", "patch"})
_SHOWN_FAULTS = 10
_SESSION = re.compile(rf"/api/v1/sessions/({ID_PATTERN.strip('^$')})(?:/|$)")
_MADE = re.compile(r"\b(0[0-9a-f]{31}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
"""The ids of `graphs.clock`, which begin with the time in milliseconds, and UUIDs."""

_CURES: dict[type[StoryError], str] = {
    UnknownSession: "Check the id, or begin a session with `POST /api/v1/sessions`.",
    SessionPaused: "Go on with `POST /api/v1/sessions/{session}/resume` when the player is ready.",
}
"""What a client can do where the error itself names a command."""


def problem(error: StoryError, scope: Scope | None = None) -> dict[str, Any]:
    """The members of a problem; those that would be empty are left out."""
    # Session ids open sessions as long as there is no login: they are not told to whoever guesses.
    choices = [] if isinstance(error, UnknownSession) else list(error.choices)
    cure = next((said for kind, said in _CURES.items() if isinstance(error, kind)), error.cure)
    members: dict[str, Any] = {
        "type": f"urn:tta:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        # A name or a path that is told back may be an e-mail address; proxies and clients log problems.
        "detail": error.cause if isinstance(error, InvalidRequest) else hidden(error.cause),
        "instance": hidden(scope["path"]) if scope else "",
        "code": error.code,
        "cure": cure,
        "place": error.place,
        "choices": choices,
        "errors": error.faults if isinstance(error, InvalidRequest) else [],
        "request_id": scope.get(REQUEST_ID, "") if scope else "",
        "help": error.help,
        **(error.members if isinstance(error, AccessRefused) else {}),
    }
    return {key: value for key, value in members.items() if value or key in ("status", "detail")}


def hidden(text: str) -> str:
    """Personal data and keys are not told back; an id that we made, or a UUID, looks like a key and is none."""
    redaction = Redaction()
    # An address may hold a slash: a path is looked at step by step, so that what leads to one stays.
    parts = [part for step in re.split("(/)", text) for part in _MADE.split(step)]
    return "".join(part if part == "/" or _MADE.fullmatch(part) else redaction.hide(part) for part in parts)


async def answer(scope: Scope, error: StoryError, headers: Mapping[str, str] | None = None) -> Response:
    """The response to a request that is turned away, with help where its text is that of a person at risk.

    A client of AG-UI shows its user no problem, so one that carries help is told as a run, with 200.
    """
    if error.help is None:
        error.help = await find_help(scope, error)
    if error.help and _reads_runs(scope):
        path = str(scope["path"])
        return Response(refused(problem(error, scope), session_in(path), body_of(scope)), media_type=EVENTS)
    wait = {"Retry-After": "1"} if isinstance(error, TurnInProgress | RequestInProgress | StoreUnavailable) else {}
    wait |= error.headers if isinstance(error, AccessRefused) else {}
    media = "application/json" if isinstance(error, GrantRefused) else MEDIA_TYPE  # RFC 6749 says so
    return JSONResponse(problem(error, scope), error.status, headers={**wait, **(headers or {})}, media_type=media)


def _reads_runs(scope: Scope) -> bool:
    return is_run(str(scope.get("path", ""))) and EVENTS in Headers(scope=scope).get("accept", "")


async def find_help(scope: Scope, error: StoryError) -> dict[str, Any] | None:
    """The resources that the text of a request calls for, read by the same pure screen that reads actions."""
    try:
        text = spoken(scope)
    except Exception:  # whatever is wrong with how it is read must not cost anybody the help
        text = body_of(scope).decode("utf-8", "replace")
    return await help_for(scope, text, error)


async def help_for(scope: Scope, text: str, error: StoryError) -> dict[str, Any] | None:
    """The resources that a text calls for; None where it calls for none. Words that no turn answers pause nothing.

    The safety audit notes what was screened, unless it has it already, or nobody knows who asks: with a login, strangers
    neither fill the audit nor ring its webhook.
    """
    if not text:
        return None
    engine = getattr(scope["app"].state, "engine", None)
    verdict = await asyncio.to_thread(screen_of(scope).action, text)
    # What is merely refused as a name is not turned away here.
    if engine and KEY in scope and not error.audited and (verdict["tier"] != "none" or not isinstance(error, HeldText)):
        error.audited = True
        engine.note_turned_away(verdict, text, error.code, session_in(str(scope.get("path", ""))))
    locale = engine.settings.locale if engine else ""
    return None if verdict["tier"] == "none" else dict(response(verdict["tier"], locale, paused=False))


def screen_of(scope: Scope) -> Screen:
    """The engine's, and one of its own before there is an engine."""
    engine = getattr(scope["app"].state, "engine", None)
    return engine.screen if engine else _screen()


class Words:
    """ASGI middleware: a title, a name, an id or a key that is a cry for help is answered and not kept.

    What a player does (`action`) is left to the story, which answers it as a turn.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            await held(scope, kept(scope))
        await self.app(scope, receive, send)


async def held(scope: Scope, text: str) -> None:
    """Raises HeldText, with the resources, for a text that is a cry for help where none is kept."""
    error = HeldText("That is no title, no name and no key", cure="Look at `help` first.")
    error.help = await help_for(scope, text, error)
    if error.help:
        raise error


def session_in(path: str) -> str:
    """What a path has in the place of a session's id; the engine looks whether it is one."""
    found = _SESSION.match(path)
    return found[1] if found else ""


@lru_cache(maxsize=1)
def _screen() -> Screen:
    return Screen.load()


def of_validation(error: RequestValidationError) -> StoryError:
    """What did not fit the schema, each field by its place; never what was sent in it."""
    faults = [
        {
            # Part by part: `body.name` would be taken for the address of a site.
            "place": ".".join(hidden(str(part)[:64]) for part in fault["loc"]),
            "message": hidden(str(fault["msg"]).removeprefix("Value error, ")),
        }
        for fault in list(error.errors())[:_SHOWN_FAULTS]
    ]
    first = faults[0] if faults else {"place": "", "message": "the request does not fit"}
    more = f" ({len(faults) - 1} more in errors)" if len(faults) > 1 else ""
    return InvalidRequest(
        f"{first['place']}: {first['message']}{more}".removeprefix(": "),
        place=first["place"],
        cure="Compare the request with /docs.",
        faults=faults,
    )


def of_http(error: HTTPException) -> StoryError:
    """What the framework refuses."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return UnknownRoute("There is nothing at this path", cure="See /docs for the paths that there are.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return WrongMethod("The path does not take this method", cure="See the Allow header and /docs.")
    return HttpError(HTTPStatus(error.status_code).phrase, status=error.status_code)


def allowed(app: FastAPI, path: str) -> str:
    """The methods of a path (RFC 9110, 10.2.1). The framework would name those of the first of its routes alone."""
    methods: set[str] = set()
    for template, operations in app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template)), path):
            methods |= {name.upper() for name in operations if name in _METHODS}
    return ", ".join(sorted(methods))


def install(app: FastAPI) -> None:
    """Makes every refusal of the app's routes a problem. What is no refusal is caught in `api.requests`."""

    async def on_story(request: Request, error: Exception) -> Response:
        assert isinstance(error, StoryError)
        return await answer(request.scope, error)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return await answer(request.scope, of_validation(error))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = allowed(app, request.url.path) or headers.get("Allow", "")
        return await answer(request.scope, of_http(error), headers)

    app.add_exception_handler(StoryError, on_story)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
