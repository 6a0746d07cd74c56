"""What may be told to the player of one session, whoever wrote it: prose, choices, facts, summaries.

telling = Telling(Screen.load(), Leaks(Prompts().texts()))
telling.against("Help is on its way to you.")    -> its signals
telling.allows("The gull calls.")                -> True
"""

from dataclasses import dataclass

from agents.safety.leaks import Leaks
from agents.safety.screen import Screen
from agents.safety.topics import Topics, topics_of
from agents.story import Signal


@dataclass(frozen=True)
class Telling:
    """The narration gate's rules, the prompts' secrets and what the player avoids, as one question. Pure; safe to share."""

    screen: Screen
    leaks: Leaks
    avoid: tuple[str, ...] = ()
    """What the player has asked to leave out, in the player's words."""

    @property
    def topics(self) -> Topics:
        return topics_of(self.avoid)

    def against(self, text: str) -> list[Signal]:
        """What speaks against telling the text; nothing when it may be told."""
        verdict = self.screen.narration(text)
        if verdict["action"] != "allow":
            return verdict["signals"] or [Signal(source="rule", id="unsafe", category="unsafe", confidence=1.0)]
        return self.leaks.find(text) or self.topics.find(text)

    def allows(self, text: str) -> bool:
        return not self.against(text)

    def offers(self, text: str) -> bool:
        """Whether a model's words may be offered as an action: good to be read, and no danger when sent."""
        return self.allows(text) and self.screen.action(text)["action"] == "allow"
