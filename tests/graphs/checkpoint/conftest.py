"""A client of the shared server in a database of its own, empty before and after each test."""

from collections.abc import AsyncGenerator

import pytest
from redis.asyncio import Redis


@pytest.fixture
async def redis(embedded_socket: str) -> AsyncGenerator[Redis]:
    async with Redis(unix_socket_path=embedded_socket, db=7) as client:
        await client.flushdb()
        yield client
        await client.flushdb()
