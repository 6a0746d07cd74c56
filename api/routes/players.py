"""Players: their profile, how far they have come, a short way to act, all that is theirs, and all of it gone."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import StreamingResponse

from api.players import ActionAnswer, PlayerAction, PlayerAnswer, PlayerChanges, ProgressPage
from api.repeats import Try
from api.routes.parts import Cursor, Engine, PlayerId
from api.routes.sessions import EXPORTED, NDJSON
from api.schemas import PROBLEMS
from api.tolls import Paid

router = APIRouter(prefix="/api/v1/players/{player}", tags=["players"])


@router.get("", responses=PROBLEMS)
async def get_player(player: PlayerId, engine: Engine) -> PlayerAnswer:
    """The player's profile; an empty one of who has said nothing yet. `me` is whoever asks."""
    return PlayerAnswer.model_validate(await engine.profile(player))


@router.patch("", responses=PROBLEMS)
async def change_player(player: PlayerId, asked: PlayerChanges, engine: Engine) -> PlayerAnswer:
    """Another name, other preferences. New sessions begin with them where they say nothing themselves."""
    changed = await engine.change_profile(
        player,
        name=asked.name,
        preferences=None if asked.preferences is None else asked.preferences.model_dump(exclude_unset=True),
    )
    return PlayerAnswer.model_validate(changed)


@router.get("/progress", responses=PROBLEMS)
async def get_progress(
    player: PlayerId,
    engine: Engine,
    limit: Annotated[int, Query(ge=1, le=50, description="Stories on a page.")] = 20,
    cursor: Cursor = "",
) -> ProgressPage:
    """How far each of the player's stories has come, those begun last first."""
    found, after = await engine.progress(player, limit=limit, after=cursor)
    return ProgressPage(stories=found, cursor=after or None)


@router.post("/actions", responses=PROBLEMS)
async def act(
    player: PlayerId, asked: PlayerAction, engine: Engine, tried: Try, toll: Paid, response: Response
) -> ActionAnswer:
    """Acts in the session that the player has played last. `success` says whether it was a step of the story."""
    # An earlier try may have played it: then it is that turn, whatever was played since.
    session = await tried.remember((await engine.current(player))["session"])
    turn = await engine.act(session, asked.action, turn_id=tried.mark, permit=toll.turn)
    # Also what an answer that is kept belongs to, so that it goes with its session.
    response.headers["Location"] = f"/api/v1/sessions/{session}/turns/{turn['turn_id']}"
    more: dict[str, Any] = {
        "success": turn["kind"] == "story",
        "narrative_update": turn["narration"],
        "state_changes": turn["changes"],
    }
    return ActionAnswer(**turn, **more)


@router.get("/export", responses={**PROBLEMS, 200: EXPORTED}, response_class=StreamingResponse)
async def export_player(player: PlayerId, engine: Engine) -> StreamingResponse:
    """All that is kept of a player as JSON Lines; without its last line, `end_player`, it is not whole."""
    await engine.profile(player)

    async def lines() -> AsyncGenerator[str]:
        async for line in engine.export_player(player):
            yield line + "\n"

    return StreamingResponse(lines(), media_type=NDJSON)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT, responses=PROBLEMS)
async def delete_player(player: PlayerId, engine: Engine) -> None:
    """Removes the player's sessions from both stores, and the profile, for good. The account that logs in stays."""
    await engine.delete_player(player)
