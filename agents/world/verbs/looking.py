"""Verbs of looking: they tell, and count what was told."""

import hashlib

from agents.story import Change, change
from agents.world.beats import beat
from agents.world.breath import SILENCE
from agents.world.heart import answer_heart
from agents.world.language import PLAYER
from agents.world.nouns import WHOLE_NAME, Found, detail_called, find_direction_of, find_place, score, words_of
from agents.world.parse import Command, direction_of
from agents.world.result import Result, ask_which, missing, refuse
from agents.world.schema import Character, Goal, Item
from agents.world.view import SEEN_IN, View
from agents.world.vocabulary import CLOSE_LOOKS

_HERE = frozenset({"place", "this", "here", "room", "around", "surroundings", "going", "on", "happening"})
_SELF = frozenset({"me", "myself", "self", "yourself", "my self"})
_BENEATH = frozenset({"look under", "look behind"})
_AROUND = frozenset({"search", "investigate", "observe"})
TOLD_WHOLE_AT = "told_whole_at"
"""The turn in which a place's description was last told."""
DETAILS = 2
"""Details of a place that a short look names."""


def look(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """The place. Whole: the description, what lies here, who is here, the ways out. In short: the same by name only.

    Whole where the player has not been told it lately, or asks for it (`look closely`, `look again`): a story that
    repeats a page at each glance is not read any more.
    """
    del first, second, focus
    looks = view.count(view.here, "looks")
    counted = [change(view.here, "looks", looks + 1, "verb:look")]
    if command.said not in CLOSE_LOOKS and not _is_news(view):
        names = {"place": view.location.name, "ways": "short", **_worth_a_look(view, looks)}
        made = beat("looked", names, times=looks + 1, listed=[view.a_name(key) for key in view.listed_here()])
        return Result([made], counted).join(see_people(view))
    says = " ".join([view.location.description, *placed_lines(view)])
    made = beat("looked", says=says, times=looks + 1, listed=unplaced(view), place=view.location.name, ways="whole")
    told = change(view.here, TOLD_WHOLE_AT, view.now, "verb:look")
    return Result([made], [*counted, told]).join(see_people(view, anew=True))


def _is_news(view: View) -> bool:
    """Whether the description was never told, or so long ago that it may be told again.

    The first place is told by the story's opening, whose words are gone once the player has typed; so it counts as new.
    """
    at = view.get(view.here, TOLD_WHOLE_AT)
    return view.now - at >= SILENCE if isinstance(at, int) else True


def _worth_a_look(view: View, looks: int) -> dict[str, str]:
    """Details of the place to name, beginning at another one each time."""
    names = [view.detail_name(name) for name in view.details]
    turned = [*names[looks % len(names) :], *names[: looks % len(names)]] if names else []
    return {"details": ", ".join(turned[:DETAILS])} if turned else {}


def who(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """Who is here, each as the author shows them."""
    del command, first, second, focus
    return see_people(view, anew=True) if view.people else Result([beat("present", listed=[])])


def see_people(view: View, *, anew: bool = False) -> Result:
    """One beat for everybody here: an author's line that was not told yet, else only the name.

    `anew` tells the lines again: the player asked to see.
    """
    said, named, changes = list[str](), list[str](), list[Change]()
    for key in view.people:
        lines = view.world.characters[key].present
        holding = view.said(lines)
        fresh = [line for line in holding if not view.get(key, _told_present(line))]
        if line := next(iter(holding if anew else fresh), ""):
            said.append(line)
            changes.append(change(key, _told_present(line), True, "verb:look"))
        else:
            named.append(view.name(key))
    changes += [
        change(key, SEEN_IN, view.here, "verb:look") for key in view.people if view.get(key, SEEN_IN) != view.here
    ]
    return Result([beat("present", says=" ".join(said), listed=named)] if view.people else [], changes, view.people)


def _told_present(line: str) -> str:
    """The mark that a line was told: the line itself, so that the author may reorder them."""
    return f"told_present_{hashlib.sha256(line.encode()).hexdigest()[:8]}"


def placed_lines(view: View) -> list[str]:
    """The author's lines for things that still lie where the story put them and were never told."""
    from_start = [k for k in view.listed_here() if view.world.items[k].placed and not view.get(k, "moved")]
    return [view.world.items[k].placed for k in from_start]


def unplaced(view: View) -> list[str]:
    """What is still to be named: things without an author's line of their own."""
    return [view.a_name(k) for k in view.listed_here() if not view.world.items[k].placed or view.get(k, "moved")]


def examine(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    from agents.world.verbs import seeking  # noqa: PLC0415 - asking who somebody is asks others, and they look

    del second
    if first.phrase in _SELF and not first.known:
        return answer_heart(view, "self", "")
    if (direction := direction_of(first.phrase)) and not first.known:
        return _examine_direction(view, direction)
    if command.said == "who is" and (told := seeking.who_is(view, command, first, focus)):
        return told
    if first.known and command.said in _BENEATH:
        thing = view.name(first.ids[0]) if first.ids else detail_called(view, first)
        return Result([beat("gestured", verb=command.said, group="beneath", thing=thing)], focus=first.ids)
    if first.detail:
        return _examine_detail(view, first)
    if first.asked:
        return ask_which(view, first, command.raw)
    if not first.phrase and command.said not in _AROUND:
        return refuse("what", verb=command.said if len(command.said) > 1 else "examine")
    if not first.ids and set(words_of(first.phrase)) <= _HERE:
        return look(view, command, first, first, focus)
    if not first.ids:
        return _examine_unlisted(view, first)
    result = Result()
    for key in first.ids:
        result = result.join(_examine_one(view, key))
    return result


def _examine_unlisted(view: View, found: Found) -> Result:
    """No thing and no detail: the place next door, from here; what the description only mentions; or nothing."""
    place = find_place(view, found.phrase)
    if _names_here(view, found.phrase):
        return look(view, Command("look"), found, found, [])
    if direction := find_direction_of(view, place):
        return _examine_direction(view, direction)
    result = missing(view, found, "examine")
    if result.beats[0].get("names", {}).get("why") != "described":
        return result
    return Result([beat("gestured", verb="look", group="plain", thing=found.phrase)])


def _names_here(view: View, phrase: str) -> bool:
    return score(words_of(phrase), [view.location.name, *view.location.aliases]) == WHOLE_NAME


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


def _examine_detail(view: View, found: Found) -> Result:
    name = found.detail
    relation = f"told_{name.replace(' ', '_')}"
    says, times, counted = view.telling(view.here, relation, [view.details[name].text], "verb:examine")
    return Result([beat("examined", says=says, times=times, thing=detail_called(view, found))], counted)


def _examine_direction(view: View, direction: str) -> Result:
    way = view.exits.get(direction)
    if way is None:
        return refuse("nothing_that_way", direction=direction)
    place = view.world.locations[way.to].name
    names = {"direction": direction, "place": place}
    if way.door:
        names |= {"door": view.name(way.door), "state": "open" if view.is_open(way.door) else "closed"}
    return Result([beat("looked", names)])


def read(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del second, focus
    if first.detail:
        return _examine_detail(view, first)
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
            says = item.refuses.get("read", "") if item else ""
            result = result.join(refuse("not_readable", thing=view.name(key), says=says, focus=[key]))
            continue
        times = view.count(key, "told_read")
        counted: list[Change] = [change(key, "told_read", times + 1, "verb:read")]
        result = result.join(Result([beat("read", says=item.read, times=times, thing=view.name(key))], counted, [key]))
    return result


def inventory(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del command, first, second, focus
    return Result([beat("inventory", listed=[view.a_name(key) for key in view.inventory])])


def goals(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """What is still open."""
    del command, first, second, focus
    return Result([beat("goals", listed=[goal.title for goal in _still_open(view)])])


def hint(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """The next step of one of the goals, no more than that: another one each time."""
    del command, first, second, focus
    still = [goal for goal in _still_open(view) if not goal.optional] or _still_open(view)
    steps = [step for goal in still if (step := view.first_said(goal.hint))]
    asked = view.count(PLAYER, "told_goals")
    made = beat("hint", says=steps[asked % len(steps)] if steps else "")
    return Result([made], [change(PLAYER, "told_goals", asked + 1, "verb:hint")])


def _still_open(view: View) -> list[Goal]:
    return [goal for key, goal in view.world.goals.items() if not view.get(key, "done")]


def help_(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """The verbs, and examples that the rules would do at this very moment."""
    from agents.world.choices import suggest  # noqa: PLC0415 - suggestions are tried by all the verbs

    del command, first, second, focus
    examples = [f"`{choice['text']}`" for choice in suggest(view, number=view.now, seed=0)]
    return Result([beat("help", listed=sorted(view.world.verbs), examples=", ".join(examples))])
