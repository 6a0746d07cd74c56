"""Sessions: begin one, look at one, go on after a crisis, move between its branches, take it along, remove it."""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Response, status
from fastapi.responses import StreamingResponse

from agents.world.load import load_world
from agents.world.scene import goal_states
from agents.world.view import View
from api.auth.policy import player_for
from api.routes.parts import Asking, BranchInPath, Engine, SessionId
from api.routes.worlds import check_model, check_world
from api.schemas import (
    PROBLEMS,
    BranchAnswer,
    BranchName,
    NewSession,
    NewSessionAnswer,
    SessionAnswer,
    SessionChanges,
    Standing,
    Thing,
    Undo,
    UndoAnswer,
)
from api.undone import say_undone
from graphs.engine import StoryEngine

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])

NDJSON = "application/x-ndjson"
EXPORTED = {
    "description": "The session's file, a JSON object a line",
    "content": {NDJSON: {"schema": {"type": "string"}, "example": '{"tta":"story","version":1}\n{"session":{}}\n'}},
}


@router.post("", status_code=status.HTTP_201_CREATED, responses=PROBLEMS)
async def create_session(asked: NewSession, engine: Engine, response: Response, caller: Asking) -> NewSessionAnswer:
    """Begins a story in a shipped world. The answer holds the opening as turn 0."""
    player = player_for(caller, asked.player if "player" in asked.model_fields_set else None)
    world = check_world(asked.world)
    # YAML and a provider's package take their time, once each: not in the event loop.
    await asyncio.to_thread(load_world, world)
    await asyncio.to_thread(check_model, asked.model, engine.settings.model)
    made = await engine.create(
        world,
        player=player,
        model=asked.model,
        seed=asked.seed,
        title=asked.title,
        techniques=asked.techniques,
        avoid=asked.avoid,
    )
    response.headers["Location"] = f"/api/v1/sessions/{made['session']}"
    shown = await show(engine, made["session"])
    return NewSessionAnswer(**shown.model_dump(), turn=await engine.turn(made["session"], "root"))


@router.get("/{session}", responses=PROBLEMS)
async def get_session(session: SessionId, engine: Engine) -> SessionAnswer:
    """A session and where its active branch stands."""
    return await show(engine, session)


@router.patch("/{session}", responses=PROBLEMS)
async def change_session(session: SessionId, asked: SessionChanges, engine: Engine) -> SessionAnswer:
    """From the next turn on the story leaves out the topics given, and no others."""
    await engine.avoid(session, asked.avoid)
    return await show(engine, session)


@router.post("/{session}/resume", responses=PROBLEMS)
async def resume_session(session: SessionId, engine: Engine) -> SessionAnswer:
    """The player's explicit choice to go on with a story that a crisis has paused."""
    await engine.resume(session)
    return await show(engine, session)


@router.delete("/{session}", status_code=status.HTTP_204_NO_CONTENT, responses=PROBLEMS)
async def delete_session(session: SessionId, engine: Engine) -> None:
    """Removes a session from both stores, for good."""
    await engine.delete(session)


@router.get("/{session}/export", responses={**PROBLEMS, 200: EXPORTED}, response_class=StreamingResponse)
async def export_session(session: SessionId, engine: Engine, caller: Asking, traces: bool = True) -> StreamingResponse:
    """All of a session as JSON Lines, for `tta sessions import`; without its last line, `end`, it is not whole.

    Traces are for authors and operators.
    """
    traces = traces and caller.may("author")
    await engine.session(session)

    async def lines() -> AsyncGenerator[str]:
        async for line in engine.export(session, traces=traces):
            yield line + "\n"

    return StreamingResponse(lines(), media_type=NDJSON)


@router.get("/{session}/branches", responses=PROBLEMS)
async def list_branches(session: SessionId, engine: Engine) -> list[BranchAnswer]:
    """The branches of a session, oldest first."""
    return [BranchAnswer.model_validate(branch) for branch in await engine.branches(session)]


@router.post("/{session}/branches", status_code=status.HTTP_201_CREATED, responses=PROBLEMS)
async def save_branch(session: SessionId, asked: BranchName, engine: Engine) -> BranchAnswer:
    """A named branch at a turn (by default the last); play goes on where it was."""
    made = await engine.save(session, asked.name, at=asked.turn, turn_id=asked.turn_id)
    return BranchAnswer.model_validate(made)


@router.delete("/{session}/branches/{name}", status_code=status.HTTP_204_NO_CONTENT, responses=PROBLEMS)
async def delete_branch(session: SessionId, name: BranchInPath, engine: Engine) -> None:
    """Takes a branch's name away; its turns stay. 409 for the branch that is played now."""
    await engine.delete_branch(session, name)


@router.post("/{session}/branches/{name}/switch", responses=PROBLEMS)
async def switch_branch(session: SessionId, name: BranchInPath, engine: Engine) -> SessionAnswer:
    """Play goes on on that branch."""
    await engine.switch(session, name)
    return await show(engine, session)


@router.post("/{session}/undo", responses=PROBLEMS)
async def undo_turns(session: SessionId, engine: Engine, asked: Undo | None = None) -> UndoAnswer:
    """Takes turns back; without a body, the last one. Where there were fewer turns, all of them."""
    await engine.recover(session)  # or what it ends would not be counted
    turns, before = asked.turns if asked else 1, (await engine.position(session))["number"]
    now = (await engine.undo(session, turns))["number"]
    shown = await show(engine, session)
    return UndoAnswer(**dict(shown), undone=before - now, note=say_undone(turns, before, now))


async def show(engine: StoryEngine, session: str) -> SessionAnswer:
    """The session as a client sees it."""
    record = await engine.session(session)
    position = await engine.position(session)
    view = View(await engine.world(session), position["slots"])
    standing = Standing(
        branch=position["branch"],
        turn=position["number"],
        turn_id=position["head"],
        location=Thing(id=view.here, name=view.location.name),
        inventory=[Thing(id=key, name=view.name(key)) for key in view.inventory],
        goals=goal_states(view),
        choices=position["choices"],
        won=view.won,
    )
    return SessionAnswer.model_validate({**record, "position": standing})
