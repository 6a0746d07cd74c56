"""A sitting at a story that a server keeps: the same words and the same screens, over the API."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agents.errors import InvalidInput, SessionPaused, StoryError, UnknownSession, UnknownWorld
from agents.safety.crisis import as_typed
from agents.safety.screen import Screen as Safety
from agents.story import Turn
from api.client import Begun, Client, LoginNeeded, Sentence, ServerGone, ServerSilent
from api.refusals import UnknownRoute
from api.schemas import NewSessionAnswer, SessionAnswer
from api.terminal.places import Place
from api.terminal.play import PAUSED, Play, is_help
from api.terminal.screen import Named, Screen
from api.terminal.scripts import with_help
from api.terminal.steering import Command
from graphs.ending import end

if TYPE_CHECKING:
    from graphs.engine import StoryEngine
    from graphs.settings import Settings

SOON_S = 3.0
"""So long a server may say nothing before the person is told so."""

LOGIN = "Set TTA_TOKEN to a token or an API key of that server."
_CURES: dict[type[StoryError], str] = {
    SessionPaused: "Go on with `resume` when you are ready.",
    UnknownSession: "Check the id, or leave --session out to begin a new one.",
    LoginNeeded: LOGIN,
}
"""What to do at a terminal where the server says what to do over HTTP."""


def at_terminal(error: StoryError) -> StoryError:
    """The error with a cure for whoever sits at a terminal."""
    error.cure = next((cure for kind, cure in _CURES.items() if isinstance(error, kind)), error.cure)
    if error.code == UnknownRoute("").code:
        error.cure = "Give the server's address alone, such as http://127.0.0.1:8000."
    if isinstance(error, UnknownWorld) and error.choices and "`GET " in error.cure:
        error.cure = ""  # the choices are all that it would list
    return error


@dataclass(frozen=True)
class FarStory:
    """What a sitting asks of an engine, asked of a server: of one session, in the engine's words."""

    client: Client
    screen: Safety
    """Reads every line here, too: one that steers must not be the cry of a person at risk."""
    settings: "Settings"

    async def session(self, session: str) -> dict[str, Any]:
        """The record, with the branch that is played."""
        found = await self.client.sessions.get(session)
        return {**found.model_dump(), "branch": found.position.branch}

    async def retry(self, session: str) -> Turn:
        return await self.client.turns.retry(session)

    async def save(self, session: str, name: str) -> dict[str, Any]:
        return (await self.client.sessions.save(session, name)).model_dump()

    async def switch(self, session: str, name: str) -> dict[str, Any]:
        found = (await self.client.sessions.switch(session, name)).position
        return {"name": found.branch, "number": found.turn}

    async def branches(self, session: str) -> list[dict[str, Any]]:
        return [branch.model_dump() for branch in await self.client.sessions.branches(session)]

    async def avoid(self, session: str, topics: list[str]) -> dict[str, Any]:
        return (await self.client.sessions.change(session, avoid=topics)).model_dump()

    async def resume(self, session: str) -> None:
        await self.client.sessions.resume(session)


class FarPlay(Play):
    """One sitting at one session of a server."""

    def __init__(self, story: FarStory, session: SessionAnswer, screen: Screen) -> None:
        # It has what the methods that are not overridden ask for.
        super().__init__(cast("StoryEngine", story), session.session, screen)
        self.client = story.client
        self._story = story
        self._first = session
        self._typing = False
        """Whether a person types, and no script."""
        self._heard = asyncio.Event()
        """Set once the server has answered to the line."""

    async def begin(self, *, new: bool) -> None:
        """Shows the opening, or the last turn to somebody who comes back; the server has ended what was unfinished."""
        first = self._first
        self._risk = first.risk
        told = Named(session=first.session, world=first.world)
        if new and isinstance(first, NewSessionAnswer):
            await self.screen.opening(first.title, told, first.turn)
        else:
            last = await self.client.turns.get(first.session, first.position.turn_id)
            recap = last["narration"] if isinstance(last, dict) else "A turn is being played."
            await self.screen.welcome_back(first.title, told, f"{PAUSED} {recap}" if first.paused else recap, None)
        await self._show_place()

    async def step(self, line: str) -> bool:
        self._heard.clear()
        asked = asyncio.create_task(super().step(line))
        try:
            if self._typing:
                await self._say_soon(asked, line)
            return await asked
        except StoryError as error:
            raise with_help(at_terminal(error), [line], screen=self._story.screen)  # noqa: B904 - it is the same error
        finally:
            await end(asked)

    async def _say_soon(self, asked: "asyncio.Task[bool]", line: str) -> None:
        """Of a server that says nothing the person hears so soon, and nobody at risk waits for it to have the resources."""
        hearing = asyncio.create_task(self._heard.wait())
        try:
            await asyncio.wait({asked, hearing}, timeout=SOON_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(hearing)
        if not asked.done() and not self._heard.is_set():
            silent = ServerSilent("The server has not answered yet", cure="It is asked on; Ctrl-C leaves.")
            self.screen.mistake(with_help(silent, [line], screen=self._story.screen))

    async def _typed(self) -> AsyncGenerator[str]:
        from api.terminal.prompt import read_far_lines  # noqa: PLC0415 - prompt-toolkit, only for a person

        self._typing = True
        async for line in read_far_lines(self._story.settings, self._story.screen, self._names):
            if line.strip():
                yield line.strip()

    async def _names(self) -> tuple[Place, list[str]]:
        """What can be named at the prompt."""
        return await self._place(), [branch["name"] for branch in await self._story.branches(self.session)]

    async def _act(self, line: str) -> None:
        """The turn as it is told. A connection that breaks is taken up again; the turn goes on meanwhile."""
        turn: Turn | None = None
        async with aclosing(self.client.turns.stream(self.session, line)) as events:
            async for event in events:
                self._heard.set()
                if isinstance(event, Begun):
                    self.screen.begin_turn(line)
                elif isinstance(event, Sentence):
                    await self.screen.sentence(as_typed(event.text))
                else:
                    turn = event.turn
        if turn is None:
            raise ServerGone("The server has not told the turn's end", cure="Say `look` to see where you are.")
        await self._shown(turn, line)

    async def _timings(self, turn_id: str) -> dict[str, float]:
        """None: what a turn's nodes took is told to authors alone."""
        del turn_id
        return {}

    async def _place(self) -> Place:
        """Where the session stands now."""
        found = await self.client.sessions.get(self.session)
        stands = found.position.model_dump()
        number = stands.pop("turn")
        del stands["turn_id"]
        return cast(Place, {**stands, "number": number, "paused": found.paused})

    async def _asks_help(self, line: str) -> bool:
        return is_help(line)

    async def _undo(self, command: Command) -> None:
        undone = await self.client.sessions.undo(self.session, int(command.rest or 1))
        self.screen.note("undo", undone.note, branch=undone.position.branch, turn=undone.position.turn)
        await self._show_place()

    async def _attempts(self, command: Command) -> None:
        raise InvalidInput(
            f"`{command.word}` cannot be had over HTTP",
            cure="Keep places with `save NAME` and go back with `load NAME`.",
        )

    async def _attempt(self, command: Command) -> None:
        await self._attempts(command)
