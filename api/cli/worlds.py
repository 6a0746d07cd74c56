"""`tta worlds`: list, show, validate."""

from typing import Annotated, Any

import typer

from agents.errors import InvalidWorld
from agents.world.load import examine, find_world_file, load_world, read_text, shipped_worlds
from agents.world.schema import World
from api.cli.output import console, print_json, table

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    worlds = typer.Typer(help="The worlds that can be played.", no_args_is_help=True, rich_markup_mode=None)
    worlds.command("list", help="The shipped worlds.")(list_worlds)
    worlds.command("show", help="One world: its places, people and goals.")(show)
    worlds.command("validate", help="Check a world file; each fault with its line.")(validate)
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


def list_worlds(as_json: Json = False) -> None:
    """The shipped worlds."""
    found = [summary(load_world(name).world) for name in shipped_worlds()]
    if as_json:
        print_json(found)
        return
    rows = [
        [w["world"], w["title"], str(w["locations"]), str(w["items"]), str(w["characters"]), w["summary"]]
        for w in found
    ]
    table(["id", "title", "places", "items", "people", "about"], rows)


def show(world: Annotated[str, typer.Argument(help="A shipped world's id or a file.")], as_json: Json = False) -> None:
    """One world. It tells what a player will find: not for players."""
    found = load_world(world).world
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        return
    out = console()
    out.print(f"[bold]{found.title}[/bold]\n{found.summary}\n")
    for key, location in found.locations.items():
        ways = ", ".join(f"{d} to {e if isinstance(e, str) else e.to}" for d, e in location.exits.items())
        out.print(f"{location.name} [dim]({key})[/dim]: {ways}")
    people = ", ".join(f"{c.name} [dim]({c.wants})[/dim]" for c in found.characters.values())
    out.print(f"\nPeople: {people}")
    out.print("Things: " + ", ".join(item.name for item in found.items.values()))
    for goal in found.goals.values():
        out.print(
            f"Goal: {goal.title}{' (optional)' if goal.optional else ''} [dim]when {' and '.join(goal.when)}[/dim]"
        )


def validate(file: Annotated[str, typer.Argument(help="The path of a world file.")], as_json: Json = False) -> None:
    """Every fault with its line; exit code 2 where there is one."""
    path = find_world_file(file)
    world, faults = examine(read_text(path))
    if as_json:
        print_json(
            {"file": str(path), "valid": not faults, "faults": [{"line": f.line, "fault": f.message} for f in faults]}
        )
        if faults:
            raise typer.Exit(2)
        return
    for fault in faults[1:]:
        typer.echo(f"tta: {path}:{fault.line}: {fault.message}.", err=True)
    if faults or world is None:
        raise InvalidWorld(faults[0].message, place=f"{path}:{faults[0].line}", cure="Mend the file and try again.")
    figures = summary(world)
    parts = ("locations", "items", "characters", "goals", "consequences")
    typer.echo(f"{path} is a valid world: " + ", ".join(f"{figures[part]} {part}" for part in parts) + ".")


def schema() -> None:
    """The JSON schema that editors use."""
    print_json(World.model_json_schema(by_alias=True))
