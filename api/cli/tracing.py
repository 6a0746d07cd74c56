"""`tta trace`: what each node of a past turn read, wrote and took; for people short nested lines, for programs JSON."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.output import console, engine_of, show_json, wait_for

if TYPE_CHECKING:
    from rich.console import Console

    from graphs.trace import TraceEntry

SHORT = 240
"""Characters of a value that are shown without `--full`; of a prompt's text five times as many."""
_SHOWN_ITEMS = 20


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("trace", help="What each node of a past turn read, wrote and took.")(trace)


def trace(
    session: Annotated[str, typer.Argument(help="The session's id (`tta sessions list`).")],
    turn: Annotated[int | None, typer.Argument(help="The turn's number; without it the last.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Long values whole.")] = False,
) -> None:
    """The nodes in order."""

    async def work() -> None:
        async with engine_of() as engine:
            found = await engine.find_turn(session, turn)
            entries = await engine.trace(session, found["turn_id"])
        if as_json:
            show_json({"session": session, "turn": found["number"], "turn_id": found["turn_id"], "nodes": entries})
            return
        out = console()
        out.print(f"turn {found['number']} of {session}: {found['action']}", style="bold")
        out.print(found["turn_id"], style="dim")
        for entry in entries:
            _show(out, entry, full)

    wait_for(work)


def _show(out: "Console", entry: "TraceEntry", full: bool) -> None:
    arrow = f" -> {entry['route']}" if entry["route"] else ""
    out.print(f"\n{entry['order']} {entry['node']}{arrow}", style="bold", end="")
    out.print(f"  {entry['ms']:.2f} ms", style="dim")
    width = max(40, min(out.width, 110)) - 1
    for side, label in (("input", "read"), ("output", "wrote")):
        values = {key: value for key, value in entry[side].items() if key != "prompt"}
        if values:
            out.print(f"  {label}", style="dim")
        for key, value in values.items():
            for line in nested(key, value, full=full, indent=4, width=width):
                out.print(line, soft_wrap=True)
    for message in entry["output"].get("prompt", []):
        out.print(f"  prompt ({message['role']})", style="dim")
        text = message["content"] if full else _short(message["content"], 5 * SHORT)
        for paragraph in text.splitlines():
            out.print(wrapped(paragraph, 4, width), soft_wrap=True)


def nested(key: str, value: Any, *, full: bool, indent: int, width: int) -> Iterator[str]:
    """A value as lines: `key: value`, the members of maps and lists below it, texts wrapped and never quoted."""
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        items = [(str(name), member) for name, member in value.items()]
    elif isinstance(value, list):
        items = [("-", member) for member in value]
    if not items:
        text = str(value) if isinstance(value, str) else _plain(value)
        yield wrapped(f"{key}: {text if full else _short(text, SHORT)}".replace("-: ", "- "), indent, width)
        return
    flat = ", ".join(f"{name} {_plain(member)}" if name != "-" else _plain(member) for name, member in items)
    one_line = f"{key}: {flat}".replace("-: ", "- ")
    if len(one_line) + indent <= width and not any(isinstance(member, dict | list) and member for _, member in items):
        yield " " * indent + one_line
        return
    yield " " * indent + (f"{key}:" if key != "-" else "-")
    for name, member in items if full else items[:_SHOWN_ITEMS]:
        yield from nested(name, member, full=full, indent=indent + 2, width=width)
    if not full and len(items) > _SHOWN_ITEMS:
        yield " " * (indent + 2) + f"... {len(items) - _SHOWN_ITEMS} more (--full)"


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "nothing"}[value]
    return "none" if value in ([], {}) else str(value)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters, --full)"


def wrapped(text: str, indent: int, width: int) -> str:
    """The text within the width, each line after the first a little further in."""
    pad = " " * indent
    return textwrap.fill(
        " ".join(text.split()), width, initial_indent=pad, subsequent_indent=pad + "  ", break_on_hyphens=False
    )
