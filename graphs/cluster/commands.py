"""Commands on their way to a node: which keys they are about, and how they are sent, one or several in one breath."""

from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError, ResponseError

from graphs.direct import answer_of

Command = tuple[tuple[Any, ...], dict[str, Any]]
"""What a client is asked for, and how redis-py is to read the answer."""

KEYLESS = frozenset({"PING", "INFO", "DBSIZE", "FLUSHALL", "SCRIPT LOAD", "SCRIPT FLUSH", "CONFIG GET", "CONFIG SET"})
"""Asked of every primary. One answer is told: they are all alike, or only the first counts."""

EACH = frozenset({"DEL", "UNLINK", "EXISTS"})
"""Of several keys, asked slot by slot and added up: not all in one moment."""


def keys_of(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The keys of a command; none of one that is asked of every node. A channel counts as one: any node will do."""
    name = str(args[0]).upper()
    if name in KEYLESS:
        return ()
    if name in ("EVAL", "EVALSHA"):
        return args[3 : 3 + int(args[2])]
    return args[1:] if name in EACH else args[1:2]


def slot_of(key: str | bytes) -> int:
    """The slot of a key: that of what stands in its first braces, if anything does."""
    return key_slot(key if isinstance(key, bytes) else key.encode())


async def send_one(node: "Redis", command: Command) -> Any:
    args, options = command
    return await node.execute_command(*args, **options)


async def send_piped(node: "Redis", commands: list[Command], *, transaction: bool) -> list[Any]:
    async with node.pipeline(transaction=transaction) as pipe:
        for args, options in commands:
            pipe.execute_command(*args, **options)
        return await pipe.execute()


async def ask_all(node: "Redis", commands: list[Command], *, transaction: bool) -> list[Any]:
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
