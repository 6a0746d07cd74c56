"""Whoever is at risk does not wait for a store that hangs: the help comes, whatever becomes of the turn."""

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.errors import StoreUnavailable
from api.bodies import spoken
from api.problems import screen_of

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
            with suppress(Exception):  # what cannot be read is answered as it comes
                if not begun and screen_of(scope).action(spoken(scope))["tier"] != "none":
                    limit.reschedule(loop.time())

        looking = loop.call_later(HELP_S, look)
        try:
            async with limit:
                await self.app(scope, receive, send_noting)
        except TimeoutError:
            if not limit.expired():
                raise
            raise StoreUnavailable("A store does not answer", cure="Try again in a moment.") from None
        finally:
            looking.cancel()
