"""Reading request bodies: bounded in size and time, kept so that a refusal can look after whoever wrote them.

A body is read whole before anything judges the request, because no one in danger gets an error page: whatever turns
the request away, `spoken` gives the safety screen what the person said, however badly it was packed.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.errors import InvalidInput
from agents.safety.topics import is_named
from api.messages import MESSAGE_TYPES
from api.refusals import FORM_CURE, JSON_CURE, BodyTooLarge, BodyTooSlow, InvalidJson, WrongMediaType
from api.runs import RUN_LIMIT, is_run, names_in, near_the_last, unanswered
from api.shapes import Request
from api.unpacked import check_json, every, inflated, once

BODY_LIMIT = 64 * 1024
"""Largest body in bytes: thirty times the longest action."""

SCREENED = 256 * 1024
"""How much of a body that is too large is still kept to be read for danger, by its head and its tail."""

DRAINED = 4 * 1024 * 1024
"""How much of it is taken from the wire, so that an ordinary client gets to read the answer."""

BODY_S = 20.0
"""Longest wait for a whole body."""

MESSAGE_CURE = 'Send a JSON object in UTF-8, such as {"type": "action", "action": "look around"}.'

_PLAYED = ("/turns", "/play", "/actions")
"""Where an action is played: the story answers it."""

UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
"""What clients name things with, and ids of turns."""

_ID = re.compile(rf"{UUID.pattern}|[0-9a-f]{{16}}", re.IGNORECASE)
"""Any id of ours. No words: beside others one in twenty looks like one (dead, bad, dad)."""

FORMS = ("/api/v1/auth/token", "/api/v1/auth/revoke")
"""Where a body is a form, and no JSON. Nothing of it is kept."""

_KEY = "tta.body"
_NAMING = (b"idempotency-key", b"last-event-id", b"x-request-id")
_BODIED = ("POST", "PUT", "PATCH", "DELETE")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": " ", "f": " "}


class Bodies:
    """ASGI middleware: reads the body, refuses what is not JSON in UTF-8 of bounded size, hands the rest on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _BODIED:
            await self.app(scope, receive, send)
            return
        raw = await _read(scope, receive)
        if raw:
            _check(raw, Headers(scope=scope), form=scope["path"] in FORMS)
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": raw, "more_body": False}

        await self.app(scope, replay, send)


async def _read(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises BodyTooLarge, BodyTooSlow, ClientDisconnect; what came is kept in the scope."""
    kept, size, more = bytearray(), 0, True
    limit = RUN_LIMIT if is_run(str(scope["path"])) else BODY_LIMIT
    scope[_KEY] = kept
    try:
        async with asyncio.timeout(BODY_S):
            while more and size <= DRAINED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                _keep(kept, chunk, limit)
                more = message.get("more_body", False)
    except TimeoutError:
        raise BodyTooSlow(f"The body was not complete after {BODY_S:.0f} seconds", cure="Send it again.") from None
    if size > limit:
        raise BodyTooLarge(f"The body has more than {limit} bytes", cure="Send less at a time.")
    return bytes(kept)


def _keep(kept: bytearray, chunk: bytes, limit: int) -> None:
    """Of a body that is too large its beginning and its end are kept: in a run the newest message stands there."""
    most = max(limit, SCREENED)
    kept += chunk
    if len(kept) > most:
        del kept[most // 2 : len(kept) - most // 2]


def body_of(scope: Scope) -> bytes:
    """The body as it was sent, of a request that came past `Bodies`."""
    return bytes(scope.get(_KEY, b""))


def _check(raw: bytes, headers: Headers, *, form: bool) -> None:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if form and media != "application/x-www-form-urlencoded":
        raise WrongMediaType("The body is not declared as a form", cure=FORM_CURE)
    if not form and media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise WrongMediaType("The body is not declared as application/json", cure=JSON_CURE)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise WrongMediaType("The body is compressed", cure="Send it as it is.")
    if not form:
        check_json(raw)


def hold_message(scope: Scope, raw: bytes) -> None:
    """A message of a socket takes the place of the body. Raises BodyTooLarge, and what `check_json` raises."""
    kept = scope[_KEY] = bytearray()
    _keep(kept, raw, BODY_LIMIT)
    if len(raw) > BODY_LIMIT:
        raise BodyTooLarge(f"The message has more than {BODY_LIMIT} bytes", cure="Send less at a time.")
    try:
        check_json(raw)
    except InvalidInput as error:
        error.cure = MESSAGE_CURE
        raise


def spoken(scope: Scope) -> str:
    """All text that a request holds, in every reading that makes sense of it; empty where it holds none."""
    raw = bytes(scope.get(_KEY, b""))
    query = bytes(scope.get("query_string", b""))[:SCREENED]
    readings = [_in_path(str(scope.get("path", ""))), _in_headers(scope)]
    if query:
        readings.append(unquote_plus(query.decode("latin-1"), errors="replace"))
    raw = inflated(raw, Headers(scope=scope).get("content-encoding", "").lower(), SCREENED)
    if raw and is_run(str(scope.get("path", ""))):
        readings += _of_run(raw)
    elif raw:
        readings += _readings(raw)
    return "\n".join(dict.fromkeys(reading for reading in readings if reading))


def _of_run(raw: bytes) -> list[str]:
    """The player's words in a run: what it tells again of the conversation was read when it was new."""
    text = raw.decode("utf-8", errors="replace")
    try:
        return list(_strings(unanswered(json.loads(text, object_pairs_hook=once))))
    except (ValueError, RecursionError):
        return [*_read_as(near_the_last(text)), *_readings(raw)]


def _in_path(path: str) -> str:
    """What a path says: it may be quoted twice, and words are joined in it by whatever is no letter."""
    return " ".join(re.split(r"[/_+.-]+", unquote_plus(path[:SCREENED], errors="replace")))


def kept(scope: Scope) -> str:
    """The text of a request that would be kept, or looked for, without being played: all but the action of a turn."""
    raw, named = bytes(scope.get(_KEY, b"")), _in_headers(scope)
    if not raw or scope.get("path") in FORMS:
        return named
    body: Any = json.loads(raw)  # it was checked as it was read
    if isinstance(body, dict) and is_run(str(scope.get("path", ""))):
        body = names_in(body)
    elif isinstance(body, dict) and str(scope.get("path", "")).endswith(_PLAYED):
        body = {key: value for key, value in body.items() if key != "action"}
    elif isinstance(body, dict):
        body = _without_topics(body)
        if isinstance(preferences := body.get("preferences"), dict):
            body["preferences"] = _without_topics(preferences)
    try:
        return "\n".join([named, *(text for text in _strings(body) if not _ID.fullmatch(text))]).strip()
    except RecursionError:
        raise InvalidJson("The body is nested too deep", cure=JSON_CURE) from None


def _without_topics(body: dict[str, Any]) -> dict[str, Any]:
    """The name of a topic to avoid is no cry for help; whatever else stands there is read."""
    asked = body.get("avoid")
    if not isinstance(asked, list):
        return dict(body)
    return {**body, "avoid": [each for each in asked if not (isinstance(each, str) and is_named(each))]}


def _in_headers(scope: Scope) -> str:
    """What the headers say in which a client may name something: as it is sent, and with its words set apart."""
    named = (value[:SCREENED].decode("latin-1") for name, value in scope.get("headers", []) if name in _NAMING)
    sent = [text for text in named if not _ID.fullmatch(text)]
    return "\n".join([*sent, *(_in_path(value) for value in sent)])


def _readings(raw: bytes) -> list[str]:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):  # the mark of UTF-16, or two bytes before something else
        return [*_read_as(raw.decode("utf-16", errors="replace")), *_read_as(raw[2:].decode("utf-8", errors="replace"))]
    return _read_as(raw.decode("utf-8", errors="replace"))


def _read_as(text: str) -> list[str]:
    if "\x00" in text:
        text = text.replace("\x00", "")  # UTF-16 or UTF-32 without a mark: the letters are what is left
    try:
        return list(_strings(json.loads(text, object_pairs_hook=every)))
    except (ValueError, RecursionError):
        unescaped = _ESCAPE.sub(_unescaped, text)
        return [text, unescaped, unquote_plus(text, errors="replace")]


def _unescaped(found: "re.Match[str]") -> str:
    """The character that a JSON escape stands for; of one that JSON does not know, what was escaped."""
    return chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2])


def _strings(value: Any) -> Iterator[str]:
    """Every string within a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _fields():
                # Our own names are no words of anybody's; of a message's type only one that is none is read.
                named = key == "type" and isinstance(item, str) and item in MESSAGE_TYPES
                yield from () if named else _strings(item)
            else:
                yield str(key)
                yield from _strings(item)


@cache
def _fields() -> frozenset[str]:
    """The fields of all bodies and messages."""
    return frozenset(name for model in _below(Request) for name in model.model_fields)


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        yield each
        yield from _below(each)
