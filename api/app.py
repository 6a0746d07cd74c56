"""The HTTP API: `build_app()` for any ASGI server, `tta serve` on this machine. No story logic here."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from api import docs, problems, repeats, sockets, tolls
from api.auth.guard import build_guard
from api.auth.policy import Doors, Logins, admit
from api.bodies import Bodies
from api.intime import InTime
from api.observability.layer import Named, Observed
from api.observability.opening import figures, open_tracing, own_version
from api.queries import know_query
from api.readiness import Readiness
from api.requests import Origins, Requests
from api.routes import agui, auth, characters, health, looking, metrics, players, sessions, turns, worlds
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
    agui.router,
    looking.router,
    players.router,
    characters.router,
    sockets.router,
    docs.router,
)

LAYERS = (
    *(repeats.Repeats, problems.Words, Doors, Origins, Bodies, tolls.Tolls, Logins, Named),
    *(InTime, Requests, Observed),
)
"""The innermost first: the last one is the first to see a request."""


def build_app(settings: Settings | None = None, engine: StoryEngine | None = None) -> FastAPI:
    """The app over an engine that is open already, or over one that its lifespan opens and closes."""

    tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        chosen = engine.settings if engine else settings or read_settings()
        with open_tracing(chosen):
            async with nullcontext(engine) if engine else open_engine(chosen) as opened:
                app.state.engine, app.state.guard, app.state.booth = opened, build_guard(opened), tolls.Booth(opened)
                opened.prepare()
                opened.screen.warm_soon()
                async with _playing(opened):
                    yield
                if tasks:  # unfinished turns that readers have asked for
                    await asyncio.wait(tasks, timeout=opened.settings.model_timeout_s)

    app = _untold(
        title="TTA",
        version=own_version(),
        description="Therapeutic text adventures: sessions, turns as JSON or server-sent events, RFC 9457 problems.\n"
        + repeats.PROMISES
        + tolls.PROMISES,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    app.openapi = lambda: docs.describe(app)  # pyright: ignore[reportAttributeAccessIssue] - FastAPI's documented way
    return _furnish(app, engine, tasks, ROUTERS)


def build_figures_app(engine: StoryEngine) -> FastAPI:
    """`/metrics` and `/health` alone, behind the API's own layers: asked under the same names, `/metrics` with the same
    login and role."""
    app = _untold(openapi_url=None)
    return _furnish(app, engine, set(), (health.router, metrics.router))


def _untold(**options: Any) -> FastAPI:
    """FastAPI's own telemetry would tell paths, queries and what errors say; ours tells none of it (`api/observability`)."""
    kinds = ("tracing", "metrics", "logs", "operation_spans", "auto_configure")
    telemetry: Any = dict.fromkeys(kinds, False)
    everywhere = [Depends(admit), Depends(know_query)]
    return FastAPI(redirect_slashes=False, dependencies=everywhere, telemetry=telemetry, **options)


def _furnish(
    app: FastAPI, engine: StoryEngine | None, tasks: set[asyncio.Task[None]], routers: tuple[APIRouter, ...]
) -> FastAPI:
    app.state.engine, app.state.guard = engine, build_guard(engine) if engine else None
    app.state.booth = tolls.Booth(engine) if engine else None
    app.state.tasks = tasks
    app.state.figures, app.state.readiness = figures(), Readiness()
    problems.install(app)
    for router in routers:
        app.include_router(router)
    for layer in LAYERS:
        app.add_middleware(layer)
    return app


def operation_id(route: APIRoute) -> str:
    """An operation is called as its function is: generated clients call theirs so."""
    return route.name


@asynccontextmanager
async def _playing(engine: StoryEngine) -> AsyncGenerator[None]:
    """What waits is played here, or is left to workers: then these can be nudged. Raises StoreError."""
    stopping = asyncio.Event()
    if engine.settings.queue == "workers":
        await engine.nudges()
        stopping.set()
    sweeping = asyncio.create_task(engine.keep_playing(stopping))
    try:
        yield
    finally:
        stopping.set()
        await sweeping
