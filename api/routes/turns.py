"""Turns: play one, read one along, look back."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, status
from fastapi.responses import JSONResponse

from agents.errors import Conflict, UnknownTurn
from agents.story import Turn
from api.acceptance import Started, bound, play, played, retry, stored, words_of
from api.bodies import body_of
from api.repeats import REPLAYED, key_of
from api.routes.parts import Engine, PlayedTurnId, SessionId
from api.schemas import PROBLEMS, NewTurn, QueuedTurn, StoppedTurn, TurnPage
from api.streams import MEDIA_TYPE, as_stream, read_along, wants_events
from api.tolls import Paid
from graphs.actions import turn_id_of
from graphs.engine import StoryEngine
from graphs.queueing import Queued

router = APIRouter(prefix="/api/v1/sessions/{session}/turns", tags=["turns"])
retries = APIRouter(prefix="/api/v1/sessions/{session}/retry", tags=["turns"])

EVENT = {
    "type": "object",
    "description": "One event; its data is JSON, as the text of a stream holds it.",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": ["metadata", "sentence", "committed", "error", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
EVENTS = {
    "description": "The turn, or its events where `Accept: text/event-stream` asks for them",
    "content": {
        MEDIA_TYPE: {
            "schema": EVENT,
            "example": 'id: 0199f3c2:17-0\nevent: sentence\ndata: {"text": "Snow ticks at the glass."}\n\n',
        }
    },
}

ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "The turn is not over", "model": QueuedTurn},
}

Prefer = Annotated[str, Header(max_length=200, description="`respond-async`: do not wait for the turn.")]
LastEvent = Annotated[str, Header(alias="Last-Event-ID", max_length=200, description="Go on after this event.")]


@router.post(
    "", status_code=status.HTTP_201_CREATED, responses={**PROBLEMS, **ACCEPTED, 201: EVENTS}, response_model=Turn
)
async def play_turn(
    session: SessionId,
    asked: NewTurn,
    engine: Engine,
    request: Request,
    toll: Paid,
    last_event_id: LastEvent = "",
    prefer: Prefer = "",
) -> Response:
    """Plays an action: the committed turn as JSON, or read along as server-sent events. Leaving cancels nothing.

    With `Prefer: respond-async` the answer is 202 at once, and says where the turn will be and where its events are.
    """
    turn_id = _turn_id(session, asked, key_of(request.scope))
    action, strategy = asked.action, asked.multitask_strategy
    if _later(prefer):
        async with bound(engine, session, turn_id, words_of(action)):
            if not await played(engine, session, turn_id, action):
                queued = await engine.enqueue(session, action, turn_id=turn_id, strategy=strategy, permit=toll.turn)
                await engine.nudge(session)
                return _accepted(queued, preferred=True)
    started = await play(engine, session, action, turn_id=turn_id, strategy=strategy, toll=toll)
    return await _answer(engine, session, started, request, after=last_event_id)


@retries.post("", status_code=status.HTTP_201_CREATED, responses={**PROBLEMS, 201: EVENTS}, response_model=Turn)
async def retry_turn(session: SessionId, engine: Engine, request: Request, toll: Paid) -> Response:
    """The last action once more, on a new line; the turn that it replaces stays where a branch names it."""
    # A key belongs to what was asked with it: no header holds a line's end, so no key of a turn can be that of a retry.
    key = key_of(request.scope)
    turn_id = turn_id_of(session, f"retry\n{key}") if key else ""
    started = await retry(engine, session, turn_id=turn_id, said=body_of(request.scope), toll=toll)
    return await _answer(engine, session, started, request)


async def _answer(
    engine: StoryEngine, session: str, started: Started, request: Request, *, after: str = ""
) -> Response:
    """The turn when it is committed, or its events as they come, as the client asked."""
    turn_id, task = started.turn_id, started.task
    replayed = {REPLAYED: "true"} if started.again else {}
    if wants_events(request.headers.get("accept", "")):
        tasks = request.app.state.tasks
        told = await read_along(engine, tasks, session, turn_id, after=after, task=task, again=started.again)
        answer = as_stream(told, session, turn_id, status=status.HTTP_201_CREATED)
        answer.headers.update(replayed)
        return answer
    turn = await asyncio.shield(task)
    headers = {"Location": f"/api/v1/sessions/{session}/turns/{turn_id}", **replayed}
    return JSONResponse(turn, status.HTTP_201_CREATED, headers)


def _later(prefer: str) -> bool:
    """Whether the client does not want to wait (RFC 7240, 4.1)."""
    return any(each.partition(";")[0].strip().lower() == "respond-async" for each in prefer.split(","))


def _accepted(queued: Queued, *, preferred: bool = False) -> JSONResponse:
    """202: where the turn will be, and where its events are."""
    turn = f"/api/v1/sessions/{queued['session']}/turns/{queued['turn_id']}"
    headers = {"Location": turn, "Retry-After": "1"} | ({"Preference-Applied": "respond-async"} if preferred else {})
    body = QueuedTurn(**queued, turn=turn, events=f"{turn}/events")
    return JSONResponse(body.model_dump(), status.HTTP_202_ACCEPTED, headers)


def _turn_id(session: str, asked: NewTurn, key: str) -> str:
    """The id that the client gave its turn, in either way; empty when it gave none."""
    if key and asked.turn_id:
        raise Conflict("An Idempotency-Key and a turn_id are two names for one turn", cure="Send one of them.")
    return turn_id_of(session, key) if key else asked.turn_id or ""


@router.get("", responses=PROBLEMS)
async def list_turns(
    session: SessionId,
    engine: Engine,
    limit: Annotated[int, Query(ge=1, le=200, description="Turns on a page.")] = 50,
    before: Annotated[int | None, Query(ge=1, lt=2**53, description="Only turns with a smaller number.")] = None,
) -> TurnPage:
    """Turns of the active branch, newest first."""
    turns = await engine.turns(session, limit=limit, before=before)
    more = bool(turns) and turns[-1]["number"] > 1
    return TurnPage(turns=turns, before=turns[-1]["number"] if more else None)


@router.get("/{turn_id}", responses={**PROBLEMS, **ACCEPTED}, response_model=Turn)
async def get_turn(session: SessionId, turn_id: PlayedTurnId, engine: Engine) -> Any:
    """One turn, on whichever branch it is; 202 for one that is not over, the problem of one of which nothing came."""
    try:
        return await engine.turn(session, turn_id)
    except UnknownTurn as unknown:
        try:
            return _accepted(await engine.queued(session, turn_id))
        except UnknownTurn:
            if turn := await stored(engine, session, turn_id):  # committed between the two looks
                return turn
            raise await engine.failure(session, turn_id) or unknown from None


@router.delete("/{turn_id}", responses=PROBLEMS)
async def stop_turn(session: SessionId, turn_id: PlayedTurnId, engine: Engine) -> StoppedTurn:
    """Stops a turn that is played or waits; `current` is the one that is played. 409 where it was over already.

    Nothing of it stays, though something of it may have been read. What answers a person in danger is not stopped.
    """
    return StoppedTurn(turn_id=await engine.cancel(session, "" if turn_id == "current" else turn_id))


@router.get("/{turn_id}/events", responses={**PROBLEMS, 200: EVENTS, 204: {"description": "Nothing is left to read"}})
async def read_events(
    session: SessionId,
    turn_id: PlayedTurnId,
    engine: Engine,
    request: Request,
    toll: Paid,
    last_event_id: LastEvent = "",
) -> Response:
    """A turn's events, running or finished, from the one after `Last-Event-ID`."""
    await toll.stream(await engine.session(session))
    told = await read_along(engine, request.app.state.tasks, session, turn_id, after=last_event_id)
    return as_stream(told, session, turn_id)
