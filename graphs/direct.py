"""Commands that go over the checkpoints' wire, so that a turn's thirty commands cost a third each.

`graphs.checkpoint.wire` says why and how: what it cannot answer, an error of Redis among it, is asked again through
redis-py, and only what that says is told. So a command may be done twice; all of ours bear it (`graphs.stores.Reviving`).
"""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from typing_extensions import override

from graphs.checkpoint.wire import WireCut
from graphs.checkpoint.wires import WIRES

TIMEOUT_S = 30.0
"""Longest wait for an answer where the client has no `socket_timeout`: a command that is only late is not sent twice."""

_PLAIN = frozenset(
    (
        *("GET", "SET", "DEL", "UNLINK", "EXISTS", "MGET", "INCR", "INCRBY"),
        *("EXPIRE", "PEXPIRE", "TTL", "PTTL", "EVAL", "EVALSHA"),
        *("LPUSH", "RPUSH", "LRANGE", "LREM", "LLEN", "HGET", "HSET", "HDEL", "HMGET", "HGETALL"),
        *("SADD", "SREM", "SCARD", "SMEMBERS", "SISMEMBER"),
        *("ZADD", "ZREM", "ZCARD", "ZSCORE", "ZRANGE", "ZREMRANGEBYSCORE"),
        *("XADD", "XDEL", "XLEN", "XRANGE", "XREVRANGE"),
    )
)
"""What answers at once and leaves nothing behind on the connection."""


class DirectRedis(Redis):
    """A client of which plain commands share one connection."""

    @override
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if args[0] in _PLAIN:
            replies = await over_wire(self, [args])
            if replies is not None:
                return answer_of(self, args, options, replies[0])
        answer = await super().execute_command(*args, **options)
        await WIRES.lay(self, self.connection_pool.connection_kwargs.get("socket_timeout") or TIMEOUT_S)
        return answer


class DirectPipeline(Pipeline):
    """Commands that go in one breath, over the wire where nothing is watched."""

    def __init__(self, client: Redis, transaction: bool, shard_hint: str | None) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, shard_hint)
        self._client = client

    @override
    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack = self.command_stack
        if not stack or self.watching or self.explicit_transaction or any(args[0] not in _PLAIN for args, _ in stack):
            return await super().execute(raise_on_error)
        commands = [args for args, _ in stack]
        asked = [("MULTI",), *commands, ("EXEC",)] if self.is_transaction else commands
        replies = await over_wire(self._client, asked)
        if replies and self.is_transaction:
            replies = replies[-1]
        if replies is None or any(isinstance(reply, Exception) for reply in replies):
            return await super().execute(raise_on_error)
        await self.reset()
        return [
            answer_of(self._client, args, options, reply) for (args, options), reply in zip(stack, replies, strict=True)
        ]


async def over_wire(client: Redis, commands: list[Any]) -> list[Any] | None:
    """The replies to commands that go in one breath; None where redis-py is to be asked."""
    wire = WIRES.of(client)
    if wire is None or client.connection_pool.connection_kwargs.get("decode_responses"):
        return None
    try:
        replies = await wire.ask(*commands)
    except WireCut:
        await WIRES.cut(client, wire)
        return None
    return None if any(isinstance(reply, Exception) for reply in replies) else replies


def answer_of(client: Redis, args: Any, options: Mapping[str, Any], reply: Any) -> Any:
    """The reply as redis-py gives it."""
    parse = client.response_callbacks.get(args[0])
    return parse(reply, **{key: value for key, value in options.items() if key != "keys"}) if parse else reply
