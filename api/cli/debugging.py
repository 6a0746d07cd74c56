"""`tta trace`, `tta graph`, `tta facts`, `tta prompts`: looking into a story and its machine."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from agents.errors import InvalidSetting
from api.cli.output import console, engine_of, print_json, table, wait_for

Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
SessionId = Annotated[str, typer.Argument(help="The session's id (`tta sessions list`).")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("trace", help="What each node of a past turn read, wrote and took.")(trace)
    app.command("facts", help="What is true in a story, since which turn.")(facts)
    app.command("graph", help="The turn graph as Mermaid; --png or --svg draws it.")(graph)
    app.command("prompts", help="The prompts and their fingerprints.")(prompts)


def trace(
    session: SessionId,
    turn: Annotated[int | None, typer.Argument(help="The turn's number; without it the last.", min=1)] = None,
    as_json: Json = False,
    full: Annotated[bool, typer.Option("--full", help="Long values whole.")] = False,
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            found = await engine.find_turn(session, turn)
            entries = await engine.trace(session, found["turn_id"])
        if as_json:
            print_json({"session": session, "turn": found["number"], "turn_id": found["turn_id"], "nodes": entries})
            return
        out = console()
        out.print(f"turn {found['number']} of {session} [dim]{found['turn_id']}[/dim]  {found['action']}", markup=True)
        for entry in entries:
            arrow = f" -> {entry['route']}" if entry["route"] else ""
            out.print(f"\n[bold]{entry['order']} {entry['node']}[/bold]{arrow}  [dim]{entry['ms']:.2f} ms[/dim]")
            for side in ("input", "output"):
                for key, value in entry[side].items():
                    if key != "prompt":
                        out.print(f"  {side:6} {key}: {_short(value, full)}", markup=False)
            for message in entry["output"].get("prompt", []):
                out.print(f"  prompt ({message['role']}):", markup=False)
                out.print(_indent(message["content"] if full else message["content"][:1200]), markup=False)

    wait_for(work)


def _short(value: Any, full: bool) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if full or len(text) <= 240 else text[:240] + f"... ({len(text)} characters)"


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def facts(
    session: SessionId,
    branch: Annotated[str | None, typer.Option(help="Another branch than the active one.")] = None,
    at: Annotated[int | None, typer.Option(help="As it was after that turn.", min=0)] = None,
    about: Annotated[str | None, typer.Option(help="Only what is said of this thing or person.")] = None,
    as_json: Json = False,
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            found = await engine.facts(session, branch=branch, at=at, about=about)
        if as_json:
            print_json(found)
        else:
            rows = [[f["subject"], f["relation"], str(f["value"]), str(f["since"]), f["because"]] for f in found]
            table(["subject", "relation", "value", "since turn", "because"], rows)

    wait_for(work)


def graph(
    png: Annotated[Path | None, typer.Option(help="Draw it into this PNG file.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Draw it into this SVG file.")] = None,
    as_json: Json = False,
) -> None:
    from api.terminal.drawing import draw_png, draw_svg  # noqa: PLC0415
    from graphs.turn import build_turn_graph  # noqa: PLC0415 - LangGraph

    drawn = build_turn_graph().get_graph()
    if as_json:
        print_json(drawn.to_json())
        return
    for path, draw in ((png, draw_png), (svg, draw_svg)):
        if path is None:
            continue
        try:
            path.write_bytes(draw(drawn))
        except OSError as error:
            raise InvalidSetting(f"The picture cannot be written: {error.strerror}", place=str(path)) from None
        typer.echo(f"Drawn into {path}.")
    if png is None and svg is None:
        typer.echo(drawn.draw_mermaid())


def prompts(as_json: Json = False) -> None:
    from agents.prompts import Prompts  # noqa: PLC0415

    library = Prompts()
    found = [library.get(name) for name in library.names()]
    if as_json:
        print_json(
            [
                {
                    "prompt": p.name,
                    "purpose": p.front.purpose,
                    "fingerprint": p.fingerprint,
                    "variables": p.front.variables,
                    "output": p.front.output,
                }
                for p in found
            ]
        )
        return
    table(
        ["prompt", "fingerprint", "output", "purpose"],
        [[p.name, p.fingerprint, p.front.output, p.front.purpose] for p in found],
    )
