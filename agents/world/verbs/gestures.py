"""What changes nothing by itself: waiting, breathing, singing, touching."""

from agents.story import change
from agents.world.beats import beat
from agents.world.heart import answer_heart
from agents.world.language import PLAYER
from agents.world.nouns import Found, detail_called
from agents.world.parse import Command
from agents.world.result import Result, ask_which, missing, refuse_as_told
from agents.world.verbs import moving
from agents.world.view import View
from agents.world.vocabulary import GESTURES


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
    target = first if first.phrase or first.known else second
    if target.asked:
        return ask_which(view, target, command.raw)
    person = next((key for key in target.ids if key in view.world.characters), "")
    if command.verb in _KINDLY and (person or not target.phrase):
        return answer_heart(view, _KINDLY[command.verb], person)
    if command.verb == "climb" and (by := _way(view, command)):
        return moving.stepped(view, by)
    if target.phrase and not target.known and command.verb not in _INWARD:
        return missing(view, target, command.said)
    item = view.world.items.get(target.ids[0]) if target.ids else None
    if item and (says := item.refuses.get(command.verb, "")):
        return refuse_as_told(view, target.ids[0], command.verb, says, target.ids)
    name = view.name(target.ids[0]) if target.ids else (detail_called(view, target) if target.detail else "")
    group = "person" if person and command.verb in _ROUGH else command.verb
    if command.said in _LEAPS and target.phrase:  # off, from or into something: nothing to be light about
        group = "leap"
    if command.said in GESTURES["nod"]:  # a world's own verb may take `yes` for its own; here it met nothing
        group = "nod"
    made = beat("gestured", verb=command.said or command.verb, group=group, thing=name)
    return Result([made], focus=[*target.ids, *focus])


def _way(view: View, command: Command) -> str:
    """Where a climb leads: `climb up`, `climb the path`."""
    if command.said in ("climb up", "climb down") and not command.first:
        return command.said.removeprefix("climb ")
    up = "up " if command.said in ("climb", "climb up") else "down "
    return moving.way_by(view, up + command.first) if command.first else ""


_LEAPS = frozenset({"jump", "leap", "dive"})
_KINDLY = {"hug": "hug", "thank": "thanks"}
_INWARD = frozenset({"think", "sing", "cry", "write", "thank", "laugh", "nod", "stand", "jump"})
_ROUGH = frozenset(
    {"push", "pull", "turn", "lift", "shake", "throw", "eat", "drink", "wear", "light", "tie", "fill", "touch"}
)
