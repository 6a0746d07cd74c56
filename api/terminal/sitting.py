"""`tta play` from its options to its exit code: what is checked before a store is opened, whose session, which screen."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.errors import InvalidInput, StoreError, StoryError, UnknownSession
from agents.safety.topics import check_topics
from agents.world.load import default_world, load_world
from api.cli.output import check_writable, engine_of
from api.cli.worlds import check_file
from api.terminal.casting import cast_here, check_cast, check_name
from api.terminal.play import Play
from api.terminal.screen import JsonScreen, PlainScreen, RichScreen, Screen
from api.terminal.scripts import Line, each, piped, read_script, texts, waiting, with_help
from api.terminal.steering import STEERING_AFAR
from graphs.sessions import check_id

if TYPE_CHECKING:
    from graphs.engine import StoryEngine
    from graphs.memory.shapes import Session


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    world: str = ""
    session: str = ""
    model: str = ""
    seed: int | None = None
    character: str = ""
    techniques: bool = False
    avoid: tuple[str, ...] = ()
    script: str = ""
    as_json: bool = False
    picture: Path | None = None
    data_dir: Path | None = None
    server: str = ""


async def play_story(options: Options) -> int:
    """Plays; the exit code. Everything that can be wrong with the options is said before a store is opened.

    Whatever keeps the story from being played, a person at risk among the lines of a script gets the resources.
    """
    lines = read_script(options.script) if options.script else None
    typed = lines is None and sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison]
    try:
        _check(options, scripted=lines is not None)
        if options.server:
            return await _play_far(options, lines, typed=typed)
        async with engine_of(data_dir=options.data_dir) as engine:
            session, new = await _open_session(engine, options)
            return await sit(Play(engine, session, _screen(options, typed=typed)), lines, new=new, typed=typed)
    except StoryError as error:
        said = (waiting() if not typed else []) if lines is None else texts(lines)
        raise with_help(error, [*said, options.character]) from error.__cause__


async def _play_far(options: Options, lines: list[Line] | None, *, typed: bool) -> int:
    """The same over HTTP."""
    from api.terminal.away import open_far_play  # noqa: PLC0415 - httpx and all, only where a server plays

    screen = _screen(options, typed=typed)
    async with open_far_play(options, screen, typed=typed) as (play, new):
        return await sit(play, lines, new=new, typed=typed)


def _check(options: Options, *, scripted: bool) -> None:
    """Raises InvalidInput, UnknownWorld, UnknownModel."""
    if options.picture:
        if not scripted:
            raise InvalidInput("A picture is made of a script", cure="Name it with --script FILE.")
        if options.as_json:
            raise InvalidInput(
                "A picture is of what is shown, and --json shows nothing", cure="Leave out one of the two."
            )
        check_writable(options.picture)
    if options.session:
        check_id(options.session, "session id")
    check_topics(options.avoid)
    if options.character:
        check_name(options.character)
    if options.server:
        return  # what worlds and models there are, it knows
    if options.world:
        check_file(options.world)
        load_world(options.world)
    if options.model:
        from agents.models import check_spec  # noqa: PLC0415

        check_spec(options.model)


def _screen(options: Options, *, typed: bool) -> Screen:
    if options.as_json:
        return JsonScreen()
    rich = options.picture or (typed and sys.stdout.isatty())
    made = RichScreen(picture=options.picture) if rich else PlainScreen()
    if options.server:
        made.beside, made.steers = f" --server {options.server}", STEERING_AFAR
    return made


async def sit(play: Play, lines: list[Line] | None, *, new: bool, typed: bool) -> int:
    """The sitting itself. However it is broken off, it says how to go on."""
    try:
        await play.begin(new=new)
        if lines is not None:
            return await play.follow(each(lines), len(lines))
        if not typed:
            return await play.follow(piped())
        await play.converse()
    except StoreError as error:
        with_help(error, texts(lines or []))
        play.broken_off(error)
        raise
    except asyncio.CancelledError:  # Ctrl-C in the midst of a turn: the engine ends that turn as it closes
        play.screen.goodbye(play.session)
        raise
    return 0


async def _open_session(engine: "StoryEngine", options: Options) -> tuple[str, bool]:
    """The session to play and whether it is new."""
    if options.session:
        try:
            record = await engine.session(options.session)
        except UnknownSession as error:
            if not options.world:
                error.cure = "Name a --world to begin it, or list the sessions: tta sessions list"
                raise
        else:
            await _check_same(engine, record, options)
            if options.avoid:
                await engine.avoid(record["session"], [*record["avoid"], *options.avoid])
            return record["session"], False
    made = await engine.create(
        options.world or default_world(),
        session=options.session,
        model=options.model,
        seed=options.seed,
        techniques=options.techniques,
        avoid=options.avoid,
        character=await cast_here(engine, options.character) if options.character else "",
    )
    return made["session"], True


async def _check_same(engine: "StoryEngine", record: "Session", options: Options) -> None:
    """A session keeps what it was begun with. Raises InvalidInput where the options ask for something else."""
    check_cast(options.character, record["character"])
    world = load_world(options.world).world.world if options.world else record["world"]
    slots = (await engine.position(record["session"]))["slots"] if options.techniques else {"player.techniques": True}
    for flag, asked, has in (
        ("--world", world, record["world"]),
        ("--seed", record["seed"] if options.seed is None else options.seed, record["seed"]),
        ("--model", options.model or record["model"], record["model"]),
        ("--techniques", "with", "with" if slots.get("player.techniques") else "without"),
    ):
        if asked != has:
            raise InvalidInput(
                f"The session {record['session']} was begun with {flag} {has}, not {asked}"
                if flag != "--techniques"
                else f"The session {record['session']} was begun without --techniques",
                cure=f"Leave {flag} out to go on with it, or begin a new session without --session {record['session']}.",
            )


__all__ = ["Options", "play_story"]
