"""What an undo came to, said the same at a terminal and over HTTP."""

from api.cli.output import counted


def say_undone(asked: int, before: int, now: int) -> str:
    """`Back at turn 1: 2 turns taken back.`; where there were fewer turns than asked for, how many there were."""
    if asked > before:
        return f"Only {counted(before, 'turn')}: back at the beginning."
    at = f"at turn {now}" if now else "at the beginning"
    return f"Back {at}: {counted(before - now, 'turn')} taken back."
