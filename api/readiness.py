"""Whether stories can be played: each dependency is looked at, all at once and within a second, whatever hangs.

`/health/ready` needs no login, so nothing is told but words that stand here and titles of errors: no address, no version,
nothing that an error said.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from agents.errors import StoryError
from agents.models import check_spec
from graphs.engine import StoryEngine
from graphs.telemetry import observe

PATIENCE_S = 1.0
"""Longest wait for any dependency. Probes give up after some seconds (Kubernetes: one, unless it is told otherwise)."""

FRESH_S = 2.0
"""How long what was found is told again: many probes look no oftener than one."""

BACKLOG = 10
"""Entries that the webhook owes before that is called degraded: one or two are owed for a moment after every crisis."""

State = Literal["ok", "degraded", "failed"]
Finding = tuple[State, str]

_ANSWERS: Finding = ("ok", "It answers")
_LATE = f"It has not answered within {PATIENCE_S:g} s"
_WORTH = {"ok": 1.0, "degraded": 0.5, "failed": 0.0}


class Dependency(BaseModel):
    """What the API needs, as it was found: `degraded` is worse than it should be, and stories go on."""

    state: Literal["ok", "degraded", "failed"]
    ms: Annotated[float, Field(description="How long the answer took.")]
    says: Annotated[str, Field(examples=["It answers"])]
    cure: Annotated[str, Field(description="What an operator does about it.")] = ""


class Health(BaseModel):
    """`live`; or `ready`, `degraded` or `failed`, with each dependency; or `stopping` in a process that was told to stop."""

    status: Annotated[str, Field(examples=["ready"])]
    dependencies: dict[str, Dependency] = Field(default_factory=dict[str, Dependency])


@dataclass(frozen=True)
class Look:
    """How one dependency is looked at. `late` is what it is while it does not answer."""

    find: Callable[[StoryEngine], Awaitable[Finding]]
    cure: str
    late: State = "failed"


async def _redis(engine: StoryEngine) -> Finding:
    await engine.ping()
    return _ANSWERS


async def _memory(engine: StoryEngine) -> Finding:
    await engine.memory.version()
    return _ANSWERS


async def _safety(engine: StoryEngine) -> Finding:
    """Rules are read at the start, or nothing starts; the classifier is loaded meanwhile."""
    if engine.screen.warmth == "failed":
        return "failed", "The classifier cannot be loaded: every action is held"
    if engine.screen.faults:
        return "degraded", "A changed file of rules is not valid: the last good ones are in force"
    if engine.screen.warmth != "warm":
        return "degraded", "The classifier is being loaded: the first action waits for it"
    return "ok", "Rules and classifier are loaded"


async def _model(engine: StoryEngine) -> Finding:
    """Whether the default model is set up: nothing is asked of it, for that costs money."""
    await asyncio.to_thread(check_spec, engine.settings.model)
    return "ok", "It is set up"


async def _audit(engine: StoryEngine) -> Finding:
    if engine.audit.lost:
        return "degraded", "Entries were lost: there was no room for more while the store did not take them"
    if engine.audit.waiting:
        return "degraded", "Entries wait for the store to take them"
    return "ok", "All is written"


async def _workers(engine: StoryEngine) -> Finding:
    found = await engine.workers()
    if found is None:
        return "ok", "Turns for which nobody waits are played here"
    return (
        ("ok", "Some are at work")
        if found
        else ("degraded", "None is at work: turns for which nobody waits go on waiting")
    )


async def _webhook(engine: StoryEngine) -> Finding:
    owed = await engine.owed()
    if owed is None:
        return "ok", "None is configured"
    return ("degraded", "It does not take what it is told") if owed >= BACKLOG else ("ok", "It takes what it is told")


LOOKS: dict[str, Look] = {
    "redis": Look(_redis, "Run `tta doctor` on that machine; check TTA_REDIS_URL and that the server runs."),
    "memory": Look(_memory, "Run `tta doctor` on that machine; check TTA_NEO4J_URI and that the server runs."),
    "safety": Look(
        _safety, "Wait if it is being loaded; else run `tta doctor`, and mend the rules that the log names."
    ),
    "model": Look(_model, "Run `tta doctor` on that machine; check TTA_MODEL and its key."),
    "audit": Look(_audit, "Mend Redis; what waits is written once it answers.", late="degraded"),
    "workers": Look(
        _workers, "Run `tta worker` with the same TTA_REDIS_URL and TTA_TENANT, or set TTA_QUEUE=here.", late="degraded"
    ),
    "webhook": Look(
        _webhook, "Check TTA_SAFETY_WEBHOOK_URL and its receiver; tries go on for three days.", late="degraded"
    ),
}


@dataclass
class Readiness:
    """What was found last, told again while it is fresh. One of an app."""

    stopping: bool = False
    """The process ends what it plays and wants no more: whoever balances sends it elsewhere."""
    _looking: "asyncio.Task[Health] | None" = None
    _until: float = 0.0
    _left: "set[asyncio.Task[Finding]]" = field(default_factory=set["asyncio.Task[Finding]"])
    """Looks that were given up and have not ended yet."""

    async def look(self, engine: StoryEngine) -> Health:
        """Never raises, never takes much longer than PATIENCE_S."""
        if self.stopping:
            return Health(status="stopping")
        if self._looking is None or (self._looking.done() and monotonic() >= self._until):
            self._looking = asyncio.create_task(self._look(engine))
        return await asyncio.shield(self._looking)

    async def _look(self, engine: StoryEngine) -> Health:
        began = perf_counter()
        ended: dict[str, float] = {}
        tasks = {name: asyncio.create_task(_as_task(look.find(engine))) for name, look in LOOKS.items()}
        for name, task in tasks.items():
            task.add_done_callback(lambda _, name=name: ended.setdefault(name, perf_counter()))
        await asyncio.wait(tasks.values(), timeout=PATIENCE_S)
        found: dict[str, Dependency] = {}
        for name, task in tasks.items():
            state, says = self._found(task, LOOKS[name])
            ms = round((ended.get(name, perf_counter()) - began) * 1000, 1)
            found[name] = Dependency(state=state, ms=ms, says=says, cure="" if state == "ok" else LOOKS[name].cure)
            observe("dependency", _WORTH[state], dependency=name)
        self._until = monotonic() + FRESH_S
        return Health(status=_status(found), dependencies=found)

    def _found(self, task: "asyncio.Task[Finding]", look: Look) -> Finding:
        if not task.done():
            task.cancel()
            self._left.add(task)  # it may take its time to end: nobody waits for it
            task.add_done_callback(self._end)
            return look.late, _LATE
        error = task.exception()
        if error is None:
            return task.result()
        # Its class says what it is about; what it says itself may name a place or quote.
        return look.late, error.title if isinstance(error, StoryError) else "It fails"

    def _end(self, task: "asyncio.Task[Finding]") -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()


async def _as_task(look: Awaitable[Finding]) -> Finding:
    return await look


def _status(found: dict[str, Dependency]) -> str:
    states = {one.state for one in found.values()}
    return "failed" if "failed" in states else "degraded" if "degraded" in states else "ready"
