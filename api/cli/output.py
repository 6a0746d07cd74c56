"""How the command speaks: people get rich text on stdout, programs JSON, mistakes one line on stderr."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from agents.errors import InvalidInput, InvalidSetting, SessionPaused, StoryError, UnknownTurn
from agents.safety.clean import clean

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
    """The terminal; rich is imported only when something is shown. Recording keeps what is shown for a picture.

    What is printed is data as often as not, so nothing in it is markup: `[/bold]` is a title like any other. Colour is
    given as a style. Where nobody looks (a pipe, a file) lines are as long as they need to be.
    """
    from rich.console import Console  # noqa: PLC0415

    if record:
        return Console(
            highlight=False,
            markup=False,
            emoji=False,
            record=True,
            width=92,
            force_terminal=True,
            color_system="truecolor",
        )
    return Console(highlight=False, markup=False, emoji=False, width=None if watched() else _UNBOUNDED)


_UNBOUNDED = 10_000


def watched() -> bool:
    """Whether a person looks at what is shown."""
    return sys.stdout.isatty()


def counted(number: int, what: str) -> str:
    """`1 turn`, `2 turns`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def print_json(data: Any) -> None:
    """One JSON value on a line of its own, flushed so that a reader sees it at once."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def show_json(data: Any) -> None:
    """One JSON value: indented for a person at a terminal, on one line for a program."""
    if watched():
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    else:
        print_json(data)


def table(headings: list[str], rows: list[list[str]], *, gives: str = "") -> None:
    """Rows for people. Where the terminal is too narrow, the column `gives` is cut; without one the last wraps."""
    from rich.box import SIMPLE  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    out, shown = console(), Table(box=SIMPLE, pad_edge=False)
    widest = [max([len(heading), *(len(row[place]) for row in rows)]) for place, heading in enumerate(headings)]
    cut = headings.index(gives) if gives else -1
    room = max(8, out.width - sum(widest) + widest[cut] - 3 * len(headings))
    for heading in headings:
        shown.add_column(heading, no_wrap=heading != headings[cut])
    for row in rows:
        cells = [" ".join(clean(cell).split("\n")) for cell in row]  # what was imported may drive a terminal
        if gives and len(cells[cut]) > room:
            cells[cut] = cells[cut][: room - 1] + "\N{HORIZONTAL ELLIPSIS}"
        shown.add_row(*cells)
    out.print(shown)


def check_writable(path: Path, what: str = "picture") -> None:
    """Raises InvalidSetting where that file cannot be written, before anything is done for it."""
    cause = ""
    if path.is_dir():
        cause = "it is a folder"
    elif not path.parent.is_dir():
        cause = "its folder does not exist"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        cause = "permission denied"
    if cause:
        raise InvalidSetting(
            f"The {what} cannot be written: {cause}",
            place=str(path),
            cure="Name a file in a folder that is there and may be written.",
        )


async def ask(question: str, *, cure: str = "Say --yes.") -> None:
    """Goes on if the answer is yes, else ends the command. Raises InvalidInput where nobody can be asked."""
    if not sys.stdin.isatty():
        raise InvalidInput(f"There is no terminal to ask at: {question}", cure=cure)
    await asyncio.to_thread(typer.confirm, question, abort=True)


def wait_for(work: Callable[[], Coroutine[Any, Any, int | None]]) -> None:
    """Runs the asynchronous body of a command and leaves with its exit code."""
    code = asyncio.run(work())
    if code:
        raise typer.Exit(code)


@contextmanager
def asked_of(session: str, *, turn_id: str = "") -> Generator[None]:
    """What is asked of a session by a command, maybe of a turn by its id: cures are commands, and no words for a play that
    is open.
    """
    try:
        yield
    except SessionPaused as error:
        error.cure = f"Open it with `tta play --session {session}`, and type `resume` there when you are ready."
        raise
    except UnknownTurn as error:
        if turn_id:
            error.cure = f"`tta sessions show {session}` lists the last turns; with --json their ids, too."
        raise


@asynccontextmanager
async def engine_of(**changes: object) -> "AsyncGenerator[StoryEngine]":
    """The engine over the environment's settings and the command's flags. A judge that cannot work is told first."""
    from agents.models import check_judge  # noqa: PLC0415 - LangGraph and LangChain are most of the start-up time
    from api.observability.opening import open_tracing  # noqa: PLC0415
    from graphs.engine import open_engine  # noqa: PLC0415
    from graphs.settings import read_settings  # noqa: PLC0415

    settings = read_settings(**changes)
    if settings.safety_model:
        check_judge(settings.safety_model)
    with open_tracing(settings):
        async with open_engine(settings) as engine:
            yield engine
