"""Saying how one feels, and the small words of politeness: always done, never refused."""

from agents.world.heart import answer_heart
from agents.world.nouns import Found, find_thing
from agents.world.parse import Command
from agents.world.result import Result, missing
from agents.world.verbs import talking
from agents.world.view import View


def heart(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """`command.first` is the kind of what was said, `command.second` whom the player named, if anybody."""
    del first, second
    named = find_thing(view, command.second, focus) if command.second else Found()
    who = next((key for key in named.ids if key in view.world.characters), "")
    if command.second and not who and command.second not in ("him", "her", "them", "it"):
        return missing(view, Found(phrase=command.second), "talk to")
    who = who or _nearest(view, focus)
    if command.first == "greeting" and who:
        return talking.talk(view, Command("talk", raw=command.raw), Found(ids=[who]), Found(), focus)
    return answer_heart(view, command.first, who)


def _nearest(view: View, focus: list[str]) -> str:
    """Whoever was spoken with last, else one of those who are here, each in turn."""
    recent = [key for key in focus if key in view.people]
    return recent[0] if recent else (view.people[view.now % len(view.people)] if view.people else "")
