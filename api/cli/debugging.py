"""`tta facts`, `tta graph`, `tta prompts`: looking into a story and its machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.errors import InvalidSetting
from api.cli.output import check_writable, engine_of, print_json, show_json, table, wait_for
from api.facts import shown

if TYPE_CHECKING:
    from agents.prompts import Prompt

Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
SessionId = Annotated[str, typer.Argument(help="The session's id (`tta sessions list`).")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("facts", help="What is true in a story, since which turn.")(facts)
    app.command("graph", help="The turn graph as Mermaid; --png or --svg draws it.")(graph)
    prompts = typer.Typer(help="The prompts and their fingerprints.", rich_markup_mode=None)
    prompts.callback(invoke_without_command=True)(list_by_default)
    prompts.command("list", help="The prompts and their fingerprints.")(list_prompts)
    prompts.command("show", help="One prompt as it is written.")(show_prompt)
    app.add_typer(prompts, name="prompts")


def facts(
    session: SessionId,
    branch: Annotated[str | None, typer.Option(help="Another branch than the active one.")] = None,
    at: Annotated[int | None, typer.Option(help="As it was after that turn.", min=0)] = None,
    about: Annotated[str | None, typer.Option(help="Only what is said of this thing or person.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what only counts tellings.")] = False,
    as_json: Json = False,
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            found = await engine.facts(session, branch=branch, at=at, about=about)
        if as_json:
            print_json(shown(found, everything=True))
            return
        told = shown(found, everything=everything)
        rows = [[f["subject"], f["relation"], str(f["value"]), str(f["since"]), f["because"]] for f in told]
        table(["subject", "relation", "value", "since", "because"], rows)
        if len(told) < len(found):
            typer.echo(f"{len(found) - len(told)} more count what was told: --all shows them.")

    wait_for(work)


def graph(
    png: Annotated[Path | None, typer.Option(help="Draw it into this PNG file.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Draw it into this SVG file.")] = None,
    as_json: Json = False,
) -> None:
    for path in (png, svg):
        if path is not None:
            check_writable(path)
    from api.terminal.drawing import draw_png, draw_svg  # noqa: PLC0415
    from graphs.turn import build_turn_graph  # noqa: PLC0415 - LangGraph

    drawn = build_turn_graph().get_graph()
    if as_json:
        edges = [{"from": e.source, "to": e.target, "conditional": e.conditional} for e in drawn.edges]
        show_json({"nodes": list(drawn.nodes), "edges": edges})
        return
    for path, draw in ((png, draw_png), (svg, draw_svg)):
        if path is None:
            continue
        try:
            path.write_bytes(draw(drawn))
        except OSError as error:
            cause = f"The picture cannot be written: {error.strerror}"
            raise InvalidSetting(cause, place=str(path), cure="Check the path.") from None
        typer.echo(f"Drawn into {path}.")
    if png is None and svg is None:
        typer.echo(drawn.draw_mermaid())


def list_by_default(context: typer.Context, as_json: Json = False) -> None:
    """`tta prompts` alone lists them."""
    if context.invoked_subcommand is None:
        list_prompts(as_json)


def list_prompts(as_json: Json = False) -> None:
    from agents.prompts import Prompts  # noqa: PLC0415

    library = Prompts()
    found = [library.get(name) for name in library.names()]
    if as_json:
        print_json([_described(prompt) for prompt in found])
        return
    table(
        ["prompt", "fingerprint", "output", "purpose"],
        [[p.name, p.fingerprint, p.front.output, p.front.purpose] for p in found],
    )


def show_prompt(name: Annotated[str, typer.Argument(help="The prompt's name.")], as_json: Json = False) -> None:
    from agents.prompts import Prompts  # noqa: PLC0415

    prompt = Prompts().get(name)
    if as_json:
        sections = [{"role": role, "text": body.strip()} for role, body in prompt.sections]
        show_json({**_described(prompt), "sections": sections})
        return
    typer.echo(f"{prompt.name} ({prompt.fingerprint}): {prompt.front.purpose}")
    typer.echo("variables: " + ", ".join(f"{key} ({kind})" for key, kind in prompt.front.variables.items()))
    for role, body in prompt.sections:
        typer.echo(f"\n# {role}\n{body.strip()}")


def _described(prompt: "Prompt") -> dict[str, Any]:
    return {
        "prompt": prompt.name,
        "purpose": prompt.front.purpose,
        "fingerprint": prompt.fingerprint,
        "variables": prompt.front.variables,
        "output": prompt.front.output,
    }
