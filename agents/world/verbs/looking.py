"""Verbs of looking: they tell, and count what was told."""

from agents.story import Change, change
from agents.world.beats import beat
from agents.world.language import PLAYER
from agents.world.nouns import Found, words_of
from agents.world.parse import Command, direction_of
from agents.world.result import Result, ask_which, missing, refuse
from agents.world.schema import Character, Item
from agents.world.view import View

_HERE = frozenset({"place", "this", "here", "room", "around", "surroundings", "going", "on", "happening"})
_AROUND = frozenset({"search", "investigate", "observe"})


def look(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """The place again, as `look` shows it: the first time the whole description."""
    del command, first, second, focus
    # Arriving told the description already; a look goes on where the arrivals stopped, so that no line comes twice.
    looks = view.count(view.here, "looks")
    told = max(view.count(view.here, "visits"), 1) - 1 + looks
    texts = [view.location.description, *view.location.again]
    says = texts[told + 1] if told + 1 < len(texts) else ""
    names = {"place": view.location.name, **_worth_a_look(view, looks)}
    made = beat("looked", names, says=says, times=looks + 1, listed=seen_here(view))
    return Result([made], [change(view.here, "looks", looks + 1, "verb:look")])


def _worth_a_look(view: View, looks: int) -> dict[str, str]:
    """A detail of the place to name, another one each time."""
    names = list(view.details)
    return {"detail": f"the {names[looks % len(names)].replace('_', ' ')}"} if names else {}


def seen_here(view: View) -> list[str]:
    """The loose things and what is on or in open things, as a look names them."""
    return [view.a_name(key) for key in view.listed_here()]


def placed_lines(view: View) -> list[str]:
    """The author's lines for things that still lie where the story put them and were never told."""
    from_start = [k for k in view.listed_here() if view.world.items[k].placed and not view.get(k, "moved")]
    return [view.world.items[k].placed for k in from_start]


def examine(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del second, focus
    if direction := direction_of(first.phrase):
        return _examine_direction(view, direction)
    if first.detail:
        return _examine_detail(view, first.detail)
    if first.asked:
        return ask_which(view, first, command.raw)
    if not first.phrase and command.said not in _AROUND:
        return refuse("what", verb=command.said if len(command.said) > 1 else "examine")
    if not first.ids and set(words_of(first.phrase)) <= _HERE:
        return look(view, command, first, first, [])
    if not first.ids:
        return missing(view, first, "examine")
    result = Result()
    for key in first.ids:
        result = result.join(_examine_one(view, key))
    return result


def _examine_one(view: View, key: str) -> Result:
    entity = view.world.items.get(key) or view.world.characters[key]
    says, times, counted = view.telling(key, "seen", [entity.description, *entity.again], "verb:examine")
    states = _states(view, key, entity)
    listed = [view.a_name(inner) for inner in view.inside(key)] if _contents_visible(view, key, entity) else None
    made = beat("examined", states, says=says, times=times, listed=listed, thing=view.name(key))
    return Result([made], counted, [key])


def _contents_visible(view: View, key: str, entity: Item | Character) -> bool:
    return isinstance(entity, Item) and (entity.surface or entity.container) and view.shows_contents(key)


def _states(view: View, key: str, entity: Item | Character) -> dict[str, str]:
    """What can be seen of a thing's state and is not in its description."""
    if not isinstance(entity, Item):
        return {}
    told: dict[str, str] = {}
    if entity.openable or entity.door:
        told["state"] = "open" if view.is_open(key) else ("locked" if view.get(key, "locked") else "closed")
    if entity.container and not entity.surface:
        told["holds"] = "container"
    if entity.surface:
        told["holds"] = "surface"
    return told


def _examine_detail(view: View, name: str) -> Result:
    relation = f"told_{name.replace(' ', '_')}"
    says, times, counted = view.telling(view.here, relation, [view.details[name].text], "verb:examine")
    return Result([beat("examined", says=says, times=times, thing=f"the {name.replace('_', ' ')}")], counted)


def _examine_direction(view: View, direction: str) -> Result:
    way = view.exits.get(direction)
    if way is None:
        return refuse("no_exit", direction=direction)
    place = view.world.locations[way.to].name
    names = {"direction": direction, "place": place}
    if way.door:
        names |= {"door": view.name(way.door), "state": "open" if view.is_open(way.door) else "closed"}
    return Result([beat("looked", names)])


def read(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del second, focus
    if first.detail:
        return _examine_detail(view, first.detail)
    if first.asked:
        return ask_which(view, first, command.raw)
    if not first.ids:
        return missing(view, first, "read")
    result = Result()
    for key in first.ids:
        item = view.world.items.get(key)
        if item and (holder := view.holder(key)):
            result = result.join(refuse("kept", thing=view.name(key), who=view.name(holder), focus=[key]))
            continue
        if item is None or item.read is None:
            result = result.join(refuse("not_readable", thing=view.name(key), focus=[key]))
            continue
        times = view.count(key, "told_read")
        counted: list[Change] = [change(key, "told_read", times + 1, "verb:read")]
        result = result.join(Result([beat("read", says=item.read, times=times, thing=view.name(key))], counted, [key]))
    return result


def inventory(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del command, first, second, focus
    return Result([beat("inventory", listed=[view.a_name(key) for key in view.inventory])])


def goals(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del command, first, second, focus
    still = [key for key in view.world.goals if not view.get(key, "done")]
    hints = [view.world.goals[key].hint for key in still if not view.world.goals[key].optional]
    asked = view.count(PLAYER, "told_goals")
    made = beat(
        "goals", says=hints[asked % len(hints)] if hints else "", listed=[view.world.goals[key].title for key in still]
    )
    return Result([made], [change(PLAYER, "told_goals", asked + 1, "verb:goals")])


def help_(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del command, first, second, focus
    own = sorted(view.world.verbs)
    return Result([beat("help", listed=own)])
