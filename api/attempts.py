"""The attempts at a turn, said the same at a terminal and to a program."""

from collections.abc import Sequence

from agents.story import Turn

SHORT = 70
"""Characters of a narration that tell one attempt from another."""


def listed_attempts(attempts: Sequence[Turn], head: str) -> list[dict[str, object]]:
    """Each attempt by its number, which `attempt N` takes."""
    return [
        {"attempt": number, "turn_id": turn["turn_id"], "turn": turn["number"], "action": turn["action"],
         "active": turn["turn_id"] == head}
        for number, turn in enumerate(attempts, 1)
    ]  # fmt: skip


def say_attempts(attempts: Sequence[Turn], head: str) -> str:
    """A line an attempt, a star before the one that counts."""
    if not attempts:
        return "Nothing was tried yet: this is the beginning."
    return "\n".join(
        f"{'*' if turn['turn_id'] == head else ' '} {number} {turn['action']}: {_short(turn['narration'])}"
        for number, turn in enumerate(attempts, 1)
    )


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= SHORT else plain[:SHORT].rsplit(" ", 1)[0] + " ..."
