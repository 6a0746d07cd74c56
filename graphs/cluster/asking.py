"""Commands about a slot that is on its way: its next node takes them only where ASKING came before, on that connection."""

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from graphs.direct import answer_of


async def ask_all(
    node: "Redis", commands: list[tuple[tuple[Any, ...], dict[str, Any]]], *, transaction: bool
) -> list[Any]:
    """The answers in order. Raises the first error. ASKING holds for one command, or for a whole transaction."""
    sent: list[tuple[Any, ...]] = [args for args, _ in commands]
    if transaction:
        sent = [("ASKING",), ("MULTI",), *sent, ("EXEC",)]
    else:
        sent = [each for args in sent for each in (("ASKING",), args)]
    connection = await node.connection_pool.get_connection()
    try:
        await connection.send_packed_command(connection.pack_commands(sent))
        replies = [await _read(connection) for _ in sent]
    finally:
        await node.connection_pool.release(connection)
    _refused(replies)
    told = replies[-1] if transaction else replies[1::2]
    _refused(told)
    return [answer_of(node, args, options, reply) for (args, options), reply in zip(commands, told, strict=True)]


def _refused(replies: list[Any]) -> None:
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply


async def _read(connection: Any) -> Any:
    """A reply, errors among them: those that follow are to be read all the same."""
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
