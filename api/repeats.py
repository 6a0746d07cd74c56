"""A POST with an Idempotency-Key is done once, and answered again with what it was answered first.

As draft-ietf-httpapi-idempotency-key-header has it: the same key and the same request get the first answer, with
`Idempotent-Replayed: true`; another request with that key 422; one whose first is not answered yet 409. Every route has
this, as it is a layer above all of them; a turn alone is found by its own id (`api.routes.turns`), for as long as its
story is kept. An answer of 4xx or 5xx is not kept, so that the request can be sent again; what it may have done before it
failed is known by its `Try`. `PROMISES` says what holds where a process dies.
"""

import json
import re
from contextlib import suppress
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.errors import StoryError
from api.auth.caller import KEY, Caller
from api.bodies import body_of
from api.problems import session_in
from api.refusals import AnswerNotKept, InvalidRequest
from graphs.engine import StoryEngine
from graphs.repeats import LARGEST, Answer, Attempt

HEADER = "Idempotency-Key"
LONGEST = 255
PATTERN = r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"
"""A key, as HTTP hands it on: printable ASCII, without the spaces around it."""

REPLAYED = "Idempotent-Replayed"

UNKEPT = "/api/v1/auth/"
"""Below it requests hold passwords and answers hold tokens: not even a hash of these is kept, and a key says nothing."""

PROMISES = f"""
### Idempotency-Key

Every POST but those below `{UNKEPT}` takes an `{HEADER}`: 1 to {LONGEST} printable ASCII characters, best a UUID. Keys
belong to a method and a path and are remembered for 24 hours (`TTA_IDEMPOTENCY_TTL_S`); turns for as long as their story
is kept.

- The same key and body: the first answer again, status, body, `Location`, with `{REPLAYED}: true`. Nothing is done.
- The same key, another body or query: 422, `key_reused`.
- The first is not answered yet: 409, `request_in_progress`, with `Retry-After`. A turn is read along instead: somebody who
  has lost the connection hears the rest of it.
- Refusals and failures (4xx, 5xx) are not kept: the same key may be sent again. After a 5xx it stays with its body.
- Of a session or a character that is deleted nothing is kept: a key that began it begins another one.
- A store that cannot be asked: 503, and nothing is done.
- An answer of more than {LARGEST // 1024} KB, or one that says `Cache-Control: no-store` of its own accord, is not kept:
  sent again, 409, `answer_not_kept`, and nothing is done.

If a process dies between doing and answering, the key is free again at once or within a minute, and the next try finds
what the first one did: a turn is played once (a player's action in the story of the first try), a session begun once, a
branch and a character made once. Turns are taken back at most once: if the last turn is another one than before the first
try, nothing more is taken back, and the answer says where the story stands. To pause, to resume and to switch to a branch
is done again, which changes nothing unless the story has moved meanwhile.
"""

_TRY = "tta.try"
_KEY = re.compile(PATTERN)
_TURNS = re.compile(r"/api/v1/sessions/[^/]+/(?:turns|retry|agui)")
_KEPT = ("content-type", "content-length", "content-language", "location", "etag", "last-modified", "link")
_CHARACTER = re.compile(r"/api/v1/players/([^/]+)/characters/([^/]+)")
_STREAM = "text/event-stream"


class Tried(Protocol):
    """What a route may ask of the request that it answers (`graphs.repeats.Attempt`)."""

    @property
    def mark(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def again(self) -> bool: ...
    async def remember(self, note: str) -> str: ...


def _asking(scope: Scope) -> str:
    """Who asks, and what they may: one caller's keys are not another's, and who may do less now is answered anew."""
    caller = scope.get(KEY)
    if not isinstance(caller, Caller):
        return ""
    return " ".join([caller.kind, caller.name, caller.player, caller.role, *sorted(caller.scopes)])


class OnlyTry:
    """Of a request without a key: there was none before, and nothing is kept."""

    mark = note = ""
    again = False

    async def remember(self, note: str) -> str:
        return note


async def tried_of(request: Request) -> Tried:
    """The try at this request."""
    return request.scope.get(_TRY) or OnlyTry()


Try = Annotated[Tried, Depends(tried_of)]


def key_of(scope: Scope) -> str:
    """The request's key; empty where it has none. Raises InvalidRequest, which does not tell it."""
    given = Headers(scope=scope).getlist(HEADER)
    if not given:
        return ""
    if len(given) == 1 and len(given[0]) <= LONGEST and _KEY.fullmatch(given[0]):
        return given[0]
    message = f"one header of 1 to {LONGEST} printable ASCII characters"
    place = f"header.{HEADER.lower()}"
    faults = [{"place": place, "message": message}]
    raise InvalidRequest(f"{HEADER}: {message}", place=place, cure="Send a UUID.", faults=faults)


def plays_a_turn(path: str) -> bool:
    """Whether a POST there is a turn, which is known by its own id."""
    return bool(_TURNS.fullmatch(path))


class Repeats:
    """ASGI middleware, the innermost: whatever turns a request away has done so before it counts as tried."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = key_of(scope) if scope["type"] == "http" and scope["method"] == "POST" else ""
        if not key or plays_a_turn(scope["path"]) or scope["path"].startswith(UNKEPT):
            await self.app(scope, receive, send)
            return
        engine: StoryEngine = scope["app"].state.engine
        where = [scope["method"], scope["path"]]
        name = engine.repeats.name(_asking(scope), *where, key)
        request = json.dumps([*where, scope["query_string"].decode("latin-1")]).encode() + b"\n" + body_of(scope)
        async with engine.repeats.attempt(name, request) as attempt:
            if attempt.answer:
                await _replay(attempt.answer, send)
                return
            scope[_TRY] = attempt
            await self.app(scope, receive, _Kept(attempt, scope["path"], send))


class _Kept:
    """Sends an answer on once it is kept, so that whatever a client has seen it can see again."""

    def __init__(self, attempt: Attempt, path: str, send: Send) -> None:
        self._attempt, self._path, self._send = attempt, path, send
        self._held: list[Message] = []
        self._size = 0
        self._through = False

    async def __call__(self, message: Message) -> None:
        if self._through:
            await self._send(message)
            return
        self._held.append(message)
        self._size += len(message.get("body", b""))
        start, kind = self._held[0], message["type"]
        headers = Headers(raw=start["headers"])
        streamed = headers.get("content-type", "").startswith(_STREAM)
        passes = (
            streamed
            or "no-store" in headers.get("cache-control", "")
            or self._size > LARGEST
            or kind not in ("http.response.start", "http.response.body")
        )
        whole = kind == "http.response.body" and not message.get("more_body", False)
        if passes or whole:
            # What is done is done: that it cannot be kept is no reason to say it was not.
            with suppress(StoryError):
                await self._settle(start, whole=not passes)
            self._through = True
            for held in self._held:
                await self._send(held)

    async def _settle(self, start: Message, *, whole: bool) -> None:
        status: int = start["status"]
        if status < 400:
            body = b"".join(message.get("body", b"") for message in self._held) if whole else None
            headers = Headers(raw=start["headers"])
            kept = tuple((name, headers[name]) for name in _KEPT if name in headers)
            place = headers.get("location", "")
            about = session_in(self._path) or session_in(place)
            if found := _CHARACTER.fullmatch(place):
                about = "/".join(found.groups())
            await self._attempt.keep(Answer(status, kept, body), about)
        elif status < 500:
            await self._attempt.drop()


async def _replay(answer: Answer, send: Send) -> None:
    if answer.body is None:
        raise AnswerNotKept("That was done before, and its answer is not kept", cure="Look at what there is now.")
    headers: list[tuple[bytes, bytes]] = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((REPLAYED.lower().encode(), b"true"))
    start: dict[str, Any] = {"type": "http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})
