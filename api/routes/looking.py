"""Looking into a story: what is true in it, and what its turns did. For whoever builds stories: both tell what a player
has not found out yet.
"""

from typing import Annotated

from fastapi import APIRouter, Query

from api.facts import FactAnswer, shown
from api.routes.parts import Engine, PlayedTurnId, SessionId
from api.schemas import PROBLEMS, TraceAnswer
from graphs.engine import StoryEngine

router = APIRouter(prefix="/api/v1/sessions/{session}", tags=["looking"])

Number = Annotated[int | None, Query(ge=0, lt=2**53, description="A turn's number; without one, the last.")]


@router.get("/facts", responses=PROBLEMS)
async def list_facts(
    session: SessionId,
    engine: Engine,
    at: Number = None,
    about: Annotated[str | None, Query(min_length=1, max_length=200, description="A thing's id.")] = None,
    branch: Annotated[str | None, Query(max_length=64, description="Another branch than the active one.")] = None,
    everything: Annotated[bool, Query(alias="all", description="Also what only counts what was told.")] = False,
) -> list[FactAnswer]:
    """What is true after a turn, by slot, since which turn and until when."""
    return shown(await engine.facts(session, branch=branch, at=at, about=about), everything=everything)


@router.get("/trace", responses=PROBLEMS)
async def trace_turn(
    session: SessionId,
    engine: Engine,
    turn: Annotated[int | None, Query(ge=1, lt=2**53, description="A turn's number; without one, the last.")] = None,
) -> TraceAnswer:
    """What each node of a turn of the active branch did."""
    found = await engine.find_turn(session, turn)
    return await _trace(engine, session, found["turn_id"])


@router.get("/turns/{turn_id}/trace", responses=PROBLEMS)
async def trace_turn_by_id(session: SessionId, turn_id: PlayedTurnId, engine: Engine) -> TraceAnswer:
    """What each node of a turn did, on whichever branch it is, and whether it is of the story or beside it."""
    return await _trace(engine, session, turn_id)


async def _trace(engine: StoryEngine, session: str, turn_id: str) -> TraceAnswer:
    turn = await engine.turn(session, turn_id)
    nodes = await engine.trace(session, turn_id)
    return TraceAnswer(turn_id=turn_id, number=turn["number"], nodes=nodes)
