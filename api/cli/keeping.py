"""`tta sessions export | import | delete | backup | restore | sweep`: the whole life of a story, beside playing it."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from agents.errors import InvalidInput, InvalidStory, UnknownSession
from api.cli.output import counted, engine_of, fail, print_json, wait_for

Json = Annotated[
    bool, typer.Option("--json", help="A JSON object, of the shape that `--help` gives, instead of a line.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

PROGRESS_S = 2.0
"""Seconds between two lines of progress, and before the first."""


def register(sessions: typer.Typer) -> None:
    """Adds the commands to `tta sessions`."""
    sessions.command("export", help=EXPORT)(export)
    sessions.command("import", help=IMPORT)(import_story)
    sessions.command("delete", help=DELETE)(delete)
    sessions.command("backup", help=BACKUP)(backup)
    sessions.command("restore", help=RESTORE)(restore)
    sessions.command("sweep", help=SWEEP)(sweep)
    sessions.command("reseal", help=RESEAL)(reseal)


EXPORT = """Write all of a session as JSON Lines, to be imported anywhere: to stdout, or to a file that only you may read.

--json, with --out: {"session", "file", "lines", "bytes"}."""

IMPORT = """Make a session of an exported file, in whichever graph is configured.

--json: the session, as in `tta sessions list --json`."""

DELETE = """Remove a session, all of a player, or everything of the tenant, from both stores, for good.

--json: {"sessions": [ID, ...], "nodes": n}."""

BACKUP = """Write everything of the tenant (TTA_TENANT) to one file: stories, and what Redis holds of turns in flight.

--json: {"tenant", "sessions": [ID, ...], "in_flight": [ID, ...], "file", "bytes"}; a session whose turn did not end
within --wait seconds is in_flight: it is kept as it stood, and its turn is ended after a restore."""

RESTORE = """Put back the sessions of a backup, with their turns in flight.

--json: {"tenant", "sessions": [ID, ...], "replaced": [ID, ...], "file"}."""

SWEEP = """Finish what was broken off, and remove from Redis what nothing refers to. Reads every key: for quiet hours.

--json: {"finished": [ID, ...], "strays": [ID, ...], "lines": n}: imports and deletions that were finished, sessions of
which only keys were left, and lines whose checkpoints went."""


RESEAL = """Seal every text of the tenant with the first of TTA_ENCRYPTION_KEYS; afterwards the older keys can go.

--json: {"tenant", "sessions": n, "nodes": n}: what was sealed otherwise before."""


def export(
    session: Annotated[str, typer.Argument(help="The session's id (`tta sessions list`).")],
    out: Annotated[Path | None, typer.Option(help="The file to write; without it stdout.")] = None,
    traces: Annotated[bool, typer.Option("--traces/--no-traces", help="With what each turn did, node by node.")] = True,
    force: Force = False,
    as_json: Json = False,
) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            if out is None:
                async for line in engine.export(session, traces=traces):
                    sys.stdout.buffer.write(line.encode() + b"\n")
                sys.stdout.flush()
                return
            written = await engine.export_to(session, out, traces=traces, force=force, progress=_progress("line"))
        told = {"session": session, "file": str(out), "lines": written.lines, "bytes": written.bytes}
        _tell(told, f"{counted(written.lines, 'line')} ({written.bytes:,} bytes) are in {out}.", as_json=as_json)

    wait_for(work)


def import_story(
    file: Annotated[Path, typer.Argument(help="A file that `tta sessions export` wrote.")],
    as_id: Annotated[str, typer.Option("--as", help="Another id for the session.")] = "",
    as_json: Json = False,
) -> None:
    async def work() -> int:
        try:
            async with engine_of() as engine:
                made = await engine.import_story(file, session=as_id, progress=_progress("node"))
        except InvalidStory as error:
            return _fail(error)
        _tell(
            dict(made), f"Session {made['session']} is there: `tta play --session {made['session']}`.", as_json=as_json
        )
        return 0

    wait_for(work)


def delete(
    session: Annotated[str, typer.Argument(help="The session's id.")] = "",
    player: Annotated[str, typer.Option(help="All sessions of this player.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Everything of the tenant (TTA_TENANT).")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    async def work() -> None:
        from graphs.removing import Removed  # noqa: PLC0415 - LangGraph is most of the start-up time

        if bool(session) + bool(player) + everything != 1:
            raise InvalidInput(
                "What to delete is not clear", cure="Name one session, or say --player PLAYER, or --all."
            )
        async with engine_of() as engine:
            if session:
                record = await engine.session(session)
                await _confirm(f"Delete session {session} ({record['title']}) for good?", yes=yes)
                removed = Removed(sessions=[session], nodes=await engine.delete(session))
            elif player:
                await _confirm(f"Delete all sessions of player {player} for good?", yes=yes)
                removed = await engine.delete_player(player)
                if not removed["sessions"]:
                    raise UnknownSession(
                        f"The player '{player[:64]}' has no sessions", cure="List the sessions: tta sessions list."
                    )
            else:
                await _confirm(f"Delete everything of tenant {engine.settings.tenant} for good?", yes=yes)
                removed = await engine.delete_tenant()
        gone = f"Session {session} is" if session else f"{counted(len(removed['sessions']), 'session')} are"
        _tell(removed, f"{gone} gone from both stores.", as_json=as_json)

    wait_for(work)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; only you may read it.")],
    force: Force = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for turns that are being played.", min=0, max=3600)
    ] = 10.0,
    as_json: Json = False,
) -> None:
    def waiting(session: str) -> None:
        print(f"tta: session {session} is playing a turn: waiting for its end.", file=sys.stderr)

    async def work() -> None:
        async with engine_of() as engine:
            done = await engine.backup(file, force=force, wait_s=wait, waiting=waiting)
        for session in done["in_flight"]:
            print(f"tta: session {session} is kept as it stood, in the midst of a turn.", file=sys.stderr)
        sessions = counted(len(done["sessions"]), "session")
        said = f"{sessions} of tenant {done['tenant']} are in {file} ({done['bytes']:,} bytes)."
        _tell(dict(done), said, as_json=as_json)

    wait_for(work)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `tta sessions backup` wrote.")],
    force: Force = False,
    as_json: Json = False,
) -> None:
    async def work() -> int:
        try:
            async with engine_of() as engine:
                done = await engine.restore(file, force=force, progress=_progress("node"))
        except InvalidStory as error:
            return _fail(error)
        said = f"{counted(len(done['sessions']), 'session')} restored, {len(done['replaced'])} of them replaced."
        _tell(dict(done), said, as_json=as_json)
        return 0

    wait_for(work)


def sweep(as_json: Json = False) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            swept = await engine.sweep()
        said = (
            f"{counted(len(swept['finished']), 'broken-off call')} finished, {counted(len(swept['strays']), 'stray')} "
            f"and the checkpoints of {counted(swept['lines'], 'line')} removed."
        )
        _tell(dict(swept), said, as_json=as_json)

    wait_for(work)


def reseal(as_json: Json = False) -> None:
    async def work() -> None:
        async with engine_of() as engine:
            done = await engine.reseal(progress=_progress("session"))
        said = f"{counted(done['nodes'], 'text')} of {counted(done['sessions'], 'session')} sealed with the first key."
        _tell(dict(done), said, as_json=as_json)

    wait_for(work)


def _tell(told: Mapping[str, object], said: str, *, as_json: bool) -> None:
    print_json(told) if as_json else typer.echo(said)


def _fail(error: InvalidStory) -> int:
    """Every fault of the file, one line each."""
    code = fail(error)
    for other in error.others:
        fail(other)
    return code


async def _confirm(question: str, *, yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise InvalidInput("There is no terminal to ask at whether to delete it", cure="Say --yes.")
    if not yes:
        await asyncio.to_thread(typer.confirm, question, abort=True)


def _progress(what: str) -> Callable[[int], None]:
    """Says on stderr how far something long is; `what` is one of what it counts."""
    last, before, here, shown = time.monotonic(), 0, 0, 0

    def told(done: int) -> None:
        nonlocal last, before, here, shown
        if done < here:  # of a backup each story counts for itself
            before += here
        here = done
        if before + here != shown and time.monotonic() - last >= PROGRESS_S:
            last, shown = time.monotonic(), before + here
            print(f"So far {counted(shown, what)} ...", file=sys.stderr)

    return told
