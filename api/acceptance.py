"""How a turn is accepted over HTTP, whichever route asks: an id belongs to its words, and what is played stays as it is."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agents.errors import KeyReused, StoryError, TurnInProgress, UnknownTurn
from agents.story import Turn
from api.tolls import Toll
from graphs.engine import StoryEngine
from graphs.queueing import Strategy


@dataclass(frozen=True)
class Started:
    """A turn that is played, or was: `again`."""

    turn_id: str
    task: "asyncio.Task[Turn]"
    again: bool


@asynccontextmanager
async def bound(engine: StoryEngine, session: str, turn_id: str, said: bytes) -> AsyncGenerator[None]:
    """A turn's id belongs to what was sent with it first, also where the turn does not keep the words. Raises KeyReused.

    What is refused before it is accepted leaves the id free.
    """
    if not turn_id:
        yield
        return
    name = engine.repeats.name("turn", session, turn_id)
    new = await engine.repeats.bind(name, said, session=session)
    try:
        yield
    except StoryError as error:
        if new and error.status < 500:
            await engine.repeats.unbind(name, session=session)
        raise


async def play(
    engine: StoryEngine, session: str, action: str, *, turn_id: str, strategy: Strategy, toll: Toll
) -> Started:
    """The turn of an action; one that is sent again while it is played is joined. Raises what turns it away."""
    async with bound(engine, session, turn_id, words_of(action)):
        again = await played(engine, session, turn_id, action)
        try:
            started = await engine.send(session, action, turn_id=turn_id, strategy=strategy, permit=toll.turn)
        except TurnInProgress as error:
            started = await _joined(engine, session, turn_id, error, toll)
    return Started(*started, again)


async def retry(engine: StoryEngine, session: str, *, turn_id: str, said: bytes, toll: Toll) -> Started:
    """The last action once more, in the same way. `said` is what its id belongs to."""
    async with bound(engine, session, turn_id, said):
        again = await stored(engine, session, turn_id) is not None
        try:
            started = await engine.start_retry(session, turn_id=turn_id, permit=toll.turn)
        except TurnInProgress as error:
            started = await _joined(engine, session, turn_id, error, toll)
    return Started(*started, again)


async def _joined(
    engine: StoryEngine, session: str, turn_id: str, error: TurnInProgress, toll: Toll
) -> "tuple[str, asyncio.Task[Turn]]":
    """The turn that is being played, for whoever sends it again. Raises the error where it is another one."""
    task = await engine.join(session, turn_id) if turn_id else None
    if task is None:
        raise error
    await toll.along(await engine.session(session))
    return turn_id, task


def words_of(action: str) -> bytes:
    """An action as what its id belongs to: blanks around it do not count."""
    return action.strip().encode("utf-8", "surrogatepass")


async def played(engine: StoryEngine, session: str, turn_id: str, action: str) -> bool:
    """Whether that turn is played already. Raises KeyReused where it was played with another action."""
    turn = await stored(engine, session, turn_id)
    if turn is None:
        return False
    # Only story turns keep their action, and for longer than `bound` knows it.
    if turn["kind"] == "story" and turn["action"] != action.strip():
        raise KeyReused("That key belongs to a turn with another action", cure="Use a new key for a new action.")
    return True


async def stored(engine: StoryEngine, session: str, turn_id: str) -> Turn | None:
    """The turn, where it is committed."""
    try:
        return await engine.turn(session, turn_id) if turn_id else None
    except UnknownTurn:
        return None
