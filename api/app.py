"""The HTTP API: `build_app()` for any ASGI server, `tta serve` on this machine. No story logic here."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version

from fastapi import Depends, FastAPI

from api import docs, problems, repeats, sockets
from api.auth.guard import build_guard
from api.auth.policy import Doors, Logins, admit
from api.bodies import Bodies
from api.requests import Origins, Requests
from api.routes import auth, health, looking, metrics, players, sessions, turns, worlds
from graphs.engine import StoryEngine, open_engine
from graphs.settings import Settings, read_settings

ROUTERS = (
    health.router,
    metrics.router,
    auth.router,
    worlds.router,
    sessions.router,
    turns.router,
    turns.retries,
    looking.router,
    players.router,
    sockets.router,
    docs.router,
)

LAYERS = (repeats.Repeats, problems.Words, Doors, Origins, Bodies, Logins, Requests)
"""The innermost first: the last one is the first to see a request."""


def build_app(settings: Settings | None = None, engine: StoryEngine | None = None) -> FastAPI:
    """The app over an engine that is open already, or over one that its lifespan opens and closes."""

    tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with nullcontext(engine) if engine else open_engine(settings or read_settings()) as opened:
            app.state.engine, app.state.guard = opened, build_guard(opened)
            opened.prepare()
            opened.screen.warm_soon()
            yield
            if tasks:  # unfinished turns that readers have asked for
                await asyncio.wait(tasks, timeout=opened.settings.model_timeout_s)

    app = FastAPI(
        title="TTA",
        version=_version(),
        description="Therapeutic text adventures: sessions, turns as JSON or server-sent events, RFC 9457 problems.\n"
        + repeats.PROMISES,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(admit)],
    )
    app.state.engine, app.state.guard = engine, build_guard(engine) if engine else None
    app.state.tasks = tasks
    app.openapi = lambda: docs.describe(app)  # pyright: ignore[reportAttributeAccessIssue] - FastAPI's documented way
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    for layer in LAYERS:
        app.add_middleware(layer)
    return app


def _version() -> str:
    try:
        return version("tta")
    except PackageNotFoundError:
        return "0"
