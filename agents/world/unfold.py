"""What follows from an action by itself: consequences that come due, goals that are reached, the end."""

from agents.story import Change, Value, apply_changes, change
from agents.world.beats import beat
from agents.world.language import PLAYER, run_effects
from agents.world.result import Result
from agents.world.schema import Consequence, World
from agents.world.view import View

_ROUNDS = 4
"""Goals may have effects that reach further goals: looked at this often, no more."""

OFFER_EVERY = 3
"""At most one technique in this many turns (design: opt-in, gentle, never a stream of advice)."""


def unfold(world: World, slots: dict[str, Value], number: int) -> Result:
    """Everything that follows in turn `number`, given the slots after the player's own action."""
    result = _consequences(world, slots, number)
    slots = apply_changes(slots, result.changes)
    reached = _goals(world, slots)
    slots = apply_changes(slots, reached.changes)
    return result.join(reached).join(_offer(world, slots, number))


def _consequences(world: World, slots: dict[str, Value], number: int) -> Result:
    result = Result()
    for key, consequence in world.consequences.items():
        view = View(world, slots)
        if view.get(key, "fired"):
            continue
        armed = view.get(key, "armed")
        because = f"consequence:{key}"
        if armed is None:
            if view.holds(consequence.when):
                step = Result(changes=[change(key, "armed", number, because)])
            else:
                continue
        elif number - int(armed) < consequence.after:
            continue
        elif consequence.unless and view.holds(consequence.unless):
            # Averted for now; it may be armed again if its conditions still or again hold.
            step = Result(changes=[change(key, "armed", None, because)])
        else:
            step = _fire(view, key, consequence)
        slots = apply_changes(slots, step.changes)
        result = result.join(step)
    return result


def _fire(view: View, key: str, consequence: Consequence) -> Result:
    because = f"consequence:{key}"
    seen = not consequence.here or view.here in consequence.here
    says = consequence.says if seen else consequence.elsewhere
    changes: list[Change] = [change(key, "fired", True, because)]
    changes += run_effects(consequence.effects, apply_changes(dict(view.slots), changes), because)
    return Result([beat("consequence", says=says)] if says else [], changes)


def _goals(world: World, slots: dict[str, Value]) -> Result:
    result = Result()
    for _ in range(_ROUNDS):
        view = View(world, slots)
        reached = [k for k, goal in world.goals.items() if not view.get(k, "done") and view.holds(goal.when)]
        if not reached:
            break
        for key in reached:
            goal, because = world.goals[key], f"goal:{key}"
            changes = [change(key, "done", True, because)]
            changes += run_effects(goal.effects, apply_changes(slots, changes), because)
            slots = apply_changes(slots, changes)
            result = result.join(Result([beat("goal_done", says=goal.done, title=goal.title)], changes))
    if View(world, slots).won and not slots.get("world.ended"):
        ended = Result([beat("won", says=world.ending)], [change("world", "ended", True, "goal:all")])
        result = result.join(ended)
    return result


def _offer(world: World, slots: dict[str, Value], number: int) -> Result:
    """A technique, only where the player switched them on, its conditions hold and none was offered just now."""
    view = View(world, slots)
    last = view.get(PLAYER, "offered")
    if not view.get(PLAYER, "techniques") or (isinstance(last, int) and number - last < OFFER_EVERY):
        return Result()
    for key, technique in world.techniques.items():
        if technique.when and view.holds(technique.when) and (not technique.here or view.here in technique.here):
            times = view.count(key, "ruled")
            if times >= len(technique.invitation):
                continue
            changes = [change(PLAYER, "offered", number, "technique"), change(key, "ruled", times + 1, "technique")]
            return Result([beat("technique", says=technique.invitation[times], technique=key)], changes)
    return Result()
