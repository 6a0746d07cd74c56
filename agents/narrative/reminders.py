"""What the narrator is reminded of, packed to a budget of tokens.

The scene and the rules of telling always stand whole. Of the reminders the first to go are the past moments, the least
relevant first, down to the best one; then the older exchange; then the story so far; then the best moment; and last the
latest exchange: what was just said holds a passage together. Of the one that is next to go its last sentences stay, as
many as there is room for.
"""

from collections.abc import Sequence
from typing import NamedTuple

from agents.safety.sentences import split_sentences
from agents.story import Exchange, Moment

EXCHANGES = 2
"""Exchanges that the narrator is reminded of at most."""
MOMENTS = 4


class Reminders(NamedTuple):
    """The reminders as the prompt takes them; each may be empty."""

    story_so_far: str
    history: str
    memories: str


def count_tokens(text: str) -> int:
    """An estimate that no model's own count exceeds by much: four ASCII characters a token (OpenAI's rule of thumb for
    English), and one for every other character, as scripts without an alphabet take.
    """
    ascii_only = sum(character.isascii() for character in text)
    return -(-ascii_only // 4) + len(text) - ascii_only


def pack(story_so_far: str, exchanges: Sequence[Exchange], moments: Sequence[Moment], budget: int) -> Reminders:
    """The reminders, in at most `budget` tokens. `exchanges` are oldest first, `moments` best first."""
    history = [f"> {each['action']}\n{each['narration']}" for each in exchanges[-EXCHANGES:]]
    memories = [f"- {moment['text']}" for moment in moments[:MOMENTS]]
    # By weight; what is behind the first that does not fit whole is left out, however short it is.
    parts = [*history[-1:], *memories[:1], story_so_far, *history[:-1], *memories[1:]]
    kept = _fill(parts, budget)
    told, best, rest = len(history[-1:]), len(memories[:1]), len(history[:-1])
    so_far = told + best
    older = kept[so_far + 1 : so_far + 1 + rest]
    return Reminders(
        kept[so_far],
        "\n".join(filter(None, [*older, *kept[:told]])),
        "\n".join(filter(None, [*kept[told:so_far], *kept[so_far + 1 + rest :]])),
    )


def _fill(parts: list[str], budget: int) -> list[str]:
    """The parts in order, while they fit; of the first that does not, as many of its last sentences as do."""
    kept = [""] * len(parts)
    for place, part in enumerate(parts):
        if count_tokens(part) > budget:
            kept[place] = _ending(part, budget)
            break
        kept[place] = part
        budget -= count_tokens(part)
    return kept


def _ending(text: str, budget: int) -> str:
    kept = ""
    for sentence in reversed(split_sentences(text)):
        longer = f"{sentence.strip()} {kept}".strip()
        if count_tokens(longer) > budget:
            break
        kept = longer
    return kept
