"""Whether the process lives, and whether it can serve."""

from fastapi import APIRouter

from agents.errors import StoreUnavailable, StoryError, UnknownSession
from api.routes.parts import Engine
from api.schemas import PROBLEMS, Health
from graphs.engine import StoryEngine

router = APIRouter(prefix="/health", tags=["health"])

_NOBODY = "health-check"


@router.get("/live")
async def live() -> Health:
    """The process answers. No store is asked."""
    return Health(status="live")


@router.get("/ready", responses=PROBLEMS)
async def ready(engine: Engine) -> Health:
    """Both stores answer; 503 with the one that does not."""
    return Health(status="ready", stores=await ping(engine))


async def ping(engine: StoryEngine) -> dict[str, str]:
    """Asks Redis (where event streams are) and story memory. Raises StoreUnavailable."""
    try:
        async for _ in engine.events(_NOBODY, _NOBODY):
            break
    except UnknownSession:
        pass
    except StoryError:
        raise
    except Exception:
        raise StoreUnavailable("Redis does not answer", cure="Run `tta doctor`.") from None
    versions = await engine.memory.version()
    return {"redis": "answers", **{f"memory {key}": str(value) for key, value in versions.items()}}
