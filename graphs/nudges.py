"""Nudges: a docket task an action that waits, by which some worker looks into its session.

docket keeps no order within a session, may bring a task twice, and brings one whose worker died again after a while. None
of that matters: what is to be played, and in which order, lies in the session (`graphs.waiting`), and whoever plays it
holds the session's lease. A nudge only names the session.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from docket import Docket, Worker
from docket.dependencies import ExponentialRetry
from redis.exceptions import RedisClusterException

from graphs.settings import Settings
from graphs.stores import REDIS_FAILS, Stores, translated
from graphs.telemetry import observe

if TYPE_CHECKING:
    from graphs.queueing import StoryQueue

REDELIVERY = timedelta(seconds=2)
"""After which silence of a worker its nudges are another one's. A worker that lives says so more often."""

LOOK = timedelta(milliseconds=100)

RECONNECT = timedelta(seconds=1)

TASK = "play_waiting"

_PATIENT = ExponentialRetry.forever(maximum_delay=timedelta(seconds=1))
"""A store that fails is asked again for as long as it takes; nothing else makes a nudge fail."""


class Nudges:
    """Leaves nudges for workers."""

    def __init__(self, docket: Docket, *, configured: bool) -> None:
        self._docket, self._configured = docket, configured

    async def nudge(self, session: str) -> None:
        """Raises StoreError."""
        with translated(configured=self._configured):
            # A key of its own each: one that is being worked on may have looked before this action was there.
            await self._docket.add(TASK)(session)

    async def workers(self) -> int:
        """How many have been heard of in the last ten seconds (docket's own limit). Raises StoreError."""
        with translated(configured=self._configured):
            return len(await self._docket.workers())


@asynccontextmanager
async def open_nudges(stores: Stores, settings: Settings) -> AsyncGenerator[Nudges]:
    """Raises StoreError."""
    async with _docket(stores, settings) as docket:
        docket.register(_nobody, names=[TASK])
        yield Nudges(docket, configured=stores.configured)


@asynccontextmanager
async def _docket(stores: Stores, settings: Settings, concurrency: int = 0) -> AsyncGenerator[Docket]:
    connections = max(settings.redis_queue_pool, 2 * concurrency)
    url = bounded(stores.one_url(), connections)
    logging.getLogger("docket").setLevel(logging.ERROR)  # it logs the arguments of tasks
    docket = Docket(name=f"tta:1:docket:{settings.tenant}", url=url, execution_ttl=timedelta(0))
    with translated(configured=stores.configured):
        await docket.__aenter__()
    try:
        yield docket
    finally:
        with suppress(*REDIS_FAILS):
            await docket.__aexit__(None, None, None)


def bounded(url: str, connections: int) -> str:
    """The URL with a limit for the pools that docket makes of it, where it says none itself: docket has no other way."""
    if "max_connections" in parse_qs(urlsplit(url).query):
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}max_connections={connections}"


async def _nobody(session: str) -> None:
    """What a nudge names where none are worked on."""


async def _run(worker: Worker, stopping: asyncio.Event) -> None:
    """docket waits for a Redis that is gone; of a Cluster redis-py tells that by errors which docket takes for its own."""
    while not stopping.is_set():
        try:
            await worker.run_forever()
            return
        except* (RedisClusterException, AttributeError):  # the latter where a connection was closed while it was opened
            observe("reconnect", store="redis")
        await asyncio.sleep(RECONNECT.total_seconds())


async def work(
    engine: "StoryQueue", stores: Stores, settings: Settings, stopping: asyncio.Event, *, concurrency: int
) -> None:
    """Plays what waits wherever a nudge says so, until `stopping`. Then what is being played is played to its end; what
    still waits is left to others.
    """
    async with _docket(stores, settings, concurrency) as docket:

        async def play_waiting(session: str, retry: Any = _PATIENT) -> None:
            await engine.play_all(session)
            if await engine.waits(session):  # this worker stops
                await docket.add(TASK)(session)

        docket.register(play_waiting, names=[TASK])
        async with Worker(
            docket,
            concurrency=concurrency,
            redelivery_timeout=REDELIVERY,
            reconnection_delay=RECONNECT,
            minimum_check_interval=LOOK,
            schedule_automatic_tasks=False,
        ) as worker:
            sweeping = asyncio.create_task(engine.keep_playing(stopping))
            working = asyncio.create_task(_run(worker, stopping))
            stopped = asyncio.create_task(stopping.wait())
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            engine.stop_playing()
            stopping.set()
            await sweeping
            for task in (stopped, working):
                task.cancel()  # once: docket then waits for what it plays, and a second time would break that off
                with suppress(asyncio.CancelledError):
                    await task
