"""LangGraph's own conformance kit, all eight capabilities, on each kind of server."""

from collections.abc import AsyncGenerator

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from redis.asyncio import Redis, RedisCluster

from graphs.checkpoint import RedisSaver

ALL = ["put", "put_writes", "get_tuple", "list", "delete_thread", "delete_for_runs", "copy_thread", "prune"]


@pytest.mark.parametrize(("keep", "ttl"), [(None, None), (40, 60.0)])
async def test_all_eight_capabilities_pass(
    client: Redis | RedisCluster, keep: int | None, ttl: float | None, request: pytest.FixtureRequest
) -> None:
    @checkpointer_test(name="RedisSaver")
    async def fresh() -> AsyncGenerator[RedisSaver]:
        yield RedisSaver(client, keep=keep, ttl=ttl)

    report = await validate(fresh, capabilities=set(ALL))
    assert {name: report.results[name].failures for name in ALL} == {name: [] for name in ALL}
    assert all(report.results[name].passed for name in ALL)
    cases = sum(report.results[name].tests_passed for name in ALL)
    print(f"{request.node.callspec.id}: 8 of 8 capabilities, {cases} cases")
