"""Fixtures that every suite may ask for."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import pytest

from graphs.embedded import open_embedded


@pytest.fixture(scope="session")
def embedded_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket path of an embedded server that all tests of the session share.

    It is opened in a thread's event loop, because a session outlives the loop of any one test.
    """
    stack = AsyncExitStack()
    with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:
        directory = tmp_path_factory.mktemp("embedded")
        opening = stack.enter_async_context(open_embedded(directory, linger_s=0.2))
        server = thread.submit(runner.run, opening).result()
        yield str(server.socket)
        thread.submit(runner.run, stack.aclose()).result()
