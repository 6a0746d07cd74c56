"""A server that has just started plans each statement once, however many players come back to it at once."""

import asyncio

import pytest

from agents.errors import StoreError, StoreUnavailable
from graphs.memory import planning
from graphs.memory.planning import Plans


class Server:
    """Answers when it is told to, and counts who asks at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = asyncio.Event()
        self.error: Exception | None = None

    async def ask(self, statement: str) -> str:
        self.asked.append(statement)
        await self.answers.wait()
        if self.error:
            raise self.error
        return f"answer of {statement}"


async def all_asked(plans: Plans, server: Server, *statements: str) -> "list[asyncio.Task[str]]":
    """Each statement once, as far as they get by themselves."""

    def one(statement: str) -> "asyncio.Task[str]":
        return asyncio.create_task(plans.run(statement, lambda: server.ask(statement)))

    tasks = [one(statement) for statement in statements]
    for _ in range(10):
        await asyncio.sleep(0)
    return tasks


async def test_one_goes_ahead_with_a_statement_that_is_new() -> None:
    plans, server = Plans(), Server()
    tasks = await all_asked(plans, server, "a", "a", "b", "a")
    assert server.asked == ["a", "b"]
    server.answers.set()
    assert await asyncio.gather(*tasks) == ["answer of a", "answer of a", "answer of b", "answer of a"]
    assert server.asked == ["a", "b", "a", "a"]


async def test_nobody_waits_for_a_statement_that_is_planned() -> None:
    plans, server = Plans(), Server()
    server.answers.set()
    await asyncio.gather(*await all_asked(plans, server, "a"))
    server.answers.clear()
    tasks = await all_asked(plans, server, "a", "a", "a")
    assert len(server.asked) == 4
    server.answers.set()
    await asyncio.gather(*tasks)


async def test_who_waits_for_a_server_that_is_gone_is_told_so_at_once() -> None:
    plans, server = Plans(), Server()
    server.error = StoreUnavailable("Neo4j does not answer", cure="Wait")
    tasks = await all_asked(plans, server, "a", "a")
    server.answers.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(error) for error in told] == ["Neo4j does not answer"] * 2
    assert all(isinstance(error, StoreUnavailable) and error.cure == "Wait" for error in told)
    assert server.asked == ["a"]


async def test_a_refusal_of_one_is_no_news_for_the_next() -> None:
    plans, server = Plans(), Server()
    server.error = StoreError("There is such a node")
    tasks = await all_asked(plans, server, "a", "a")
    server.answers.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert server.asked == ["a", "a"]


async def test_who_goes_ahead_and_is_cancelled_leaves_it_to_the_next() -> None:
    plans, server = Plans(), Server()
    first, second, third = await all_asked(plans, server, "a", "a", "a")
    first.cancel()
    await asyncio.wait([first])
    for _ in range(10):
        await asyncio.sleep(0)
    assert server.asked == ["a", "a"]
    second.cancel()
    server.answers.set()
    assert await third == "answer of a"


async def test_a_waiter_that_is_cancelled_takes_nothing_away() -> None:
    plans, server = Plans(), Server()
    first, second = await all_asked(plans, server, "a", "a")
    second.cancel()
    server.answers.set()
    assert await first == "answer of a"
    assert second.cancelled()


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "slow"])
async def test_what_was_planned_is_forgotten_with_a_server(gone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that it is gone, or it is slow: then a driver may have connected to a new one by itself."""
    plans, server = Plans(), Server()
    server.answers.set()
    await asyncio.gather(*await all_asked(plans, server, "a", "b"))
    if gone:
        server.error = StoreUnavailable("Neo4j does not answer")
    else:
        monkeypatch.setattr(planning, "SLOW_S", -1.0)
    await asyncio.gather(*await all_asked(plans, server, "b"), return_exceptions=True)
    monkeypatch.undo()
    server.error = None
    server.asked.clear()
    server.answers.clear()
    tasks = await all_asked(plans, server, "a", "a")
    assert server.asked == ["a"]
    server.answers.set()
    await asyncio.gather(*tasks)
