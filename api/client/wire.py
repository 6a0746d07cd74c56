"""Requests on their way: with a login, tried again where that is safe, every answer either of its shape or an error."""

import json
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeVar, cast

import httpx
from pydantic import TypeAdapter, ValidationError

from agents.errors import InvalidInput, StoreError, StoryError
from api.client.errors import (
    AWAY,
    LIMITED,
    ForeignAnswer,
    ServerGone,
    error_of_answer,
    error_of_transport,
    not_ours,
    retry_after,
)
from api.client.logins import Login
from api.client.patience import Patience

T = TypeVar("T")

MOST_BYTES = 64 * 1024 * 1024
"""Of an answer that is read whole; exports are not."""

UNDER_WAY = "request_in_progress"
_AGAIN = (HTTPStatus.TOO_MANY_REQUESTS, *AWAY)


@dataclass(frozen=True)
class Asked:
    """A request. A POST has a key of its own, which stays with it however often it is sent."""

    method: str
    path: str
    body: Any = None
    form: dict[str, str] | None = field(default=None, repr=False)
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    wait_s: float | None = None
    """The longest silence before its answer, where it is another than the client's."""
    again: bool = True
    """Whether it may be sent again when its answer is lost."""

    def with_headers(self, **headers: str) -> "Asked":
        """The request with more headers; `_` stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items() if value}
        return replace(self, headers={**self.headers, **named})


def post(path: str, body: Any = None, *, key: str = "", **more: Any) -> Asked:
    """A POST that is done once: under `key`, or a key that nobody else has."""
    return Asked("POST", path, body, headers={"Idempotency-Key": key or str(uuid.uuid4())}, **more)


class Wire:
    """The way to one server."""

    def __init__(self, http: httpx.AsyncClient, login: Login, patience: Patience) -> None:
        self.http = http
        self.login = login
        self.patience = patience
        self.answered = False
        """Whether the server has ever answered: one that never did is told at once, not waited for."""

    async def ask(self, asked: Asked, shape: type[T]) -> T:
        """The answer in its shape. Raises the server's own error, ServerGone, ServerSilent, ForeignAnswer."""
        response = await self.send(asked)
        try:
            return cast(T, _adapter(shape).validate_json(response.content))
        except ValidationError:
            raise not_ours(response) from None

    async def send(self, asked: Asked) -> httpx.Response:
        """A successful answer, read whole."""
        response = await self._successful(asked, whole=True)
        await response.aclose()
        return response

    @asynccontextmanager
    async def opened(self, asked: Asked) -> AsyncGenerator[httpx.Response]:
        """A successful answer whose body is still to come, however often it takes to get one.

        What breaks while the body is read is the reader's to see, translated.
        """
        response = await self._successful(asked, whole=False)
        try:
            yield response
        except httpx.HTTPError as error:
            raise error_of_transport(error, self.host) from None
        finally:
            await response.aclose()

    async def _successful(self, asked: Asked, *, whole: bool) -> httpx.Response:
        waits, lost = self.patience.begin(), False
        while True:
            wait: float | None = None
            try:
                response = await self.once(asked)
                if whole or not response.is_success:
                    await self._read(response)
            except StoryError as error:
                # Never sent, it may be sent anew; else only where doing it twice is doing it once.
                if not (asked.again and self.answered and _passes(error)):
                    raise
                problem, lost = error, True
            else:
                if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
                    return response
                # What a first try has removed, whose answer was lost, is not there any more.
                if lost and asked.method == "DELETE" and response.status_code == HTTPStatus.NOT_FOUND:
                    return response
                problem, wait = error_of_answer(response), retry_after(response)
                if not (asked.again and _may_be_sent_again(response, problem, wait)):
                    raise problem
            if not await waits.again(wait):
                raise problem

    async def once(self, asked: Asked) -> httpx.Response:
        """One try, its body not read: an answer of whichever status. Raises ServerGone, ServerSilent, ForeignAnswer."""
        token = "" if asked.form is not None else await self.login.token(self._grant)
        response = await self._sent(asked, token)
        if response.status_code == HTTPStatus.UNAUTHORIZED and token and await self._has_help(response):
            return response
        if response.status_code == HTTPStatus.UNAUTHORIZED and token and await self.login.renewed(self._grant, token):
            await response.aclose()
            return await self._sent(asked, await self.login.token(self._grant))
        return response

    async def _has_help(self, response: httpx.Response) -> bool:
        """Whether it answers a person at risk: then it is the answer, and nothing is tried behind it."""
        await self._read(response)
        return error_of_answer(response).help is not None

    async def _sent(self, asked: Asked, token: str) -> httpx.Response:
        headers = {"Accept": "application/json", **asked.headers}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = None
        if asked.body is not None:
            content = json.dumps(asked.body, ensure_ascii=False).encode("utf-8", "surrogatepass")
            headers["Content-Type"] = "application/json"
        try:
            request = self.http.build_request(
                asked.method,
                asked.path,
                content=content,
                data=asked.form,
                params={name: value for name, value in asked.query.items() if value not in (None, "")},
                headers=headers,
            )
            if asked.wait_s is not None:
                request.extensions["timeout"] = {**request.extensions["timeout"], "read": asked.wait_s}
            response = await self.http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise error_of_transport(error, self.host) from None
        except (httpx.InvalidURL, ValueError):
            raise InvalidInput("The request cannot be sent as it is", cure="Check ids, keys and token.") from None
        self.answered = True
        return response

    async def _read(self, response: httpx.Response) -> None:
        """The whole body, kept in the response."""
        if response.is_stream_consumed:
            return
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise not_ours(response)
        except httpx.HTTPError as error:
            raise error_of_transport(error, self.host) from None
        response._content = bytes(body)  # pyright: ignore[reportPrivateUsage] - as `aread` does, bounded

    async def _grant(self, form: dict[str, str]) -> dict[str, Any]:
        """What the token endpoint answers. Asked once: a refresh token that was sent twice would void the login."""
        return await self.ask(Asked("POST", "/api/v1/auth/token", form=form, again=False), dict[str, Any])

    @property
    def host(self) -> str:
        """The server as it is named in errors: without what a URL may hold besides."""
        url = self.http.base_url
        return url.host if url.port is None else f"{url.host}:{url.port}"


def _passes(error: StoryError) -> bool:
    """Whether what has failed on the way may do better the next time: a login that is refused would be refused again."""
    return isinstance(error, StoreError | ForeignAnswer) or error.code == LIMITED


def _may_be_sent_again(response: httpx.Response, error: StoryError, wait: float | None) -> bool:
    """Where the server says when, or what stands before it that it is away; never what answers a person at risk."""
    if error.help:
        return False
    if isinstance(error, ServerGone) or error.code == UNDER_WAY:
        return True
    return response.status_code in _AGAIN and wait is not None


@lru_cache(maxsize=64)
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
