"""Exports: JSON Lines as they come, whole or not at all."""

import json
from collections.abc import AsyncGenerator
from contextlib import suppress

import httpx

from agents.errors import StoryError
from api.client.errors import ForeignAnswer, error_of_transport
from api.client.wire import MOST_BYTES, Asked, Wire


async def lines_of(wire: Wire, asked: Asked, *, last: str) -> AsyncGenerator[str]:
    """Each line, without its end. Raises where the file does not come to its `last` line: then it is not whole."""
    rest, line = b"", ""
    async with wire.opened(asked) as response:
        try:
            async for chunk in response.aiter_bytes():
                *whole, rest = (rest + chunk).split(b"\n")  # only that ends a line: U+2028 may stand in prose
                if len(rest) > MOST_BYTES:
                    raise ForeignAnswer("The server sends a line without an end", cure="Check the address.")
                for raw in whole:
                    line = raw.decode("utf-8", errors="replace")
                    yield line
        except httpx.HTTPError as error:
            raise _broken(error_of_transport(error, wire.host)) from None
    if rest or not _is(line, last):
        raise _broken(ForeignAnswer(""))


def _is(line: str, last: str) -> bool:
    with suppress(json.JSONDecodeError, RecursionError):
        found = json.loads(line)
        return isinstance(found, dict) and last in found
    return False


def _broken(error: StoryError) -> StoryError:
    error.cause, error.cure = "The export broke off before its end", "Throw away what has come, and ask again."
    return error
