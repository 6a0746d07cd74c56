"""Actions that nobody types: a file of them, or what another program pipes in. Bounded, and read for danger."""

import asyncio
import os
import re
import select
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from agents.errors import InvalidInput, StoryError
from agents.safety.crisis import response
from agents.safety.screen import Screen

MOST_BYTES = 1_000_000
MOST_LINES = 10_000
"""Longest script: five hundred times the longest that wins a shipped world."""

_STDIN = "standard input"


class Line(NamedTuple):
    """An action and where it stands, as `file:line`."""

    text: str
    place: str


def read_script(name: str) -> list[Line]:
    """The actions of a script (`-`: standard input); blank lines and `#` comments are left out.

    Raises InvalidInput at the file. The error carries help where the part that was read is that of a person at risk.
    """
    place = _STDIN if name == "-" else name
    try:
        raw = _read(name)
    except OSError as error:
        why = error.strerror or "it is not there"
        raise InvalidInput(f"The script cannot be read: {why}", place=place, cure="Check the path.") from None
    try:
        return _checked(raw, place)
    except InvalidInput as error:
        raise with_help(error, [raw.decode("utf-8", errors="replace")]) from None


def _read(name: str) -> bytes:
    """At most one byte more than a script may have: some files never end."""
    if name == "-":
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _checked(raw: bytes, place: str) -> list[Line]:
    if len(raw) > MOST_BYTES:
        raise InvalidInput("The script is longer than 1 MB", place=place, cure="Play it in parts.")
    try:
        lines = actions(raw.decode("utf-8"), place)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidInput("The script is not UTF-8", place=f"{place}:{line}", cure="Save it as UTF-8.") from None
    if len(lines) > MOST_LINES:
        cause = f"The script has {len(lines)} actions; {MOST_LINES} are the most"
        raise InvalidInput(cause, place=place, cure="Play it in parts.")
    if not lines:
        raise InvalidInput("There are no actions in the script", place=place, cure="Write one a line, such as `look`.")
    return lines


def actions(text: str, place: str, first: int = 1) -> list[Line]:
    """The lines that are actions; `first` is the number of the text's first line.

    Only a line's end ends one: what else may break a line would cut a cry for help in two.
    """
    lines = [
        Line(line.strip(), f"{place}:{number}") for number, line in enumerate(re.split(r"\r\n|\n|\r", text), first)
    ]
    return [line for line in lines if line.text and not line.text.startswith("#")]


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


async def each(lines: list[Line]) -> AsyncGenerator[Line]:
    """The lines of a script that was read whole."""
    for line in lines:
        yield line


async def piped() -> AsyncGenerator[Line]:
    """Actions from standard input as they come, so that another program can play turn by turn.

    Raises InvalidInput beyond the size of a script.
    """
    pending, size, number = b"", 0, 1
    async for chunk in _chunks():
        size += len(chunk)
        if size > MOST_BYTES:
            raise InvalidInput("More than 1 MB came in", place=_STDIN, cure="Play it in parts.")
        *whole, pending = (pending + chunk).split(b"\n")
        for raw in whole:
            for line in actions(raw.decode("utf-8", errors="replace"), _STDIN, number):
                yield line
            number += 1
    for line in actions(pending.decode("utf-8", errors="replace"), _STDIN, number):
        yield line


async def _chunks() -> AsyncGenerator[bytes]:
    """Read in a thread that nobody waits for: Ctrl-C must not wait for a writer that stays silent."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it is None where it was closed
        return
    loop, arrived = asyncio.get_running_loop(), asyncio.Queue[bytes]()
    descriptor = sys.stdin.fileno()

    def feed() -> None:
        size = 0
        with suppress(RuntimeError):  # the loop is closed: nobody reads any longer
            with suppress(OSError):
                while size <= MOST_BYTES and (chunk := os.read(descriptor, 65_536)):
                    size += len(chunk)
                    loop.call_soon_threadsafe(arrived.put_nowait, chunk)
            loop.call_soon_threadsafe(arrived.put_nowait, b"")

    Thread(target=feed, daemon=True).start()
    while chunk := await arrived.get():
        yield chunk


def waiting() -> list[str]:
    """What stands in a pipe already, without waiting for more; for a play that could not begin."""
    found = b""
    with suppress(OSError, ValueError, AttributeError):  # no descriptor, or one that cannot be asked
        descriptor = sys.stdin.fileno()
        while len(found) < MOST_BYTES and select.select([descriptor], [], [], 0.1)[0]:
            chunk = os.read(descriptor, 65_536)
            if not chunk:
                break
            found += chunk
    return [found.decode("utf-8", errors="replace")] if found else []


def with_help(error: StoryError, lines: Iterable[str], *, screen: Screen | None = None) -> StoryError:
    """The error; with the resources where one of the lines that will not be played is that of a person at risk."""
    if error.help is not None:
        return error
    screen, said = screen or Screen.load(), list(dict.fromkeys(lines))
    tiers = {screen.action(text)["tier"] for text in [*said, "\n".join(said)]}
    for tier in ("crisis", "check_in"):
        if tier in tiers:
            error.help = {**response(tier, _locale(), paused=False)}
            break
    return error


def _locale() -> str:
    """The player's country where the settings can be read; what is wrong with them may be why nothing is played."""
    from graphs.settings import read_settings  # noqa: PLC0415 - only for a person at risk; most mistakes are plain

    try:
        return read_settings().locale
    except StoryError:
        return ""
