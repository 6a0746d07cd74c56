"""Review: the whole narration is looked at once more. It may get a sentence more; it is never rewritten."""

import re

from typing_extensions import TypedDict

from agents.safety.sentences import split_sentences
from agents.services import Runtime, Services
from agents.story import Verdict
from agents.world.beats import ESSENTIAL
from agents.world.scene import Scene

COVERED = 0.6
"""Share of an author's words that a narration must hold for the beat to count as told (chosen, not measured)."""


class ReviewInput(TypedDict):
    scene: Scene
    narration: str
    verdicts: list[Verdict]


class ReviewOutput(TypedDict):
    narration: str
    added: list[str]


async def review_narration(state: ReviewInput, runtime: Runtime[Services]) -> ReviewOutput:
    """Adds the author's words for a beat that the player must not miss and that the narrator left out."""
    services, narration = runtime.context, state["narration"]
    added: list[str] = []
    for beat in state["scene"]["beats"]:
        says = beat.get("says", "")
        if beat["kind"] not in ESSENTIAL or not says or covers(narration, says):
            continue
        for sentence in split_sentences(says):
            if services.telling.allows(sentence):
                services.voice.release(sentence)
                added.append(sentence)
    return ReviewOutput(narration=" ".join([narration, *added]).strip(), added=added)


def covers(narration: str, says: str) -> bool:
    """Whether the narration holds most of the words of an author's text."""
    wanted = _words(says)
    return not wanted or len(wanted & _words(narration)) / len(wanted) >= COVERED


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z']+", text.lower()) if len(word) > 3}
