"""What comes back from memory is checked again before it stands in a prompt: rules change, and stories are imported.

A past moment or an exchange that holds an injection, that no narrator may tell (any longer), or that is of a topic which the
player avoids by now, is left out whole; of the story so far its sentences are. What is left out is noted, without its words.
"""

from collections.abc import Sequence
from typing import NamedTuple

from agents.narrative.reminders import EXCHANGES, MOMENTS
from agents.safety.sentences import split_sentences
from agents.safety.telling import Telling
from agents.story import Exchange, Moment

INJECTION = "prompt_injection"
"""The category of rules for words that are meant for a model and not for a story."""


OF_THE_PLAYER = "contact_detail"
"""The category of addresses and numbers. A narration was let out with placeholders where the player's own stand now."""


class Rechecked(NamedTuple):
    """What may stand in a prompt, and what may not: `{"what": "moment of turn 7", "why": category}`."""

    story_so_far: str
    exchanges: list[Exchange]
    moments: list[Moment]
    left_out: list[dict[str, str]]


def recheck(so_far: str, exchanges: Sequence[Exchange], moments: Sequence[Moment], telling: Telling) -> Rechecked:
    """The reminders that bear it: of the latest exchanges and the best moments, as many as a prompt takes."""
    left_out: list[dict[str, str]] = []
    told = list[Exchange]()
    for each in exchanges[-EXCHANGES:]:
        if why := why_not(each["action"], telling, spoken=True) or why_not(each["narration"], telling):
            left_out.append({"what": f"exchange of turn {each['number']}", "why": why})
        else:
            told.append(each)
    kept = list[Moment]()
    for each in moments[:MOMENTS]:
        if why := why_not(each["text"], telling):
            left_out.append({"what": f"moment of turn {each['number']}", "why": why})
        else:
            kept.append(each)
    text, why = clear(so_far, telling)
    if why:
        left_out.append({"what": "story so far", "why": why})
    return Rechecked(text, told, kept, left_out)


def clear(text: str, telling: Telling) -> tuple[str, str]:
    """The text without the sentences that may not stand in a prompt, and why one of them may not."""
    if not text or not (why := why_not(text, telling)):
        return text, ""
    kept = " ".join(sentence for sentence in split_sentences(text) if not why_not(sentence, telling))
    return ("" if why_not(kept, telling) else kept), why


def why_not(text: str, telling: Telling, *, spoken: bool = False) -> str:
    """The category of what speaks against the text as a part of a prompt; empty if nothing does.

    `spoken` is what a player said: it was let through as an action, so only injections and topics are looked for.
    """
    if not text.strip():
        return ""
    if INJECTION in telling.screen.recalled(text)["categories"]:
        return INJECTION
    found = telling.topics.find(text) if spoken else telling.against(text)
    return next((signal["category"] for signal in found if signal["category"] != OF_THE_PLAYER), "")
