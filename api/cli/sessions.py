"""`tta sessions`, `tta branches`, `tta fork`: stories that were begun."""

from typing import Annotated

import typer

from api.cli import keeping
from api.cli.output import engine_of, print_json, table, wait_for

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
SessionId = Annotated[str, typer.Argument(help="The session's id (`tta sessions list`).")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    sessions = typer.Typer(help="Stories that were begun.", no_args_is_help=True, rich_markup_mode=None)
    sessions.command("list", help="The sessions, last played first.")(list_sessions)
    sessions.command("show", help="One session: where it stands and its last turns.")(show)
    keeping.register(sessions)
    app.add_typer(sessions, name="sessions")
    app.command("branches", help="The branches of a session.")(branches)
    app.command("fork", help="A new branch from a turn of a session, and play goes on there.")(fork)


def list_sessions(as_json: Json = False, limit: Annotated[int, typer.Option(min=1, max=500)] = 50) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            found = await engine.memory.sessions(engine.settings.tenant, limit=limit)
        if as_json:
            print_json(found)
        else:
            rows = [
                [s["session"], s["world"], s["title"], s["model"], s["played"][:16].replace("T", " ")] for s in found
            ]
            table(["session", "world", "title", "model", "last played"], rows, gives="title")

    wait_for(work)


def show(session: SessionId, as_json: Json = False) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            record = await engine.session(session)
            turns = await engine.turns(session, limit=10)
            recap = await engine.recap(session)
        if as_json:
            print_json({**record, "turns": turns, "recap": recap})
            return
        typer.echo(f"{record['title']} ({record['world']}), played with {record['model']}, branch {record['branch']}")
        if record["paused"]:
            typer.echo(f"The story is paused: `resume` in `tta play --session {session}` goes on with it.")
        typer.echo(recap)
        rows = [[str(t["number"]), t["action"], t["location"]] for t in reversed(turns)]
        table(["turn", "action", "where"], rows, gives="action")

    wait_for(work)


def branches(session: SessionId, as_json: Json = False) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            found = await engine.branches(session)
        if as_json:
            print_json(found)
        else:
            rows = [["*" if b["active"] else "", b["name"], str(b["number"]), b["head"]] for b in found]
            table(["", "branch", "turn", "HEAD"], rows)

    wait_for(work)


def fork(
    session: SessionId,
    name: Annotated[str, typer.Argument(help="The new branch's name.")],
    at: Annotated[int | None, typer.Option(help="The turn to fork from; without it the last.", min=0)] = None,
    as_json: Json = False,
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            made = await engine.fork(session, name, at=at)
        if as_json:
            print_json(made)
        else:
            typer.echo(f"Branch '{made['name']}' at turn {made['number']}; play goes on there.")

    wait_for(work)
