"""`tta worlds`: list, show, validate, upgrade."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.errors import InvalidWorld, UnknownWorld, ended
from agents.world.load import default_world, examine, find_world_file, load_world, read_text, shipped_worlds
from agents.world.schema import World
from api.cli.output import ask, console, counted, engine_of, print_json, wait_for

if TYPE_CHECKING:
    from graphs.upgrading import Upgraded

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]

SHOWN_FAULTS = 20
"""Faults that `tta worlds validate` tells one by one; a file of another kind has thousands."""

_PARTS = (
    ("locations", "place"),
    ("items", "thing"),
    ("characters", "character"),
    ("goals", "goal"),
    ("consequences", "consequence"),
)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    worlds = typer.Typer(help="The worlds that can be played.", no_args_is_help=True, rich_markup_mode=None)
    worlds.command("list", help="The shipped worlds.")(list_worlds)
    worlds.command("show", help="One world: its places, people and goals.")(show)
    worlds.command("validate", help="Check a world file; each fault with its line.")(validate)
    worlds.command("upgrade", help="Move a session to the present edition of its world.")(upgrade)
    worlds.command("schema", help="The JSON schema of a world file.")(schema)
    app.add_typer(worlds, name="worlds")


def summary(world: World) -> dict[str, Any]:
    """A world in a few figures, as `tta worlds list --json` and the API give it."""
    return {
        "world": world.world,
        "title": world.title,
        "summary": world.summary,
        "version": world.version,
        "locations": len(world.locations),
        "items": len(world.items),
        "characters": len(world.characters),
        "goals": len(world.goals),
        "consequences": len(world.consequences),
        "techniques": sorted(world.techniques),
    }


def check_file(name: str) -> None:
    """Raises UnknownWorld for a folder, which is neither a world's id nor its file."""
    if name not in shipped_worlds() and Path(name).is_dir():
        raise UnknownWorld(f"{name} is a folder, not a world file", cure="Name the YAML file in it.")


def list_worlds(as_json: Json = False) -> None:
    """The shipped worlds, the one that is played by default first."""
    names = sorted(shipped_worlds(), key=lambda name: (name != default_world(), name))
    found = [{**summary(load_world(name).world), "default": name == default_world()} for name in names]
    if as_json:
        print_json(found)
        return
    out = console()
    for world in found:
        out.print(world["world"], style="bold", end="")
        out.print(f"  {world['title']}{'  (the default)' if world['default'] else ''}")
        parts = [counted(world[key], what) for key, what in _PARTS[:3]]
        for text in (str(world["summary"]), ", ".join(parts)):
            out.print(textwrap.fill(text, min(out.width, 100) - 1, initial_indent="  ", subsequent_indent="  "))
        out.print()


def show(world: Annotated[str, typer.Argument(help="A shipped world's id or a file.")], as_json: Json = False) -> None:
    """One world. It tells what a player will find: not for players."""
    check_file(world)
    found = load_world(world).world
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        return
    out = console()
    out.print(found.title, style="bold")
    out.print(f"{found.summary}\n")
    for key, location in found.locations.items():
        ways = ", ".join(f"{d} to {e if isinstance(e, str) else e.to}" for d, e in location.exits.items())
        out.print(f"{location.name} ({key}): {ways}")
    people = ", ".join(f"{c.name} ({c.wants})" for c in found.characters.values())
    out.print(f"\nPeople: {people}")
    out.print("Things: " + ", ".join(item.name for item in found.items.values()))
    for goal in found.goals.values():
        out.print(f"Goal: {goal.title}{' (optional)' if goal.optional else ''}, when {' and '.join(goal.when)}")


def validate(file: Annotated[str, typer.Argument(help="The path of a world file.")], as_json: Json = False) -> None:
    """Every fault with its line; exit code 2 where there is one."""
    check_file(file)
    path = find_world_file(file)
    world, faults = examine(read_text(path))
    if as_json:
        print_json(
            {"file": str(path), "valid": not faults, "faults": [{"line": f.line, "fault": f.message} for f in faults]}
        )
        if faults:
            raise typer.Exit(2)
        return
    for fault in faults[1:SHOWN_FAULTS]:
        typer.echo(f"tta: {path}:{fault.line}: {ended(fault.message)}", err=True)
    if len(faults) > SHOWN_FAULTS:
        typer.echo(f"tta: {path}: {counted(len(faults) - SHOWN_FAULTS, 'more fault')}: see them with --json.", err=True)
    if faults or world is None:
        raise InvalidWorld(faults[0].message, place=f"{path}:{faults[0].line}", cure="Mend the file and try again.")
    figures = summary(world)
    typer.echo(f"{path} is a valid world: " + ", ".join(counted(figures[key], what) for key, what in _PARTS) + ".")


def upgrade(
    session: Annotated[str, typer.Argument(help="The session's id (`tta sessions list`).")],
    to: Annotated[str, typer.Option(metavar="FILE", help="The world's file; without it the shipped one.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would no longer fit.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, whatever no longer fits.")] = False,
    as_json: Json = False,
) -> None:
    """A session keeps the world as it was when it began; this moves one over, and says what no longer fits."""

    async def work() -> None:
        if to:
            check_file(to)
        async with engine_of() as engine:
            found = await engine.upgrade(session, to, dry_run=True)
            news = found["fingerprint"] != (await engine.session(session))["fingerprint"]
            if not as_json:
                _tell_upgrade(found, news=news)
            if news and not dry_run:
                if found["misfits"] and not yes:
                    await ask(f"Move session {session} over all the same?", cure="Say --yes, or look with --dry-run.")
                found = await engine.upgrade(session, to)
        if as_json:
            print_json(found)
        elif found["upgraded"]:
            typer.echo(f"Session {session} plays version {found['version']} of {found['world']} from its next turn on.")

    wait_for(work)


def _tell_upgrade(found: "Upgraded", *, news: bool) -> None:
    if not news:
        typer.echo(f"Session {found['session']} plays this edition of {found['world']} already.")
    for misfit in found["misfits"]:
        becomes = f"; it becomes {misfit['becomes']}" if misfit["becomes"] is not None else ""
        typer.echo(f"branch {misfit['branch']}: {misfit['because']} ({misfit['slot']}{becomes}).")
    if news and not found["misfits"]:
        typer.echo("Everything where the session's branches stand fits the new edition.")


def schema() -> None:
    """The JSON schema that editors use."""
    print_json(World.model_json_schema(by_alias=True))
