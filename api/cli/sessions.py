"""`tta sessions`, `tta branches`, `tta fork`: stories that were begun."""

import re
from typing import Annotated

import typer

from agents.errors import InvalidInput
from agents.safety.clean import clean
from api.cli import keeping
from api.cli.output import asked_of, engine_of, print_json, table, wait_for

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
SessionId = Annotated[str, typer.Argument(help="The session's id (`tta sessions list`).")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    sessions = typer.Typer(help="Stories that were begun.", no_args_is_help=True, rich_markup_mode=None)
    sessions.command("list", help="The sessions, last played first.")(list_sessions)
    sessions.command("show", help="One session: where it stands and its last turns.")(show)
    sessions.command("chapters", help="What every 32 turns of a session came to, the newest first.")(chapters)
    keeping.register(sessions)
    app.add_typer(sessions, name="sessions")
    app.command("branches", help="The branches of a session; or switch to one, or take one's name away.")(branches)
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
            chapters = await engine.chapters(session, limit=3)
        if as_json:
            print_json({**record, "turns": turns, "recap": recap, "chapters": chapters})
            return
        title = " ".join(clean(record["title"]).split())
        typer.echo(f"{title} ({record['world']}), played with {record['model']}, branch {record['branch']}")
        if played := record["character"]:
            pronouns = f" ({played['pronouns']})" if played["pronouns"] else ""
            typer.echo(f"You are {played['name']}{pronouns}.")
        if record["avoid"]:
            typer.echo(f"It leaves out: {', '.join(record['avoid'])}")
        if record["paused"]:
            typer.echo(f"The story is paused: `resume` in `tta play --session {session}` goes on with it.")
        typer.echo(recap)
        rows = [[str(t["number"]), t["action"], t["location"]] for t in reversed(turns)]
        table(["turn", "action", "where"], rows, gives="action")

    wait_for(work)


def chapters(
    session: SessionId,
    branch: Annotated[str | None, typer.Option(help="Another branch than the active one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 10,
    before: Annotated[int | None, typer.Option(help="Only chapters with a smaller number.", min=1)] = None,
    as_json: Json = False,
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            found = await engine.chapters(session, branch=branch, limit=limit, before=before)
        if as_json:
            print_json(found)
            return
        if not found:
            typer.echo("No chapter is closed yet: each is 32 turns long.")
        for chapter in found:
            typer.echo(f"Chapter {chapter['number']}, turns {chapter['first']} to {chapter['last']}: {chapter['text']}")

    wait_for(work)


def read_turn(at: str) -> tuple[int | None, str]:
    """A turn as it is named on the command line: a number of up to six digits, else an id. Raises InvalidInput."""
    if re.fullmatch(r"[0-9]{1,6}", at):
        return int(at), ""
    if at and not re.fullmatch(r"root|[A-Za-z0-9_-]{8,64}", at):
        raise InvalidInput(
            "--at takes the number of a turn or a turn's id", cure="`tta sessions show` lists the numbers."
        )
    return None, at


def branches(
    session: SessionId,
    as_json: Json = False,
    switch: Annotated[str, typer.Option(metavar="NAME", help="Play goes on on that branch.")] = "",
    delete: Annotated[str, typer.Option(metavar="NAME", help="Take that name away; its turns stay.")] = "",
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            if switch:
                with asked_of(session):
                    await engine.switch(session, switch)
            if delete:
                await engine.delete_branch(session, delete)
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
    at: Annotated[
        str,
        typer.Option(help="The turn to fork from: its number on this branch, or any turn's id; without it the last."),
    ] = "",
    as_json: Json = False,
) -> None:
    number, turn_id = read_turn(at)

    async def work() -> None:
        async with engine_of() as engine:
            with asked_of(session, turn_id=turn_id):
                made = await engine.fork(session, name, at=number, turn_id=turn_id)
        if as_json:
            print_json(made)
        else:
            typer.echo(f"Branch '{made['name']}' at turn {made['number']}; play goes on there.")

    wait_for(work)
