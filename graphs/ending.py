"""Ending tasks of ours that may be in the middle of a store's answer."""

import asyncio
from typing import Any

AGAIN_S = 0.1
"""After so long a task that goes on is told once more."""


async def end(*tasks: "asyncio.Future[Any]") -> None:
    """Cancels them until they are over. What they end with is nobody's.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, of which clients of stores are fond, loses a cancellation
    that comes together with its result (bpo-37658), and the task goes on.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()
