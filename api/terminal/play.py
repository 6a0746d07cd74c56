"""Playing in a terminal: one sitting at one session, typed by a person or read from a script."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

from agents.errors import Conflict, SessionPaused, StoreError, StoryError
from agents.safety.crisis import as_typed
from agents.story import Tier, Turn
from agents.world.parse import parse
from api.attempts import listed_attempts, say_attempts
from api.cli.output import counted, fail
from api.terminal.places import Place, place_in
from api.terminal.screen import Named, Screen
from api.terminal.scripts import Line
from api.terminal.steering import Command, is_topics, read_command
from api.undone import say_undone

if TYPE_CHECKING:
    from graphs.engine import StoryEngine
    from graphs.memory.shapes import Branch, Session

PAUSED = "The story is paused. Say `resume` when you want to go on; nothing goes on before you do."
READY = "Go on with the rest when you are ready."
_NONE = ("none", "nothing")
_HELP = ("help", "help me", "please help", "commands", "")
"""Lines that ask for help; `?` alone leaves nothing."""


class Play:
    """One sitting at one session."""

    def __init__(self, engine: "StoryEngine", session: str, screen: Screen) -> None:
        self.engine = engine
        self.session = session
        self.screen = screen
        self.number = 0
        self.won = False
        self.stopped = False
        """Whether the last line was a crisis, played or turned away."""
        self._turned_away = False
        self._left: int | None = None
        self._risk: Tier = "none"
        self._told_paused = False
        """Whether the crisis words were shown since the story was paused: they are not repeated line by line."""
        self._steers = {
            "undo": self._undo,
            "retry": self._retry,
            "attempts": self._attempts,
            "attempt": self._attempt,
            "save": self._save,
            "load": self._load,
            "branches": self._branches,
            "avoid": self._avoid,
            "resume": self._resume,
        }

    async def begin(self, *, new: bool) -> None:
        """Shows the opening, or, to somebody who comes back, a recap; an unfinished turn is ended first."""
        recovered = await self.engine.recover(self.session)
        world = await self.engine.world(self.session)
        record = await self.engine.session(self.session)
        self._risk = record["risk"]
        if new:
            await self.screen.opening(world.title, _told(record), await self.engine.turn(self.session, "root"))
        else:
            recap = await self.engine.recap(self.session)
            recap = f"{PAUSED} {recap}" if record["paused"] else recap
            await self.screen.welcome_back(world.title, _told(record), recap, recovered)
        await self._show_place()

    async def converse(self) -> None:
        """Reads actions until the player leaves."""
        async for line in self._typed():
            try:
                if not await self.step(line):
                    break
            except StoryError as error:
                self.screen.mistake(self._eased(error, line))
        self.screen.goodbye(self.session)

    async def _typed(self) -> AsyncGenerator[str]:
        from api.terminal.prompt import read_lines  # noqa: PLC0415 - prompt-toolkit, only for a person

        async for line in read_lines(self.engine, self.session):
            if line.strip():
                yield line.strip()

    async def follow(self, lines: AsyncIterator[Line], total: int | None = None) -> int:
        """Plays a script of `total` lines, if that is known; the exit code.

        A line that cannot be played is told and the rest goes on. A crisis ends the script, unless its next line is
        `resume`: nobody has read what came of the line that led there. Raises StoreError, which ends it too: without
        its store no line can be played.
        """
        failed, played, unplayed = 0, 0, None
        async for line, place in lines:
            if self.stopped and line.lower() != "resume":
                unplayed = 0 if total is None else total - played
                break
            played += 1
            try:
                if not await self.step(line):
                    break
            except StoreError:
                self._left = None if total is None else total - played
                raise
            except StoryError as error:
                # A crisis is one whatever turned it away: nobody has read what it was answered.
                self._turned_away = self.stopped = self._in_crisis(line)
                self._eased(error, line)
                error.place = error.place or place
                failed = fail(error)
                self.screen.problem(line, error)
        if unplayed is not None:
            rest = f"the rest ({counted(unplayed, 'line')})" if unplayed else "what came after it"
            cause = f"The script stopped at a crisis; {rest} was not played"
            failed = fail(Conflict(cause, cure=READY) if self._turned_away else SessionPaused(cause, cure=PAUSED))
        self.screen.done(won=self.won, turns=self.number, session=self.session, unplayed=unplayed)
        return failed

    def broken_off(self, error: StoreError) -> None:
        """A script that its store has ended says so, and how many of its lines were not played."""
        self.screen.problem("", error)
        self.screen.done(won=self.won, turns=self.number, session=self.session, unplayed=self._left)

    async def step(self, line: str) -> bool:
        """One line of the player; False when it ends the sitting.

        The whole line is screened before it may steer: `undo I want to die` undoes nothing and is answered.
        """
        screened = self.engine.screen.action(line, risk=self._risk)
        steers = (screened["tier"] == "none" and screened["action"] != "refuse") or is_topics(line)
        command = read_command(line) if steers else None
        if command is None:
            await self._act(line)
        elif command.word == "quit":
            return False
        else:
            await self._steers[command.word](command)
        return True

    async def _act(self, line: str) -> None:
        turn_id, task = await self.engine.start(self.session, line)
        heard: list[str] = []
        try:
            await self._follow_turn(turn_id, line, heard)
        except StoryError:
            # Reading along failed, the turn goes on: what was not heard is shown when it is done.
            rest = (await asyncio.shield(task))["narration"]
            for sentence in heard:
                rest = rest.replace(sentence, "", 1)
            await self.screen.sentence(as_typed(rest.strip()))
        await self._shown(await asyncio.shield(task), line)

    async def _follow_turn(self, turn_id: str, line: str, heard: list[str]) -> None:
        self.screen.begin_turn(line)
        async for event in self.engine.events(self.session, turn_id):
            if event["kind"] == "sentence":
                heard.append(str(event["data"]["text"]))
                await self.screen.sentence(as_typed(heard[-1]))

    async def _shown(self, turn: Turn, line: str) -> None:
        self.number, self.won = turn["number"], turn["won"]
        self.stopped = self._told_paused = turn["kind"] == "crisis"
        for verdict in turn["verdicts"]:
            if verdict["tier"] == "crisis" or (verdict["tier"] == "check_in" and self._risk == "none"):
                self._risk = verdict["tier"]
        timings, place = await self._timings(turn["turn_id"]), await self._place()
        self.screen.end_turn(turn, line, timings, place)
        self.number = place["number"]
        if turn["kind"] == "story" and await self._asks_help(line):
            self.screen.steering()
        self.screen.place(place)

    async def _timings(self, turn_id: str) -> dict[str, float]:
        """Milliseconds of the turn, by node."""
        return {each["node"]: round(each["ms"], 2) for each in await self.engine.trace(self.session, turn_id)}

    async def _place(self) -> Place:
        return place_in(await self.engine.world(self.session), await self.engine.position(self.session))

    async def _asks_help(self, line: str) -> bool:
        world = await self.engine.world(self.session)
        return any(command.verb == "help" for command in parse(line, world))

    def _in_crisis(self, line: str) -> bool:
        return self.engine.screen.action(line, risk=self._risk)["tier"] == "crisis"

    def _eased(self, error: StoryError, line: str) -> StoryError:
        """While a story is paused the resources are shown once, then one line each; always to a person at risk, or who
        asks for `help`."""
        if isinstance(error, SessionPaused) and not is_help(line) and self.engine.screen.action(line)["tier"] == "none":
            if self._told_paused:
                error.help = None
            self._told_paused = True
        if error.help:
            error.help = {**error.help, "text": as_typed(str(error.help.get("text", "")))}
        return error

    async def _undo(self, command: Command) -> None:
        asked, before = int(command.rest or 1), (await self.engine.position(self.session))["number"]
        branch = await self.engine.undo(self.session, asked)
        self.screen.note("undo", say_undone(asked, before, branch["number"]), **_named(branch))
        await self._show_place()

    async def _retry(self, command: Command) -> None:
        del command
        if (await self.engine.session(self.session))["paused"]:  # before anything is taken back for it
            raise SessionPaused("The story is paused", cure="Go on with `resume` when you are ready.")
        turn = await self.engine.retry(self.session)
        self.screen.begin_turn(turn["action"])
        await self.screen.sentence(turn["narration"])
        await self._shown(turn, turn["action"])

    async def _attempts(self, command: Command) -> None:
        del command
        found, head = await self.engine.attempts(self.session), (await self.engine.position(self.session))["head"]
        self.screen.note("attempts", say_attempts(found, head), attempts=listed_attempts(found, head))

    async def _attempt(self, command: Command) -> None:
        turn = await self.engine.take_attempt(self.session, int(command.rest))
        self.screen.note(
            "attempt",
            f"At attempt {int(command.rest)} of turn {turn['number']}. {turn['narration']}",
            turn=turn["number"],
        )
        await self._show_place()

    async def _save(self, command: Command) -> None:
        saved = await self.engine.save(self.session, command.rest)
        active = (await self.engine.session(self.session))["branch"]
        text = f"Saved as '{saved['name']}' at turn {saved['number']}. Play goes on on '{active}'."
        self.screen.note("save", text, saved=saved["name"], branch=active, turn=saved["number"])

    async def _load(self, command: Command) -> None:
        branch = await self.engine.switch(self.session, command.rest)
        text = f"On '{branch['name']}', turn {branch['number']}. Playing on moves it."
        self.screen.note("load", text, **_named(branch))
        await self._show_place()

    async def _branches(self, command: Command) -> None:
        del command
        found = await self.engine.branches(self.session)
        told = [f"{'*' if b['active'] else ' '} {b['name']} (turn {b['number']})" for b in found]
        listed = [{"branch": b["name"], "turn": b["number"], "active": b["active"]} for b in found]
        self.screen.note("branches", "\n".join(told), branches=listed)

    async def _avoid(self, command: Command) -> None:
        now = (await self.engine.session(self.session))["avoid"]
        if command.rest:
            asked = [] if command.rest.lower() in _NONE else [*now, *command.rest.split(",")]
            now = (await self.engine.avoid(self.session, asked))["avoid"]
        said = f"The story leaves out: {', '.join(now)}." if now else "The story leaves out nothing in particular."
        self.screen.note("avoid", said, avoid=now)

    async def _resume(self, command: Command) -> None:
        del command
        paused = (await self.engine.session(self.session))["paused"]
        await self.engine.resume(self.session)
        self.stopped = self._told_paused = False
        self.screen.note("resume", "The story goes on where it was." if paused else "The story is not paused: go on.")
        await self._show_place()

    async def _show_place(self) -> None:
        place = await self._place()
        self.number = place["number"]
        self.screen.place(place)


def is_help(line: str) -> bool:
    """Whether the line asks for help with the game, by itself."""
    return line.lower().strip(" .!?") in _HELP


def _told(record: "Session") -> Named:
    return Named(session=record["session"], world=record["world"])


def _named(branch: "Branch") -> dict[str, object]:
    return {"branch": branch["name"], "turn": branch["number"]}
