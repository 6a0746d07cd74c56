"""Whoever is at risk does not wait for a store that hangs: the help comes, whatever becomes of the turn."""

import asyncio
from contextlib import suppress
from typing import TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.errors import StoreUnavailable, StoryError
from api.bodies import spoken
from api.problems import find_help, screen_of

T = TypeVar("T")

HELP_S = 8.0
"""How long a request may have no answer before its words are read for danger: a crisis is answered within a second."""


class InTime:
    """ASGI middleware: a request of a person at risk that has no answer after HELP_S is answered with StoreUnavailable, to
    which the help is put on its way out. What was accepted of it goes on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        loop, limit, begun = asyncio.get_running_loop(), asyncio.timeout(None), False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        def look() -> None:
            if not begun and _is_at_risk(scope):
                limit.reschedule(loop.time())

        looking = loop.call_later(HELP_S, look)
        try:
            async with limit:
                await self.app(scope, receive, send_noting)
        except TimeoutError:
            if not limit.expired():
                raise
            raise _unanswered() from None
        finally:
            looking.cancel()


async def in_time(scope: Scope, coming: "asyncio.Task[T]") -> T | StoryError:
    """The same for a message of a socket: what comes of it, or the error that its sender gets meanwhile, with help."""
    await asyncio.wait({coming}, timeout=HELP_S)
    if coming.done() or not _is_at_risk(scope):
        return await asyncio.shield(coming)
    error = _unanswered()
    error.help = await find_help(scope, error)
    return error


def _is_at_risk(scope: Scope) -> bool:
    with suppress(Exception):  # what cannot be read is answered as it comes
        return screen_of(scope).action(spoken(scope))["tier"] != "none"
    return False


def _unanswered() -> StoreUnavailable:
    return StoreUnavailable("A store does not answer", cure="Try again in a moment.")
