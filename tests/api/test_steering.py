"""Which lines steer the play and which are things to do in the story."""

import pytest

from agents.errors import InvalidInput
from api.terminal.steering import Command, read_command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("undo", Command("undo", "")),
        ("UNDO 3", Command("undo", "3")),
        ("undo\t12", Command("undo", "12")),
        ("save before the storm", Command("save", "before the storm")),
        ("switch main", Command("load", "main")),
        ("q", Command("quit", "")),
        ("branches", Command("branches", "")),
        ("resume", Command("resume", "")),
        ("attempts", Command("attempts", "")),
        ("Attempt 2", Command("attempt", "2")),
        ("avoid", Command("avoid", "")),
        ("avoid spiders", Command("avoid", "spiders")),
        ("avoid spiders, the sea, losing a dog", Command("avoid", "spiders, the sea, losing a dog")),
        ("Avoid none", Command("avoid", "none")),
    ],
)
def test_commands(line: str, command: Command) -> None:
    assert read_command(line) == command


@pytest.mark.parametrize(
    "line",
    [
        "look",
        "undo the knot",
        "resume my walk",
        "retry because it matters",
        "branches of the oak",
        "undo it all for her",
        "attempt escape",
        "attempt to open the door",
        "attempts at the lock",
        "avoid the guard",
        "avoid him",
        "avoid looking at Maren",
    ],
)
def test_things_to_do(line: str) -> None:
    assert read_command(line) is None


@pytest.mark.parametrize(
    "line", ["save", "load", "retry 2", "resume 1", "branches 3", "undo 0", "undo ²", "undo -1", "undo " + "9" * 5_000, "quit 1",
             "attempt", "attempt 0", "attempt -1", "attempts 2", "undo x", "quit now", "resume please", "retry again now", "branches please"]
)  # fmt: skip
def test_a_command_that_is_not_said_like_that(line: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_command(line)
    assert "Say `" in refused.value.cure
    assert len(refused.value.line()) < 160
