"""Whether a turn is to stop: the stronger wish counts, until it commits."""

import asyncio

import pytest

from agents.errors import TurnCancelled
from agents.halt import Halt


def test_nothing_is_asked() -> None:
    Halt().close()


def test_what_is_to_stay_is_committed() -> None:
    halt = Halt()
    halt.ask("interrupt")
    halt.close()
    assert halt.asked == "interrupt"


@pytest.mark.parametrize("wishes", [("rollback",), ("interrupt", "rollback"), ("rollback", "interrupt")])
def test_what_is_not_to_stay_is_not_committed(wishes: tuple[str, ...]) -> None:
    halt = Halt()
    for wish in wishes:
        halt.ask(wish)  # type: ignore[arg-type]
    with pytest.raises(TurnCancelled):
        halt.close()


def test_after_that_it_is_too_late() -> None:
    halt = Halt()
    halt.close()
    halt.ask("rollback")
    assert halt.asked is None
    halt.close()  # a commit that is tried again


async def test_a_wait_ends_at_once_and_none_begins_any_more() -> None:
    halt = Halt()
    began = asyncio.Event()

    async def wait() -> None:
        async with halt.within(3600):
            began.set()
            await asyncio.sleep(3600)

    waiting = asyncio.create_task(wait())
    await began.wait()
    halt.ask("interrupt")
    with pytest.raises(TurnCancelled):
        await waiting
    with pytest.raises(TurnCancelled):
        async with halt.within(1):
            pytest.fail("it must not begin")


async def test_a_wait_that_is_too_long_is_no_wish() -> None:
    with pytest.raises(TimeoutError):
        async with Halt().within(0.01):
            await asyncio.sleep(3600)
