"""Connections to Redis that send without a task of their own.

redis-py waits for what it sends by `asyncio.wait_for`. Before Python 3.12 that is a task and a turn of the event loop for
each command, and it loses a cancellation that comes when the command is out (bpo-37658): whoever was to end goes on.
"""

import asyncio
from collections.abc import Iterable

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from typing_extensions import override


class _Direct(AbstractConnection):
    """What is sent is in the transport's hands at once; only a full buffer is waited for, so long as `socket_timeout`."""

    @override
    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()
        if isinstance(command, str):
            command = command.encode()
        try:
            async with asyncio.timeout(self.socket_timeout):
                await self._send_packed_command([command] if isinstance(command, bytes) else command)
        except BaseException as error:  # half a command may be out: nothing more can be said on this connection
            await self.disconnect(nowait=True)
            if isinstance(error, TimeoutError):
                raise RedisTimeoutError("Timeout writing to socket") from None
            if isinstance(error, OSError):
                raise RedisConnectionError(f"Error {error.errno} while writing to socket") from error
            raise


class TcpConnection(_Direct, Connection):
    """Of `redis://`."""


class TlsConnection(_Direct, SSLConnection):
    """Of `rediss://`."""


class UnixConnection(_Direct, UnixDomainSocketConnection):
    """Of `unix://`."""


_KINDS: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: TcpConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: UnixConnection,
}


def send_directly(pool: ConnectionPool) -> None:
    """Has the connections that the pool will make be of these kinds."""
    pool.connection_class = _KINDS.get(pool.connection_class, pool.connection_class)
