"""What several routes take: the engine, and ids in the path.

What a route depends on is `async`, though it waits for nothing: FastAPI hands a plain function to a thread, each time anew.
"""

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from api.auth.caller import Caller, caller_of
from api.auth.policy import ME
from api.schemas import ID_PATTERN
from graphs.engine import StoryEngine


async def engine_of(request: Request) -> StoryEngine:
    """The engine that the app's lifespan has opened."""
    engine: StoryEngine = request.app.state.engine
    return engine


Engine = Annotated[StoryEngine, Depends(engine_of)]
Asking = Annotated[Caller, Depends(caller_of)]
"""Who asks. That they may, and that the session of the path is theirs, was looked at before (`api.auth.policy`)."""
SessionId = Annotated[str, Path(pattern=ID_PATTERN, description="A session's id.", examples=["0199f3c2b7a14e5d"])]
PlayedTurnId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A turn's id; `root` is the opening.", examples=["root"]),
]
Cursor = Annotated[str, Query(pattern=f"^$|{ID_PATTERN}", description="`cursor` of the page before.")]
BranchInPath = Annotated[str, Path(max_length=64, description="A branch's name.", examples=["before the storm"])]


async def player_of(
    player: Annotated[str, Path(pattern=ID_PATTERN, description="A player's id; `me` is whoever asks.", examples=[ME])],
    caller: Asking,
) -> str:
    """The player that the path names."""
    return caller.player if player == ME else player


CharacterId = Annotated[str, Path(pattern=ID_PATTERN, description="A character's id.", examples=["0199f3c2b7a14e5d"])]
PlayerId = Annotated[str, Depends(player_of)]
