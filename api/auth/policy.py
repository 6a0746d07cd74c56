"""What each route needs, and whose session it is: the one place that decides. What no line here knows is the operator's.

`Logins` (ASGI middleware) knows the caller before anything else answers; `Doors` turns away who has to log in first, once
the body is read, for no one in danger gets only an error page; `admit` (a dependency of the whole app) compares caller and
route. A session of somebody else is not forbidden but unknown: ids are not confirmed to whoever guesses.
"""

import re
from typing import Any, Literal

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from agents.errors import StoryError, UnknownSession
from api.auth.caller import KEY, LOCAL, Caller
from api.auth.guard import Guard, bearer_of
from api.refusals import Forbidden, Unauthorized, UnknownRoute
from api.schemas import ID_PATTERN
from graphs.access.roles import Scope as Ability
from graphs.engine import StoryEngine

Need = Ability | Literal["open", "login"]
"""A scope; `open`: nobody has to log in; `login`: anybody who has."""

NEEDS: dict[tuple[str, str], Need] = {
    ("GET", "/"): "open",
    ("GET", "/docs"): "open",
    ("GET", "/docs/assets/{name}"): "open",
    ("GET", "/openapi.json"): "open",
    ("GET", "/health/live"): "open",
    ("GET", "/health/ready"): "open",
    ("POST", "/api/v1/auth/token"): "open",
    ("POST", "/api/v1/auth/revoke"): "open",
    ("GET", "/api/v1/auth/me"): "login",
    ("GET", "/metrics"): "metrics",
    ("GET", "/api/v1/worlds"): "read",
    ("POST", "/api/v1/worlds/validate"): "author",
    ("POST", "/api/v1/sessions"): "play",
    ("GET", "/api/v1/sessions"): "read",
}

ME = "me"
"""In the place of a player's id: whoever asks."""

CREDENTIAL = "tta.credential"
"""Where the scope of a socket has what let it in, to be looked at again."""

REFUSAL = "tta.refusal"
"""Where the scope has why a request is turned away once its body is read."""

BEARER = "bearer."
"""A subprotocol that begins so is a token: `new WebSocket(url, ["tta", "bearer.TOKEN"])`."""

_OPEN = re.compile(r"/|/docs|/docs/assets/[^/]+|/openapi\.json|/health/(?:live|ready)|/api/v1/auth/(?:token|revoke)")
_SESSION = "/api/v1/sessions/{session}"
_PLAYER = "/api/v1/players/{player}"
_PLAY = _SESSION + "/play"
_PLAY_PATH = re.compile(r"/api/v1/sessions/[^/]+/play")


def need_of(method: str, template: str) -> Need:
    """What a route needs. Below a session: to read is `read`, to change is `play`; what a player has not found
    out yet, as facts and traces tell it, is an author's.
    """
    method = "GET" if method == "HEAD" else method
    if known := NEEDS.get((method, template)):
        return known
    if template == _PLAYER or template.startswith(_PLAYER + "/"):
        return "read" if method == "GET" else "play"
    if template == _SESSION or template.startswith(_SESSION + "/"):
        if re.search(r"/(?:facts|traces?|replay|diff)(?:/|$)", template):
            return "author"
        return "read" if method == "GET" else "play"
    return "operate"


class Logins:
    """ASGI middleware, before the body is read: who asks stands in the scope from here on, or why nobody does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                await _welcome(scope)
            except StoryError as error:
                scope[REFUSAL] = error
        await self.app(scope, receive, send)


class Doors:
    """ASGI middleware, behind the body: whom `Logins` did not know, or `api.tolls` lets in no more, is turned away here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if error := scope.get(REFUSAL):
            raise error
        await self.app(scope, receive, send)


async def _welcome(scope: Scope) -> None:
    guard = guard_of(scope)
    path = str(scope.get("path", ""))
    if guard.rules.mode == "none":
        scope[KEY] = LOCAL
    elif _OPEN.fullmatch(path):
        return  # whatever it carries is none of ours, or the token endpoint's
    elif credential := _credential(scope):
        scope[KEY], scope[CREDENTIAL] = await guard.caller(credential), credential
    elif not _may_say_later(scope):
        raise Unauthorized("This needs a login")


def _credential(scope: Scope) -> str | None:
    """What the request carries. A browser's socket can send no header of its own but the names of subprotocols."""
    given = bearer_of(Headers(scope=scope))
    if given is None and scope["type"] == "websocket":
        offered = [each for each in scope.get("subprotocols", ()) if each.startswith(BEARER)]
        given = offered[0].removeprefix(BEARER) if len(offered) == 1 else None
    return given


def _may_say_later(scope: Scope) -> bool:
    """A socket for play may be connected first: its first message is then the token (`api.sockets`), or nothing is told."""
    return scope["type"] == "websocket" and bool(_PLAY_PATH.fullmatch(str(scope.get("path", ""))))


async def admit(connection: HTTPConnection) -> None:
    """Lets in whoever may. Raises Unauthorized, Forbidden, UnknownSession, StoreError."""
    scope = connection.scope
    need = need_of(str(scope.get("method", "WEBSOCKET")), str(getattr(scope.get("route"), "path", "")))
    if need == "open":
        return
    caller = scope.get(KEY)
    if not isinstance(caller, Caller):
        if _may_say_later(scope) and scope["route"].path == _PLAY:
            return  # it has `admit_later` called
        raise Unauthorized("This needs a login")
    await check_reach(scope, caller, need, connection.path_params)


async def admit_later(scope: Scope, token: str, session: str) -> None:
    """Lets a socket in that has said its token now. Raises as `admit` does."""
    caller = await guard_of(scope).caller(token)
    await check_reach(scope, caller, "play", {"session": session})
    scope[KEY], scope[CREDENTIAL] = caller, token


async def admit_again(scope: Scope, session: str) -> None:
    """Whether whoever was let in may still: a socket may outlive its token. Raises as `admit` does."""
    if credential := scope.get(CREDENTIAL):
        await admit_later(scope, credential, session)


async def check_reach(scope: Scope, caller: Caller, need: Need, asked: dict[str, Any]) -> None:
    """Whether that caller may do that with what the path names. Raises Forbidden, UnknownSession, StoreError."""
    if need not in ("open", "login") and not caller.may(need):
        raise Forbidden(f"That needs the scope {need}", need=need)
    if caller.everywhere:
        return
    if "player" in asked and asked["player"] != ME and not caller.owns(str(asked["player"])):
        raise UnknownRoute("There is nothing at this path", cure="See /docs for the paths that there are.")
    if "session" in asked:
        await _check_owner(scope["app"].state.engine, caller, str(asked["session"]))


async def _check_owner(engine: StoryEngine, caller: Caller, session: str) -> None:
    """Raises UnknownSession, the same for what is another's and what is not there."""
    owned = re.fullmatch(ID_PATTERN, session) and caller.owns((await engine.session(session))["player"])
    if not owned:
        raise UnknownSession(f"There is no session '{session[:64]}'")


def guard_of(scope: Scope) -> Guard:
    """The guard of the app."""
    guard: Guard = scope["app"].state.guard
    return guard


def whose(caller: Caller, asked: str | None) -> str | None:
    """Whose sessions are listed: an operator's callers may ask for anybody's or everybody's (None). Raises Forbidden."""
    return asked if caller.everywhere else player_for(caller, asked)


def player_for(caller: Caller, asked: str | None) -> str:
    """As whom a session is begun: an operator's callers for anybody, everybody else as themselves. Raises Forbidden."""
    if asked is None:
        return caller.player
    if not caller.owns(asked):
        raise Forbidden("That can be done only as yourself", need="operate")
    return asked
