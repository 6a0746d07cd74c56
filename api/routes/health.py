"""Whether the process lives, and whether it can serve."""

from fastapi import APIRouter, Request, Response, status

from api.readiness import Health, Readiness
from api.routes.parts import Engine

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Health:
    """The process answers. No store is asked."""
    return Health(status="live")


@router.get("/ready", responses={503: {"model": Health, "description": "No story can be played"}})
async def ready(engine: Engine, request: Request, response: Response) -> Health:
    """200 while stories can be played, `degraded` where something is worse than it should be; 503 where they cannot, and in
    a process that was told to stop.

    Each dependency says what it is and what to do about it, within about a second, whatever hangs. What was found is told
    again for two seconds.
    """
    readiness: Readiness = request.app.state.readiness
    found = await readiness.look(engine)
    if found.status in ("failed", "stopping"):
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return found
