"""What changes nothing by itself: waiting, breathing, singing, touching."""

from agents.story import change
from agents.world.beats import beat
from agents.world.language import PLAYER
from agents.world.nouns import Found
from agents.world.parse import Command
from agents.world.result import Result, ask_which, missing
from agents.world.view import View


def wait(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del view, first, second, focus
    return Result([beat("waited", verb=command.said)])


def breathe(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """The player asks for a moment: a technique of the world, one after the other."""
    del command, first, second, focus
    fitting = [
        (key, technique)
        for key, technique in view.world.techniques.items()
        if (not technique.here or view.here in technique.here) and view.holds(technique.when)
    ]
    if not fitting:
        return Result([beat("breathed")])
    times = view.count(PLAYER, "told_technique")
    counted = [change(PLAYER, "told_technique", times + 1, "verb:breathe")]
    key, technique = fitting[times % len(fitting)]
    asked = times // len(fitting)
    if asked // len(technique.invitation) % 2:
        # All its words were said once: for a round, breathing is only breathing.
        return Result([beat("breathed")], counted)
    line = technique.invitation[asked % len(technique.invitation)]
    return Result([beat("technique", says=line, technique=key)], counted)


def gesture(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """A try that no rule answers. It is told kindly, and nothing changes."""
    del focus
    target = first if first.phrase or first.known else second
    if target.asked:
        return ask_which(view, target, command.raw)
    if target.phrase and not target.known and command.verb not in ("think", "sing", "cry", "write", "thank", "laugh"):
        return missing(view, target, command.said)
    name = (
        view.name(target.ids[0]) if target.ids else (f"the {target.detail.replace('_', ' ')}" if target.detail else "")
    )
    made = beat("gestured", verb=command.said or command.verb, group=command.verb, thing=name)
    return Result([made], focus=target.ids)
