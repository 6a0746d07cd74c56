"""Saying how one feels, and the small words of politeness: always done, never refused."""

from agents.world.heart import answer_heart
from agents.world.nouns import Found, find_thing, people_fitting
from agents.world.parse import Command
from agents.world.result import Result, missing
from agents.world.verbs import talking
from agents.world.view import View
from agents.world.vocabulary import PRONOUNS


def heart(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """`command.first` is the kind of what was said, `command.second` whom the player named, if anybody."""
    del first, second
    named = find_thing(view, command.second, focus) if command.second else Found()
    who = next((key for key in named.ids if key in view.world.characters), "")
    if command.second and not who:
        pronoun = command.second in PRONOUNS
        fitting = people_fitting(view, command.second) if pronoun else []
        if not pronoun or (command.first in _FACE_TO_FACE and not fitting):
            return missing(view, Found(phrase=command.second), "talk to")
        # `tell her i miss her` need not be meant for anybody who is here.
        who = _nearest(view, focus, fitting)
    elif not who:
        who = _nearest(view, focus, view.people)
    if command.first == "greeting" and who:
        return talking.talk(view, Command("talk", raw=command.raw), Found(ids=[who]), Found(), focus)
    return answer_heart(view, command.first, who, command.said)


_FACE_TO_FACE = frozenset({"hug", "greeting", "joke", "story", "help"})
"""Kinds that need somebody to be there, where somebody is named."""


def _nearest(view: View, focus: list[str], people: list[str]) -> str:
    """Whoever of them was spoken with last, else one after the other in turn; empty where there is nobody."""
    recent = [key for key in focus if key in people]
    return recent[0] if recent else (people[view.now % len(people)] if people else "")
