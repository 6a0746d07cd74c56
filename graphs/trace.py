"""What a turn did, node by node.

While a turn runs, each node's entry goes to a Redis list, so that a crash loses none; once the turn is committed, the
whole trace is kept with the turn in story memory and the list expires. An entry is bounded: see `MAX_ENTRY`. It has
placeholders for personal data, whatever the model was told: the turn itself holds the player's words, a trace need not.
"""

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import Redis
from typing_extensions import TypedDict

from agents.safety.redaction import Redaction
from graphs.keys import story_key
from graphs.sealing import PLAIN, Seal
from graphs.telemetry import operation

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

KEEP_S = 24 * 3600
"""Seconds that the list of a turn lives: longer than any turn, shorter than for ever."""

MAX_ENTRY = 48 * 1024


class TraceEntry(TypedDict):
    """One node of one turn. `input` holds the keys that the node asked for, `output` those that it set."""

    order: int
    node: str
    input: dict[str, Any]
    output: dict[str, Any]
    route: str
    """The node that came next; empty for the last."""
    ms: float
    resumed: bool
    """Whether a process that died ran the nodes before."""


class TraceLog:
    """The running turn's entries in Redis: `{prefix}:trace:{story}:{turn}`."""

    def __init__(
        self,
        redis: "Redis",
        story: str,
        turn_id: str,
        *,
        seal: Seal = PLAIN,
        redaction: Redaction | None = None,
        prefix: str = "tta",
    ) -> None:
        """`redaction` is the session's, so that a value has the placeholder that the model was told."""
        self._redis = redis
        self._redaction = redaction or Redaction()
        self._seal = seal
        self._key = story_key("trace", story, turn_id, prefix=prefix)
        self._expires = False
        """Whether the list is there and runs out, as its first entry has it do."""
        self._parts: dict[tuple[str, int], tuple[Any, str]] = {}
        """By key and identity, a value and what is written of it: most stand in the entry of each node that follows."""
        self._hidden = 0
        """How many values the redaction knew when these were written."""

    async def append(self, entry: TraceEntry) -> None:
        body = self._body(entry)
        if self._expires:
            await cast(Any, self._redis.rpush(self._key, self._seal.close(body)))
            return
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(self._key, self._seal.close(body))
            pipe.expire(self._key, KEEP_S)
            await pipe.execute()
        self._expires = True

    def _body(self, entry: TraceEntry) -> str:
        """The entry as JSON, with placeholders for personal data."""
        rest = json.dumps({**entry, "input": 0, "output": 0})
        sides = f'"input": {self._side(entry["input"])}, "output": {self._side(entry["output"])}'
        body = rest.replace('"input": 0, "output": 0', sides, 1)
        return body if len(body) <= MAX_ENTRY else rest.replace('put": 0', 'put": {"cut": true}', 2)

    def _side(self, values: dict[str, Any]) -> str:
        return "{" + ", ".join(self._part(key, value) for key, value in values.items()) + "}"

    def _part(self, key: str, value: Any) -> str:
        """One member, made once: nodes return new values and change none."""
        if self._hidden != self._redaction.count:  # what was learned since is hidden in all that follows
            self._parts.clear()
            self._hidden = self._redaction.count
        known = self._parts.get((key, id(value)))
        if known and known[0] is value:
            return known[1]
        text = json.dumps(self._redaction.hide_data({key: value}), ensure_ascii=False, default=str)[1:-1]
        self._parts[key, id(value)] = (value, text)
        return text

    async def entries(self) -> list[TraceEntry]:
        """In order, with each entry's route filled in."""
        raw: Any = await self._redis.lrange(self._key, 0, -1)
        return route_entries([json.loads(self._seal.open(item.decode())) for item in raw])

    async def drop(self) -> None:
        await self._redis.delete(self._key)


def route_entries(entries: list[TraceEntry]) -> list[TraceEntry]:
    """Numbers the entries and says of each which node came next."""
    following = [entry["node"] for entry in entries[1:]] + [""]
    for order, entry in enumerate(entries):
        entry["order"], entry["route"] = order, following[order]
    return entries


def without_words(entry: TraceEntry) -> TraceEntry:
    """The entry without the player's words: those of a person at risk are not kept."""
    for side in (entry["input"], entry["output"]):
        if "action" in side:
            side["action"] = "<not kept>"
    return entry


Node = Callable[[Any, "Runtime[Any]"], Awaitable[Any]]


def traced(node: Node) -> Any:
    """The node, with an entry in the turn's log when it has run. Its annotations stay: LangGraph reads its input there."""

    @wraps(node)
    async def run(state: Any, runtime: "Runtime[Any]") -> Any:
        services = runtime.context
        began = services.clock.monotonic()
        with operation("node", node.__name__):
            output = await node(state, runtime)
        ms = (services.clock.monotonic() - began) * 1000
        entry = TraceEntry(
            order=0,
            node=node.__name__,
            input=compact(dict(state)),
            output=compact(dict(output)),
            route="",
            ms=round(ms, 3),
            resumed=False,
        )
        await services.trace.append(entry)
        return output

    return run


def compact(values: dict[str, Any]) -> dict[str, Any]:
    """Large maps are named by size: the slots of any turn can be had from `tta facts --at`."""
    return {
        key: f"<{len(value)} slots>" if key == "slots" and isinstance(value, dict) else value
        for key, value in values.items()
    }
