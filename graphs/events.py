"""What happens in a turn, as it happens: one Redis stream a turn, with an expiry.

Whoever runs the turn appends, whoever serves a client reads; the two need not be one process. An event's id is the
turn's id and a sequence, so a client that lost its connection says where it was.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal, cast

from redis.asyncio import Redis
from typing_extensions import TypedDict

from agents.errors import StoryError, error_of
from graphs.keys import story_key, text_of
from graphs.sealing import PLAIN, Seal
from graphs.wakes import Wakes

BATCH = 64
"""Events that one read brings."""

# One command and one answer, where a transaction takes five: each sentence of each turn comes by here.
_APPEND = """
for at = 3, #ARGV, 2 do redis.call('xadd', KEYS[1], '*', 'kind', ARGV[at], 'data', ARGV[at + 1]) end
redis.call('expire', KEYS[1], ARGV[1])
redis.call('publish', ARGV[2], KEYS[1])
"""

EventKind = Literal["metadata", "sentence", "committed", "error", "end"]


class Event(TypedDict):
    """One event. `sentence` carries `text`, `committed` the turn, `error` a problem; after `end` nothing follows."""

    id: str
    kind: EventKind
    data: dict[str, Any]


def error_in(data: Mapping[str, Any]) -> StoryError:
    """The error that an `error` event tells of, with help for whoever is at risk."""
    error = error_of(str(data.get("code", "")), str(data.get("detail", "")))
    error.help = data.get("help")
    return error


class Events:
    """The event streams of one story's turns, a key each."""

    def __init__(
        self, redis: "Redis", story: str, wakes: Wakes, *, ttl_s: int = 900, seal: Seal = PLAIN, prefix: str = "tta"
    ) -> None:
        self._redis = redis
        self._wakes = wakes
        self._seal = seal
        self._ttl_s = ttl_s
        self._story, self._prefix = story, prefix

    def key(self, turn_id: str) -> str:
        """The stream's key, which is what its readers are woken by."""
        return story_key("events", self._story, turn_id, prefix=self._prefix)

    async def begin(self, turn_id: str, opening: dict[str, Any]) -> None:
        """`metadata`, where there is none yet. What an earlier try under that id came to is no more."""
        newest = await self._newest(turn_id)
        if newest and newest["kind"] == "end":
            await self.drop(turn_id)
        if newest is None or newest["kind"] == "end":
            await self.append(turn_id, "metadata", opening)

    async def append(self, turn_id: str, kind: EventKind, data: dict[str, Any], *, last: bool = False) -> None:
        """One more event; the stream lives `ttl_s` from its last one. With `last`, its `end` as well."""
        key = self.key(turn_id)
        told: list[tuple[EventKind, dict[str, Any]]] = [(kind, data), ("end", {})] if last else [(kind, data)]
        parts = [part for each, said in told for part in (each, self._seal.close(json.dumps(said, ensure_ascii=False)))]
        await cast(Any, self._redis.eval(_APPEND, 1, key, self._ttl_s, self._wakes.channel, *parts))

    async def sentences(self, turn_id: str) -> list[str]:
        """The sentences of the turn that are out."""
        entries: Any = await self._redis.xrange(self.key(turn_id))
        events = [self._event(turn_id, raw) for raw in entries or []]
        return [str(event["data"]["text"]) for event in events if event["kind"] == "sentence"]

    async def failure(self, turn_id: str) -> StoryError | None:
        """What the turn has ended with, where that was an error."""
        found: Any = await self._redis.xrevrange(self.key(turn_id), count=2)
        events = [self._event(turn_id, raw) for raw in found]
        if [event["kind"] for event in events] != ["end", "error"]:
            return None
        return error_in(events[1]["data"])

    async def read(self, turn_id: str, *, after: str = "") -> AsyncGenerator[Event]:
        """Events of a turn from the one after `after` until `end`, waiting for those that are still to come."""
        key, begun = self.key(turn_id), sequence_of(after)
        newest = await self._newest(turn_id)
        if newest and newest["kind"] == "end" and sequence_of(newest["id"]) == begun:
            return
        last = f"{begun[0]}-{begun[1]}" if begun[0] >= 0 else "0"
        with self._wakes.waiting(key) as waiter:
            while True:
                async with self._wakes.looking:
                    entries: Any = await self._redis.xrange(key, min=f"({last}", count=BATCH)
                for entry in entries:
                    last = text_of(entry[0])
                    event = self._event(turn_id, entry)
                    yield event
                    if event["kind"] == "end":
                        return
                if not entries:
                    await waiter.wait()

    async def drop(self, turn_id: str) -> None:
        await self._redis.delete(self.key(turn_id))

    async def reopen(self, turn_id: str) -> None:
        """Takes back the error and the end of a turn that is resumed: what was said stays, the stream goes on."""
        entries: Any = await self._redis.xrange(self.key(turn_id))
        closed = [entry[0] for entry in entries or [] if self._event(turn_id, entry)["kind"] in ("error", "end")]
        if closed:
            await self._redis.xdel(self.key(turn_id), *closed)

    async def exists(self, turn_id: str) -> bool:
        """Whether the stream is still kept."""
        return bool(await self._redis.exists(self.key(turn_id)))

    async def _newest(self, turn_id: str) -> Event | None:
        found: Any = await self._redis.xrevrange(self.key(turn_id), count=1)
        return self._event(turn_id, found[0]) if found else None

    def _event(self, turn_id: str, entry: Any) -> Event:
        sequence, fields = entry
        values = {text_of(name): text_of(value) for name, value in fields.items()}
        data = json.loads(self._seal.open(values["data"]))
        return Event(id=f"{turn_id}:{text_of(sequence)}", kind=cast(EventKind, values["kind"]), data=data)


def sequence_of(event_id: str) -> tuple[int, int]:
    """What orders the events of a turn; before everything for what is no id of ours."""
    left, _, right = event_id.rpartition(":")[2].partition("-")
    ours = left.isascii() and left.isdigit() and right.isascii() and right.isdigit() and len(left + right) < 40
    return (int(left), int(right)) if ours else (-1, 0)
