"""A gate around any stream: what comes out was checked, and the source is closed as soon as something was not let out."""

import asyncio
import doctest
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.safety import guard
from agents.safety.guard import Guarded, guarded
from agents.safety.sentences import split_sentences
from agents.story import Signal

BAD = Signal(source="rule", id="bad", category="unsafe", confidence=1.0)


def check(sentence: str) -> list[Signal]:
    return [BAD] if "bad" in sentence else []


class Source:
    """Hands out pieces and remembers how far it was asked, and whether it was closed."""

    def __init__(self, *pieces: str | Exception) -> None:
        self.pieces, self.given, self.closed = pieces, 0, False

    async def stream(self) -> AsyncGenerator[str]:
        try:
            for piece in self.pieces:
                self.given += 1
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


async def _take(stream: Guarded, out: list[str]) -> None:
    async for sentence in stream:
        out.append(sentence)


def test_the_example_of_its_docstring_runs() -> None:
    assert doctest.testmod(guard).attempted > 3
    assert doctest.testmod(guard).failed == 0


async def test_the_source_is_closed_as_soon_as_a_sentence_is_vetoed() -> None:
    source = Source("The lamp burns. ", "It is ", "bad here. ", "And", " more. ", "And more.")
    stream = Guarded(source.stream(), check)
    assert [sentence async for sentence in stream] == ["The lamp burns."]
    assert (source.given, source.closed) == (4, True), "the token that settles the end is the last one asked for"
    assert (stream.vetoed, stream.vetoes, stream.sentences) == ("bad", [BAD], ["The lamp burns."])


async def test_a_sentence_comes_out_with_the_token_that_settles_its_end() -> None:
    source = Source("Mr.", " Vane waits.", " He", " sings.")
    seen = [(sentence, source.given) async for sentence in guarded(source.stream(), check)]
    assert seen == [("Mr. Vane waits.", 3), ("He sings.", 4)]


async def test_what_the_source_raises_comes_out_after_what_was_let_through() -> None:
    source, out = Source("The lamp burns. It", ValueError("gone")), list[str]()
    with pytest.raises(ValueError, match="gone"):
        await _take(guarded(source.stream(), check), out)
    assert (out, source.closed) == (["The lamp burns."], True)


async def test_what_the_check_raises_lets_nothing_out() -> None:
    def broken(sentence: str) -> list[Signal]:
        raise RuntimeError("the check is broken")

    source, out = Source("The lamp burns. ", "The tide turns. ", "More."), list[str]()
    with pytest.raises(RuntimeError):
        await _take(guarded(source.stream(), broken), out)
    assert (out, source.closed) == ([], True)


async def test_leaving_early_closes_the_source() -> None:
    source = Source("The lamp burns. ", "The tide turns. ", "More.")
    async with Guarded(source.stream(), check) as stream:
        async for _ in stream:
            break
    assert source.closed
    assert [sentence async for sentence in stream] == []


async def test_leaving_before_the_first_sentence_closes_the_source() -> None:
    source = Source("The lamp burns. ")
    stream = source.stream()
    await anext(stream)
    async with Guarded(stream, check):
        pass
    assert source.closed


async def test_a_source_that_cannot_be_closed_costs_nothing_of_what_is_out() -> None:
    class Stuck:
        def __aiter__(self) -> "Stuck":
            return self

        async def __anext__(self) -> str:
            return "The lamp burns. It is bad. So"

        async def aclose(self) -> None:
            raise RuntimeError("still busy")

    stream = Guarded(Stuck(), check)
    assert [sentence async for sentence in stream] == ["The lamp burns."]


async def test_a_tail_does_not_come_out() -> None:
    stream = Guarded(Source("The lamp burns. ``", '`json\n{"choices": []}\n```').stream(), check)
    assert [sentence async for sentence in stream] == ["The lamp burns."]
    assert "choices" in stream.tail


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["The lamp burns. ", "It is bad. ", "Mr. ", "Vane sings! ", "ba", "d", "\n\n"]), max_size=12
    )
)
def test_what_comes_out_is_the_text_up_to_the_first_sentence_that_may_not(pieces: list[str]) -> None:
    async def told() -> tuple[list[str], str]:
        stream = guarded(Source(*pieces).stream(), check)
        return [sentence async for sentence in stream], stream.vetoed

    out, vetoed = asyncio.run(told())
    whole = split_sentences("".join(pieces))
    bad = next((at for at, sentence in enumerate(whole) if "bad" in sentence), len(whole))
    left = iter(whole[:bad])
    assert all(sentence in left for sentence in out), "in order, and nothing from behind it"
    assert bool(vetoed) == (bad < len(whole))
    if not vetoed:
        assert out == whole
