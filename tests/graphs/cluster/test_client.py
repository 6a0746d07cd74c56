"""A command goes to the node that has its key, wherever that is now, and what concerns several nodes is asked of all."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from redis.exceptions import ClusterCrossSlotError, ClusterDownError, ResponseError
from redis_servers import Server, empty_cluster, keys_of_cluster

from graphs.cluster import client
from graphs.cluster.commands import slot_of
from graphs.direct import DirectRedis
from graphs.stores import build_redis, translate_redis

KEY = "tta:1:somewhere:{story}"
SLOT = slot_of(KEY)


async def nothing() -> None:
    """A server that needs no healing."""


@pytest.fixture
async def redis(cluster_url: str) -> AsyncGenerator[Any]:
    made = build_redis(cluster_url, nothing)
    await made.ping()  # pyright: ignore[reportGeneralTypeIssues]
    yield made
    await made.aclose()


class Moving:
    """A slot that one primary gives to another."""

    def __init__(self, nodes: list[Server]) -> None:
        first = 3 * SLOT // 16_384
        self.here, self.there = nodes[first], nodes[(first + 1) % 3]
        self._all = nodes

    def begin(self) -> None:
        _ask(self.there, "SETSLOT", SLOT, "IMPORTING", _ask(self.here, "MYID"))
        _ask(self.here, "SETSLOT", SLOT, "MIGRATING", _ask(self.there, "MYID"))

    def end(self) -> None:
        """What lies there goes along."""
        with self.here.client() as client:
            if keys := client.execute_command("CLUSTER", "GETKEYSINSLOT", SLOT, 100):
                client.execute_command("MIGRATE", "127.0.0.1", self.there.port, "", 0, 5000, "KEYS", *keys)
        self.assign(self.there)

    def assign(self, owner: Server) -> None:
        for node in (owner, *self._all):
            _ask(node, "SETSLOT", SLOT, "NODE", _ask(owner, "MYID"))


def _ask(node: Server, *command: Any) -> Any:
    with node.client() as client:
        told = client.execute_command("CLUSTER", *command)
    return told.decode() if isinstance(told, bytes) else told


@pytest.fixture
def moving(cluster_nodes: list[Server], cluster_url: str) -> Iterator[Moving]:
    made = Moving(cluster_nodes)
    yield made
    empty_cluster(cluster_nodes)
    made.assign(made.here)


@pytest.mark.parametrize("known", ["before", "never"])
async def test_a_slot_that_has_moved_is_found(redis: Any, moving: Moving, known: str) -> None:
    if known == "before":
        await redis.set(KEY, "1")
    moving.begin()
    moving.end()
    await redis.set(KEY, "2")
    assert await redis.get(KEY) == b"2"
    assert keys_of_cluster([moving.there]) == [KEY]


async def test_what_is_on_its_way_is_asked_of_the_next_node(redis: Any, moving: Moving) -> None:
    """A key that is not at the old place any more, or not yet anywhere, is the next node's."""
    moving.begin()
    assert await redis.incr(KEY) == 1
    assert keys_of_cluster([moving.there]) == [KEY]
    async with redis.pipeline(transaction=True) as pipe:
        pipe.incr(KEY)
        pipe.expire(KEY, 60)
        assert await pipe.execute() == [2, True]
    async with redis.pipeline(transaction=False) as pipe:
        pipe.get(KEY)
        pipe.exists(KEY)
        assert await pipe.execute() == [b"2", 1]
    assert await redis.eval("return redis.call('incr', KEYS[1])", 1, KEY) == 3
    moving.end()
    assert await redis.get(KEY) == b"3"


async def test_an_error_of_a_command_is_told_and_harms_no_other(redis: Any, moving: Moving) -> None:
    moving.begin()
    await redis.set(KEY, "text")
    async with redis.pipeline(transaction=True) as pipe:
        pipe.incr(KEY)
        pipe.get(KEY)
        with pytest.raises(ResponseError, match="not an integer"):
            await pipe.execute()
    assert await redis.get(KEY) == b"text"


async def test_several_keys_are_removed_and_asked_for_wherever_they_lie(
    redis: Any, cluster_nodes: list[Server]
) -> None:
    keys = [f"key-{number}" for number in range(60)]
    async with redis.pipeline(transaction=False) as pipe:
        for number, key in enumerate(keys):
            pipe.set(key, number)
        assert await pipe.execute() == [True] * 60
    assert all(keys_of_cluster([node]) for node in cluster_nodes)
    assert sorted([key.decode() async for key in redis.scan_iter(match="key-*", count=7)]) == sorted(keys)
    async with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.get(key)
        assert await pipe.execute() == [str(number).encode() for number in range(60)]
    assert await redis.exists(*keys) == 60
    assert await redis.unlink(*keys[:40], "none") == 40
    assert await redis.delete(*keys) == 20
    assert keys_of_cluster(cluster_nodes) == []


async def test_a_transaction_is_one_slots_or_none(redis: Any, cluster_nodes: list[Server]) -> None:
    async with redis.pipeline(transaction=True) as pipe:
        pipe.set("a", 1)
        pipe.set("b", 1)
        with pytest.raises(ClusterCrossSlotError):
            await pipe.execute()
    assert keys_of_cluster(cluster_nodes) == []


async def test_a_cluster_that_lacks_a_slot_is_down_though_each_node_answers(
    redis: Any, cluster_nodes: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 0.2)
    owner = cluster_nodes[3 * SLOT // 16_384]
    _ask(owner, "DELSLOTS", SLOT)
    try:
        with pytest.raises(ClusterDownError) as caught:
            await redis.ping()
        assert "some slots have no primary" in translate_redis(caught.value).line()
        with pytest.raises(ClusterDownError):
            await redis.get(KEY)
    finally:
        _ask(owner, "ADDSLOTS", SLOT)
    monkeypatch.undo()
    assert await redis.ping()


async def test_a_script_that_a_primary_does_not_know_is_taught_to_it(redis: Any) -> None:
    script = redis.register_script("return redis.call('incr', KEYS[1])")
    for number in range(30):
        assert await script(keys=[f"counter-{number}"]) == 1


async def test_plain_commands_take_the_wire_of_their_node(
    redis: Any, cluster_nodes: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first command to a node opens its wire; those that follow need no connection of the pool."""
    for number in range(60):
        await redis.set(f"key-{number}", number)

    async def none(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection of the pool was taken")

    for address in redis.slots.primaries():
        node = redis.slots.node(address)
        assert isinstance(node, DirectRedis)
        monkeypatch.setattr(node.connection_pool, "get_connection", none)
    assert [await redis.get(f"key-{number}") for number in range(60)] == [str(n).encode() for n in range(60)]
