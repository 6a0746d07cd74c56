"""LangGraph's own conformance kit, on the capabilities that the saver has."""

from collections.abc import AsyncGenerator

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from redis.asyncio import Redis

from graphs.checkpoint import RedisSaver

BASE = ["put", "put_writes", "get_tuple", "list", "delete_thread"]


@pytest.mark.parametrize("keep", [None, 40])
@pytest.mark.parametrize("ttl", [None, 60.0])
async def test_all_base_capabilities_pass(redis: Redis, keep: int | None, ttl: float | None) -> None:
    @checkpointer_test(name="RedisSaver")
    async def fresh() -> AsyncGenerator[RedisSaver]:
        yield RedisSaver(redis, keep=keep, ttl=ttl)

    report = await validate(fresh, capabilities=set(BASE))
    assert {name: report.results[name].failures for name in BASE} == {name: [] for name in BASE}
    assert all(report.results[name].passed for name in BASE)
