"""Sessions: begin one, look at one, go on after a crisis, move between its branches, take it along, remove it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Body, Header, Query, Response, status
from fastapi.responses import StreamingResponse

from agents.errors import Conflict, HeadMoved, UnknownSession
from agents.world.load import default_world, load_world
from agents.world.sight import sight_of
from agents.world.view import View
from api.auth.policy import player_for, whose
from api.etags import etag, names, tagged
from api.refusals import Changed
from api.repeats import Tried, Try
from api.routes.parts import Asking, BranchInPath, Cursor, Engine, SessionId
from api.routes.worlds import check_model, check_world
from api.schemas import (
    ID_PATTERN,
    PROBLEMS,
    BranchAnswer,
    BranchName,
    NewSession,
    NewSessionAnswer,
    Preferences,
    SessionAnswer,
    SessionChanges,
    SessionPage,
    SessionRecord,
    Undo,
    UndoAnswer,
)
from api.tolls import Paid
from api.undone import say_undone
from graphs.engine import StoryEngine

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])

NDJSON = "application/x-ndjson"
EXPORTED = {
    "description": "The session's file, a JSON object a line",
    "content": {NDJSON: {"schema": {"type": "string"}, "example": '{"tta":"story","version":1}\n{"session":{}}\n'}},
}


@router.post("", status_code=status.HTTP_201_CREATED, responses=PROBLEMS)
async def create_session(
    asked: NewSession, engine: Engine, response: Response, caller: Asking, tried: Try, toll: Paid
) -> NewSessionAnswer:
    """Begins a story in a shipped world. The answer holds the opening as turn 0."""
    player = player_for(caller, asked.whose())
    world = check_world(asked.world if "world" in asked.model_fields_set else default_world())
    preferred = await _preferred(engine, player, asked)
    # YAML and a provider's package take their time, once each: not in the event loop.
    await asyncio.to_thread(load_world, world)
    await asyncio.to_thread(check_model, asked.model, engine.settings, caller.role)
    begun = await _is_begun(engine, tried)
    if not begun:
        await toll.session(player)
    made = await engine.create(
        world,
        session=tried.mark[:16],  # an earlier try may have begun it: then it is that one
        player=player,
        model=asked.model,
        seed=asked.seed,
        title=asked.title,
        techniques=preferred.techniques,
        avoid=preferred.avoid,
        character="" if begun else asked.character or "",  # it may be gone since
    )
    response.headers["Location"] = f"/api/v1/sessions/{made['session']}"
    shown = await show(engine, made["session"])
    return NewSessionAnswer(**shown.model_dump(), turn=await engine.turn(made["session"], "root"))


async def _is_begun(engine: StoryEngine, tried: Tried) -> bool:
    """Whether an earlier try has begun it: that one has paid."""
    try:
        return tried.again and bool(await engine.session(tried.mark[:16]))
    except UnknownSession:
        return False


async def _preferred(engine: StoryEngine, player: str, asked: NewSession) -> Preferences:
    """What the body says, else its preferences, else those of the player."""
    own = (await engine.profile(player))["preferences"]
    given = asked.preferences.model_dump(exclude_unset=True) if asked.preferences else {}
    said = asked.model_dump(include={"avoid", "techniques"} & asked.model_fields_set)
    return Preferences.model_validate({**own, **given, **said})


@router.get("", responses=PROBLEMS)
async def list_sessions(
    engine: Engine,
    caller: Asking,
    player: Annotated[str | None, Query(pattern=ID_PATTERN, description="Only this player's.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Sessions on a page.")] = 50,
    cursor: Cursor = "",
) -> SessionPage:
    """Sessions, those begun last first. Each is on one page, whatever is played or begun meanwhile."""
    found, after = await engine.sessions(player=whose(caller, player), limit=limit, after=cursor)
    return SessionPage(sessions=[SessionRecord.model_validate(record) for record in found], cursor=after or None)


@router.get("/{session}", responses={**PROBLEMS, 304: {"description": "It is as `If-None-Match` knows it"}})
async def get_session(
    session: SessionId, engine: Engine, response: Response, if_none_match: Annotated[str, Header(max_length=1000)] = ""
) -> SessionAnswer:
    """A session and where its active branch stands. Its `ETag` changes with whatever is shown of it."""
    shown = await show(engine, session)
    if names(if_none_match, etag(shown)):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag(shown)})  # pyright: ignore[reportReturnType] - FastAPI sends it as it is
    return tagged(response, shown)


@router.patch("/{session}", responses=PROBLEMS)
async def change_session(
    session: SessionId,
    asked: SessionChanges,
    engine: Engine,
    response: Response,
    if_match: Annotated[str, Header(max_length=1000)] = "",
) -> SessionAnswer:
    """Another title; other topics to leave out from the next turn on. With `If-Match`, only if it is as it was."""

    async def check() -> None:
        if not names(if_match, etag(await show(engine, session))):
            raise Changed(
                "The session is not as If-Match says", cure="Get it again, look, and change what is there now."
            )

    await engine.change(session, title=asked.title, avoid=asked.avoid, check=check if if_match else None)
    return tagged(response, await show(engine, session))


@router.post("/{session}/pause", responses=PROBLEMS)
async def pause_session(session: SessionId, engine: Engine) -> SessionAnswer:
    """Nothing moves in the story until it is resumed. A turn that runs is finished first."""
    await engine.pause(session)
    return await show(engine, session)


@router.post("/{session}/resume", responses=PROBLEMS)
async def resume_session(session: SessionId, engine: Engine) -> SessionAnswer:
    """The player's explicit choice to go on with a story that is paused."""
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
async def save_branch(session: SessionId, asked: BranchName, engine: Engine, tried: Try) -> BranchAnswer:
    """A named branch at a turn (by default the last); play goes on where it was."""
    try:
        made = await engine.save(session, asked.name, at=asked.turn, turn_id=asked.turn_id)
    except Conflict:
        # An earlier try would have been told that the name is taken: it was that try which took it.
        found = [branch for branch in await engine.branches(session) if branch["name"] == asked.name]
        if not (tried.again and found):
            raise
        made = found[0]
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
async def undo_turns(
    session: SessionId, engine: Engine, tried: Try, asked: Annotated[Undo, Body(default_factory=Undo)]
) -> UndoAnswer:
    """Takes turns back; without a body, the last one. Where there were fewer turns, all of them."""
    await engine.recover(session)  # or what it ends would not be counted
    turns, position, earlier = asked.turns, await engine.position(session), tried.note
    head, _, number = (await tried.remember(f"{position['head']} {position['number']}")).rpartition(" ")
    before = int(number)
    try:
        now = (await engine.undo(session, turns, head=head if tried.mark else ""))["number"]
    except HeadMoved:
        if not earlier:
            raise
        # An earlier try has moved it: nothing is taken back a second time.
        now = min(before, position["number"])
    shown = await show(engine, session)
    return UndoAnswer(**dict(shown), undone=before - now, note=say_undone(turns, before, now))


async def show(engine: StoryEngine, session: str) -> SessionAnswer:
    """The session as a client sees it."""
    record = await engine.session(session)
    position = await engine.position(session)
    standing = {
        "branch": position["branch"],
        "turn": position["number"],
        "turn_id": position["head"],
        "choices": position["choices"],
        **sight_of(View(await engine.world(session), position["slots"])),
    }
    return SessionAnswer.model_validate({**record, "position": standing})
