"""Playing in a terminal: the loop, the words that steer the play itself, and the script mode."""

import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.errors import InvalidInput, StoryError, UnknownSession
from agents.story import Turn
from agents.world.load import load_world, shipped_worlds
from agents.world.view import View
from api.cli.output import engine_of, fail, print_json
from api.terminal.screen import JsonScreen, PlainScreen, RichScreen, Screen

if TYPE_CHECKING:
    from graphs.engine import StoryEngine

DEFAULT_WORLD = "winter_light"


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    world: str = ""
    session: str = ""
    model: str = ""
    seed: int | None = None
    techniques: bool = False
    script: str = ""
    as_json: bool = False
    picture: Path | None = None
    data_dir: Path | None = None


async def play_story(options: Options) -> int:
    """Plays; the exit code. Everything that can be wrong with the options is said before a store is opened."""
    lines = _script_lines(options.script) if options.script else None
    if options.picture and lines is None:
        raise InvalidInput("A picture is made of a script", cure="Name it with --script FILE.")
    if options.world:
        load_world(options.world)
    if options.model:
        from agents.models import check_spec  # noqa: PLC0415

        check_spec(options.model)
    async with engine_of(data_dir=options.data_dir) as engine:
        session, new = await _open_session(engine, options)
        screen = _screen(options, scripted=lines is not None)
        play = Play(engine, session, screen)
        await play.begin(new=new)
        if lines is None:
            await play.converse()
            return 0
        return await play.follow(lines)


def _screen(options: Options, *, scripted: bool) -> Screen:
    if options.as_json:
        return JsonScreen()
    if options.picture:
        return RichScreen(picture=options.picture)
    return PlainScreen() if scripted or not sys.stdout.isatty() else RichScreen()


def _script_lines(name: str) -> list[str]:
    """The actions of a script; blank lines and `#` comments are left out. Raises InvalidInput at the file."""
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidInput("The script is not UTF-8", place=f"{name}:{line}", cure="Save it as UTF-8.") from None
    except OSError as error:
        raise InvalidInput(f"The script cannot be read: {error.strerror}", place=name, cure="Check the path.") from None
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


async def _open_session(engine: "StoryEngine", options: Options) -> tuple[str, bool]:
    """The session to play and whether it is new."""
    if options.session:
        try:
            return (await engine.session(options.session))["session"], False
        except UnknownSession as error:
            if not options.world:
                error.cure = "Name a --world to begin it, or list the sessions: tta sessions list"
                raise
    world = options.world or (DEFAULT_WORLD if DEFAULT_WORLD in shipped_worlds() else shipped_worlds()[0])
    made = await engine.create(
        world,
        session=options.session,
        model=options.model,
        seed=options.seed,
        techniques=options.techniques,
    )
    return made["session"], True


class Play:
    """One sitting at one session."""

    def __init__(self, engine: "StoryEngine", session: str, screen: Screen) -> None:
        self.engine = engine
        self.session = session
        self.screen = screen
        self.number = 0
        self.won = False

    async def begin(self, *, new: bool) -> None:
        """Shows the opening, or, to somebody who comes back, a recap; an unfinished turn is ended first."""
        recovered = await self.engine.recover(self.session)
        world = await self.engine.world(self.session)
        record = await self.engine.session(self.session)
        if new:
            await self.screen.opening(world, record, await self.engine.turn(self.session, "root"))
        else:
            await self.screen.welcome_back(world, record, await self.engine.recap(self.session), recovered)
        await self._show_place()

    async def converse(self) -> None:
        """Reads actions until the player leaves."""
        async for line in self._typed():
            try:
                if not await self.step(line):
                    break
            except StoryError as error:
                self.screen.mistake(error)
        self.screen.goodbye(self.session)

    async def _typed(self) -> AsyncGenerator[str]:
        from api.terminal.prompt import read_lines  # noqa: PLC0415 - prompt-toolkit, only for a person

        async for line in read_lines(self.engine, self.session):
            if line.strip():
                yield line.strip()

    async def follow(self, lines: list[str]) -> int:
        """Plays a script. A line that cannot be played is told and the rest goes on; the exit code says so."""
        failed = 0
        for line in lines:
            try:
                if not await self.step(line):
                    break
            except StoryError as error:
                failed = fail(error)
                self.screen.problem(line, error)
        self.screen.done(won=self.won, turns=self.number, session=self.session)
        return failed

    async def step(self, line: str) -> bool:
        """One line of the player; False when it ends the sitting."""
        word, _, rest = line.partition(" ")
        steer = {
            "undo": self._undo,
            "retry": self._retry,
            "save": self._save,
            "load": self._load,
            "switch": self._load,
            "branches": self._branches,
            "resume": self._resume,
        }.get(word.lower())
        if word.lower() in ("quit", "exit", "q") and not rest:
            return False
        if steer and (word.lower() not in ("load", "save", "switch") or rest):
            await steer(rest.strip())
            return True
        await self._act(line)
        return True

    async def _act(self, line: str) -> None:
        turn_id, task = await self.engine.start(self.session, line)
        await self._follow_turn(turn_id, line)
        await self._shown(await task, line)

    async def _follow_turn(self, turn_id: str, line: str) -> None:
        self.screen.begin_turn(line)
        async for event in self.engine.events(self.session, turn_id):
            if event["kind"] == "sentence":
                await self.screen.sentence(str(event["data"]["text"]))

    async def _shown(self, turn: Turn, line: str) -> None:
        self.number, self.won = turn["number"], turn["won"]
        entries = await self.engine.trace(self.session, turn["turn_id"])
        timings = {entry["node"]: round(entry["ms"], 2) for entry in entries}
        world, position = await self.engine.world(self.session), await self.engine.position(self.session)
        self.screen.end_turn(turn, line, timings, View(world, position["slots"]))
        self.number = position["number"]
        self.screen.place(world, position)

    async def _undo(self, rest: str) -> None:
        if rest and not rest.isdigit():
            raise InvalidInput(f"'{rest[:20]}' is no number of turns", cure="Say `undo` or `undo 3`.")
        branch = await self.engine.undo(self.session, int(rest or 1))
        self.number = branch["number"]
        self.screen.note("undo", f"Back at turn {branch['number']}.", branch=branch)
        await self._show_place()

    async def _retry(self, rest: str) -> None:
        del rest
        turn = await self.engine.retry(self.session)
        self.screen.begin_turn(turn["action"])
        await self.screen.sentence(turn["narration"])
        await self._shown(turn, turn["action"])

    async def _save(self, name: str) -> None:
        branch = await self.engine.save(self.session, name)
        self.screen.note("save", f"Saved as '{branch['name']}' at turn {branch['number']}.", branch=branch)

    async def _load(self, name: str) -> None:
        branch = await self.engine.switch(self.session, name)
        self.number = branch["number"]
        self.screen.note("load", f"On '{branch['name']}', turn {branch['number']}.", branch=branch)
        await self._show_place()

    async def _branches(self, rest: str) -> None:
        del rest
        for branch in await self.engine.branches(self.session):
            mark = "*" if branch["active"] else " "
            self.screen.note("branches", f"{mark} {branch['name']} (turn {branch['number']})", branch=branch)

    async def _resume(self, rest: str) -> None:
        del rest
        await self.engine.resume(self.session)
        self.screen.note("resume", "The story goes on where it was.")

    async def _show_place(self) -> None:
        position = await self.engine.position(self.session)
        self.number = position["number"]
        self.screen.place(await self.engine.world(self.session), position)


__all__ = ["Options", "Play", "play_story", "print_json"]
