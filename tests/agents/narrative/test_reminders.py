"""What the narrator is reminded of: all of it where there is room, and what goes first where there is not."""

from itertools import pairwise

import pytest

from agents.narrative.reminders import Reminders, count_tokens, pack
from agents.story import Exchange, Moment

EXCHANGES = [Exchange(number=n, action=f"go {n}", narration=f"You went to place {n}. It rained.") for n in (1, 2, 3)]
MOMENTS = [
    Moment(turn_id=str(n), number=n, text=f"Moment {n} was told.", reason="", score=1.0 / n) for n in range(1, 6)
]
SO_FAR = "You came by boat. You met Isbel."
WHOLE = pack(SO_FAR, EXCHANGES, MOMENTS, 10_000)


def size(packed: Reminders) -> int:
    return sum(map(count_tokens, packed))


def test_everything_where_there_is_room() -> None:
    assert WHOLE.story_so_far == SO_FAR
    assert WHOLE.history == "> go 2\nYou went to place 2. It rained.\n> go 3\nYou went to place 3. It rained."
    assert WHOLE.memories.count("- Moment") == 4
    assert pack("", [], [], 100) == Reminders("", "", "")


def test_the_order_of_sacrifice() -> None:
    """With ever less room: moments but the best, the older exchange, the story so far, the best moment, the latest exchange."""
    seen: list[tuple[bool, ...]] = []
    for budget in range(size(WHOLE), -1, -1):
        packed = pack(SO_FAR, EXCHANGES, MOMENTS, budget)
        assert size(packed) <= budget + 3, "joining lines takes a token at most, each"
        held = (
            "Moment 4" in packed.memories, "Moment 2" in packed.memories, "go 2" in packed.history,
            "boat" in packed.story_so_far, "Isbel" in packed.story_so_far, "Moment 1" in packed.memories,
            "place 3" in packed.history, "It rained." in packed.history,
        )  # fmt: skip
        if not seen or held != seen[-1]:
            seen.append(held)
    assert seen[0] == (True,) * 8
    assert seen[-1] == (False,) * 8
    for earlier, later in pairwise(seen):
        assert all(was or not is_ for was, is_ in zip(earlier, later, strict=True)), "what went does not come back"
        gone = [place for place, (was, is_) in enumerate(zip(earlier, later, strict=True)) if was and not is_]
        assert not any(later[place] for place in range(gone[-1])), (earlier, later)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("鍵を取る", 4), ("né", 2)])
def test_tokens_are_estimated(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens
