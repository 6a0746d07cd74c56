"""Who sends no whole head of a request, or one without end, is let go; whoever else is on the connection is answered."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from served import served

from api import heads
from graphs.engine import StoryEngine

WHOLE = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture
async def where(engine: StoryEngine) -> AsyncGenerator[str]:
    async with served(engine) as address:
        yield address


async def said(address: str, *parts: bytes) -> bytes:
    """What comes back on one connection until it is closed, the parts sent one by one."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()
        await asyncio.wait([asyncio.ensure_future(writer.wait_closed())])


@pytest.mark.parametrize("begun", [b"", b"GET", b"GET /health/live HTTP/1.1\r\nhost: local"])
async def test_a_head_that_does_not_come_is_not_waited_for(
    where: str, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "HEAD_S", 0.3)
    assert (await said(where, begun)).startswith(b"HTTP/1.1 408 ")


async def test_nor_is_the_second_on_a_connection(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_S", 0.3)
    answers = await said(where, WHOLE, b"GET /health")
    assert [answers.count(b"HTTP/1.1 200 "), answers.count(b"HTTP/1.1 408 ")] == [1, 1]


@pytest.mark.parametrize("endless", [b"x-long: " + b"a" * 33_000, b"GET /" + b"a" * 33_000, b"x: y\r\n" * 5_600])
async def test_a_head_has_an_end(where: str, endless: bytes) -> None:
    begun = b"" if endless.startswith(b"GET") else WHOLE[:-2]
    assert (await said(where, begun, endless)).startswith(b"HTTP/1.1 431 ")


async def test_who_takes_a_moment_is_answered(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_S", 30.0)
    answer = await said(where, WHOLE[:20], WHOLE[20:-2] + b"connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_only_a_get_becomes_a_socket(where: str, method: str) -> None:
    """What asks for it otherwise is answered, without its body, which the parser takes for the socket's."""
    body = b'{"action": "look"}'
    head = f"{method} /api/v1/sessions/0123456789abcdef/turns HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n"
    more = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: upgrade, close\r\n\r\n"
    answer = await said(where, head.encode(), more.encode(), body)
    assert answer.startswith(b"HTTP/1.1 4")
