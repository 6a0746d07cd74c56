"""The lease of a session: it is given back, whatever becomes of its renewal."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from graphs import locks
from graphs.locks import hold, is_held


async def test_a_cancellation_that_is_lost_keeps_no_lease(
    embedded_socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal that is cancelled as its answer comes goes on as if nothing had been (bpo-37658): it must end all the same."""
    renewing = asyncio.Event()

    async with Redis(unix_socket_path=embedded_socket, db=6) as redis:
        ask = redis.eval

        async def deaf(*args: Any) -> Any:
            if args[0] == locks._RENEW:
                renewing.set()
                try:
                    await asyncio.sleep(0.3)
                except asyncio.CancelledError:
                    return 1
            return await ask(*args)  # type: ignore[misc]

        monkeypatch.setattr(redis, "eval", deaf)
        async with asyncio.timeout(60):
            async with hold(redis, "local:s", "t", lease_ms=100):
                await renewing.wait()
        assert not await is_held(redis, "local:s")
