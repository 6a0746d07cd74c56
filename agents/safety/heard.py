"""What the safety agent keeps in mind of a session, so that a plan told over several turns is found.

Texts that were no danger by themselves and no plain play either (a detector says `heard` of them) are kept with the session:
the last MAX_HEARD of them, each until FORGET_AFTER more actions were screened. What is said next is also read together with
them. They belong to the session: to take a turn back, to retry it or to play another branch clears nothing. A retraction
clears nothing either: it is only one text more. What was a danger is not kept in words; its tier stays with the session for
good (`Session.risk`).
"""

from collections.abc import Sequence

from agents.story import Heard

MAX_HEARD = 4
"""Texts that are kept in mind: a plan told over three turns, and a stray one."""

HEARD_CHARS = 300

FORGET_AFTER = 20
"""Actions after which a text is forgotten: some ten minutes of play. Chosen, not measured."""


def older(heard: Sequence[Heard]) -> list[Heard]:
    """What is still in mind one action later."""
    return [Heard(text=one["text"], age=one["age"] + 1) for one in heard if one["age"] < FORGET_AFTER]


def with_text(heard: Sequence[Heard], text: str) -> list[Heard]:
    """As `heard`, with a text that was said now; one that was said before (a retry) is kept once."""
    kept = [one for one in heard if one["text"] != text[:HEARD_CHARS]]
    return [*kept, Heard(text=text[:HEARD_CHARS], age=0)][-MAX_HEARD:]


def together(heard: Sequence[Heard], text: str) -> str:
    """All of it as one text, a sentence each, in the order in which it was said."""
    return ". ".join([*(one["text"] for one in heard if one["text"] != text[:HEARD_CHARS]), text])
