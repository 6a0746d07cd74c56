"""How the command speaks: people get rich text on stdout, programs JSON, mistakes one line on stderr."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import typer

from agents.errors import StoryError

if TYPE_CHECKING:
    from rich.console import Console

    from graphs.engine import StoryEngine


def fail(error: StoryError) -> int:
    """Tells the error in one line on stderr; its exit code. A person at risk reads the resources first."""
    if error.help:
        print(error.help.get("text", ""), file=sys.stderr)
    print(f"tta: {error.line()}", file=sys.stderr)
    return error.exit_code


def console(*, record: bool = False) -> "Console":
    """The terminal; rich is imported only when something is shown. Recording keeps what is shown for a picture."""
    from rich.console import Console  # noqa: PLC0415

    if record:
        return Console(highlight=False, record=True, width=92, force_terminal=True, color_system="truecolor")
    return Console(highlight=False)


def print_json(data: Any) -> None:
    """One JSON value on a line of its own, flushed so that a reader sees it at once."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(headings: list[str], rows: list[list[str]]) -> None:
    """Rows for people."""
    from rich.box import SIMPLE  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    shown = Table(*headings, box=SIMPLE, pad_edge=False)
    for row in rows:
        shown.add_row(*row)
    console().print(shown)


def wait_for(work: Callable[[], Coroutine[Any, Any, int | None]]) -> None:
    """Runs the asynchronous body of a command and leaves with its exit code."""
    code = asyncio.run(work())
    if code:
        raise typer.Exit(code)


@asynccontextmanager
async def engine_of(**changes: object) -> "AsyncGenerator[StoryEngine]":
    """The engine over the environment's settings and the command's flags."""
    from graphs.engine import open_engine  # noqa: PLC0415 - LangGraph is most of the start-up time
    from graphs.settings import read_settings  # noqa: PLC0415

    async with open_engine(read_settings(**changes)) as engine:
        yield engine
