"""A turn for clients of AG-UI: a run comes in, its events go out (`api.runs`, `api.agui`)."""

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from api.acceptance import bound, play
from api.agui import MEDIA_TYPE, Run, frames
from api.bodies import body_of
from api.repeats import REPLAYED, key_of
from api.routes.parts import Engine, SessionId
from api.routes.turns import LastEvent
from api.runs import RunInput, said, turn_of
from api.schemas import PROBLEMS
from api.streams import HEADERS, read_along, with_heartbeats
from api.tolls import Paid
from graphs.actions import turn_id_of
from graphs.engine import StoryEngine
from graphs.queueing import Strategy

router = APIRouter(prefix="/api/v1/sessions/{session}/agui", tags=["turns"])

EVENT = {
    "type": "object",
    "description": "One event; its data is JSON of AG-UI, as the text of a stream holds it.",
    "required": ["data"],
    "properties": {
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The run, as events of AG-UI 1.0",
        "content": {
            MEDIA_TYPE: {
                "schema": EVENT,
                "example": 'data: {"type": "TEXT_MESSAGE_CONTENT", "messageId": "0199f3c2", "delta": "Snow ticks."}\n\n',
            }
        },
    }
}

Second = Annotated[Strategy, Query(description="Where a turn is played already, as of `POST .../turns`.")]


@router.post("", responses={**PROBLEMS, **EVENTS}, response_class=StreamingResponse)
async def play_run(
    session: SessionId,
    asked: RunInput,
    engine: Engine,
    request: Request,
    toll: Paid,
    last_event_id: LastEvent = "",
    multitask_strategy: Second = "reject",
) -> StreamingResponse:
    """Plays the last user message of a run, or an unanswered one before it that calls for help, and tells the turn as
    events of AG-UI. Leaving cancels nothing.

    The session is that of the path; `threadId` is given back. The run's id is the turn's, where it is 8 to 64 letters,
    digits, - and _ (else `Location` says the turn's). Nothing else of the run is used, and nothing of it is kept. For a
    person at risk a refusal is a run too, with 200: the resources as a message, then RUN_ERROR.
    """
    action, turn_id = await _action(engine, asked), turn_of(session, asked.run_id)
    async with AsyncExitStack() as stack:
        if key := key_of(request.scope):
            named = turn_id_of(session, f"run of a key\n{key}")
            await stack.enter_async_context(bound(engine, session, named, body_of(request.scope)))
        started = await play(engine, session, action, turn_id=turn_id, strategy=multitask_strategy, toll=toll)
    turn_id, again = started.turn_id, started.again
    told = await read_along(engine, request.app.state.tasks, session, turn_id, task=started.task, again=again)
    assert told is not None  # from its beginning there is always something
    run = Run(asked.thread_id, asked.run_id, session, turn_id, engine.settings.locale)
    headers = {**HEADERS, "Location": f"/api/v1/sessions/{session}/turns/{turn_id}"}
    headers |= {REPLAYED: "true"} if again else {}
    shown = with_heartbeats(frames(told, run, last_event_id))
    return StreamingResponse(shown, headers=headers, media_type=MEDIA_TYPE)


async def _action(engine: StoryEngine, asked: RunInput) -> str:
    """The last user message. Where one before it, which nobody has answered, calls for help, that one: it is not lost."""
    action, before = said(asked)
    for text in reversed(before):
        if (await asyncio.to_thread(engine.screen.action, text))["tier"] != "none":
            return text
    return action
