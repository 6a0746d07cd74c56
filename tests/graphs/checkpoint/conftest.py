"""A client of the shared server in a database of its own, empty before and after each test; and every kind of server."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis, RedisCluster
from redis_servers import Server, debian_redis, running


@pytest.fixture
async def redis(embedded_socket: str) -> AsyncGenerator[Redis]:
    async with Redis(unix_socket_path=embedded_socket, db=7) as client:
        await client.flushdb()
        yield client
        await client.flushdb()


@pytest.fixture(scope="session")
def stock_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("stock"), binary=debian_redis())
    with running(server):
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, which it may kill."""
    own = Server(tmp_path, "--appendfsync", "always")
    with running(own):
        yield own


@pytest.fixture(params=["embedded", "stock", "cluster"])
async def client(request: pytest.FixtureRequest) -> AsyncGenerator[Redis | RedisCluster]:
    """The same of each kind of server: the embedded one, a stock Redis, a Cluster of three."""
    if request.param == "cluster":
        nodes: list[Server] = request.getfixturevalue("cluster_nodes")
        made: Redis | RedisCluster = RedisCluster(host="127.0.0.1", port=nodes[0].port)
    elif request.param == "stock":
        made = Redis.from_url(request.getfixturevalue("stock_redis").url)
    else:
        made = Redis(unix_socket_path=request.getfixturevalue("embedded_socket"), db=8)
    await empty(made)
    yield made
    await empty(made)
    await made.aclose()


async def empty(client: Redis | RedisCluster) -> None:
    if isinstance(client, RedisCluster):
        await client.flushall(target_nodes=RedisCluster.PRIMARIES)
    else:
        await client.flushdb()
