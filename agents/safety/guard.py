"""The gate around any stream of text: only sentences that a check has let through come out of it.

    >>> import asyncio
    >>> async def tokens():
    ...     for token in ("The lamp", " burns. Mr.", " Vane is here. Take the", " poison. Then", " sleep."):
    ...         yield token
    >>> def check(sentence):
    ...     bad = {"source": "rule", "id": "poison", "category": "method_detail", "confidence": 1.0}
    ...     return [bad] if "poison" in sentence else []
    >>> async def told():
    ...     guarded = Guarded(tokens(), check)
    ...     async for sentence in guarded:
    ...         print(sentence)
    ...     print(guarded.vetoed, len(guarded.vetoes))
    >>> asyncio.run(told())
    The lamp burns.
    Mr. Vane is here.
    poison 1

It needs nothing of the project but this package's own modules: no model, no store, no settings.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from agents.safety.gate import Check, Gate
from agents.story import Signal

CLOSE_S = 5.0
"""Longest wait in seconds for a source to be closed."""


async def pour(tokens: AsyncIterator[str], gate: Gate) -> AsyncGenerator[None]:
    """The tokens through a gate, a step each; the source is closed as soon as the gate is, and whenever this ends.

    What the source raises is raised after that, and what then still waits in the gate stays there. What closing it raises
    is not: a source that cannot be closed must not cost what is out.
    """
    try:
        async for token in tokens:
            gate.feed(token)
            if gate.closed:
                break
            yield
    finally:
        await _close(tokens)
    gate.finish()
    yield


async def _close(source: object) -> None:
    closing: Any = getattr(source, "aclose", None)
    if closing is not None:
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                await closing()


class Guarded:
    """An async iterator of the sentences that may leave, each as soon as what follows it has settled its end.

    `tokens` are pieces of text of any size. `check` gets one sentence and returns the signals that speak against it; it
    must not wait. A sentence that it vetoes, and all that follows, never comes out: the source is closed, the iteration
    ends, and `vetoed` says why. An exception of the check or of the source comes out as it is, and nothing after it.
    Iterate once; leave early within `async with Guarded(...)`, so that the source is closed then.

    `sentences`   what came out, in order; `text` joins them
    `vetoes`      the signals that stopped the text; `vetoed` is the id of the first, empty where nothing did
    `tail`        what stood behind three backticks, unchecked: for whoever parses it, not for people
    `full`        whether the text was cut at the greatest length (`gate.MAX_SENTENCES`, `gate.MAX_CHARACTERS`)
    """

    def __init__(self, tokens: AsyncIterator[str], check: Check, *, joined: Check | None = None) -> None:
        """`joined` reads each piece together with the words before it, without the stops between; by default, `check`."""
        self._out: deque[str] = deque()
        self._gate = Gate(check, self._out.append, joined=joined or check)
        self._tokens = tokens
        self._steps = pour(tokens, self._gate)
        self._sentences = self._run()

    def __aiter__(self) -> AsyncIterator[str]:
        return self._sentences

    async def __aenter__(self) -> "Guarded":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the source. Nothing comes out after it."""
        await self._sentences.aclose()
        await self._steps.aclose()
        await _close(self._tokens)  # a generator that was never begun closes nothing

    async def _run(self) -> AsyncGenerator[str]:
        async with aclosing(self._steps):
            async for _ in self._steps:
                while self._out:
                    yield self._out.popleft()

    @property
    def sentences(self) -> list[str]:
        return list(self._gate.sentences)

    @property
    def text(self) -> str:
        return self._gate.text

    @property
    def vetoes(self) -> list[Signal]:
        return list(self._gate.vetoes)

    @property
    def vetoed(self) -> str:
        return self._gate.vetoed

    @property
    def tail(self) -> str:
        return self._gate.tail

    @property
    def full(self) -> bool:
        return self._gate.full


def guarded(tokens: AsyncIterator[str], check: Check) -> Guarded:
    """`async for sentence in guarded(tokens, check)`."""
    return Guarded(tokens, check)
