"""Going from place to place."""

import re
from collections import deque

from agents.story import Change, apply_changes, change
from agents.world.beats import beat
from agents.world.language import PLAYER
from agents.world.nouns import Found, detail_called, find_place, find_thing, words_of
from agents.world.parse import Command, direction_of
from agents.world.result import Result, ask_which, missing, refuse
from agents.world.schema import Exit
from agents.world.verbs import handling
from agents.world.verbs.looking import TOLD_WHOLE_AT, placed_lines, see_people, unplaced
from agents.world.view import View, where


def go(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """A direction, a neighbouring place, or any place visited before that can be walked to."""
    del first, second
    wanted = command.first
    if not wanted:
        return _leave(view, command)
    if direction := direction_of(wanted):
        return stepped(view, direction)
    if wanted == "back":
        return _back(view)
    place = find_place(view, wanted)
    leaving = _leaves(command)
    if place == view.here:
        # The path in the walled yard may be meant by `path`, though the yard has that name too.
        if by := way_by(view, wanted):
            return step(view, by)
        if leaving:
            return _leave(view, command)
        return refuse("here_already", place=view.location.name, where=view.whereabouts)
    found = find_thing(view, wanted, focus) if leaving else Found()
    if found.detail and command.raw.lower().startswith("leave") and not way_by(view, wanted):
        return Result([beat("left", thing=detail_called(view, found))])
    if place and leaving and not found.known:
        there = view.world.locations[place]
        known = view.count(place, "visits")
        return (
            refuse("not_there", place=there.name, where=where(there))
            if known
            else missing(view, Found(phrase=wanted), "leave")
        )
    if place and not leaving:
        return _walk(view, place)
    return _towards(view, command, wanted, focus)


def _towards(view: View, command: Command, wanted: str, focus: list[str]) -> Result:
    """What is no place: a thing in hand that is left, a way by its name, a door, something that stands here."""
    found = find_thing(view, wanted, focus)
    leaving = _leaves(command)
    if command.said == "leave" and found.ids and view.carries(found.ids[0]):
        return handling.drop(view, command, found, Found(), focus)
    if through := next((d for d, way in view.exits.items() if way.door and _door_named(view, way.door, wanted)), ""):
        return step(view, through)
    if by := way_by(view, wanted):
        return step(view, by)
    if leaving and (found.known or set(words_of(wanted)) & _ABOUTS):
        return _leave(view, command)
    if leaving:
        return missing(view, found, command.said)
    if found.known:
        thing = view.name(found.ids[0]) if found.ids else detail_called(view, found)
        return Result([beat("beside", thing=thing)], focus=found.ids)
    if found.asked:
        return ask_which(view, found, command.raw)
    return refuse("no_way", phrase=wanted[:60])


def way_by(view: View, phrase: str) -> str:
    """The way out that the description names with the words: `climb the path` where `a path climbs north`."""
    upward = re.match(r"^(up|down)\b", phrase)
    words = words_of(re.sub(r"^(?:up|down|along|over|across|by|through|off|out of|aboard) ", "", phrase))
    if not words or words[-1] not in _WAYS:
        return ""
    if upward and upward[1] in view.exits:
        return upward[1]
    for part in re.split(r"[.;]|, and ", view.location.description.lower()):
        if re.search(rf"\b{re.escape(words[-1])}\b", part):
            leading = [d for d in view.exits if re.search(rf"\b{d}(?:wards?)?\b", part)]
            if len(leading) == 1:
                return leading[0]
    return next((d for d in ("up", "down") if d in view.exits and words[-1] in _STAIRS), "")


def stepped(view: View, direction: str) -> Result:
    """One step in a direction. Where a slope is meant that lies another way, the answer says which, for the next time."""
    way = _meant(view, direction)
    if way == "out" and way not in view.exits:
        return refuse("which_way")
    done = step(view, way)
    if way != direction and direction in _SLOPES and done.status == "done":
        done.beats.insert(0, beat("bearing", direction=direction, way=way, place=view.location.name))
    return done


def _meant(view: View, direction: str) -> str:
    """The exit that a direction means where there is none of that name: the only way out, the path that climbs."""
    if direction in view.exits:
        return direction
    if direction == "out" and len(view.exits) == 1:
        return next(iter(view.exits))
    unlocked = [d for d, way in view.exits.items() if way.door and not view.get(way.door, "locked")]
    if direction == "in" and len(unlocked) == 1:
        return unlocked[0]
    for part in re.split(r"[.;]", view.location.description.lower()):
        if direction in _SLOPES and re.search(_SLOPES[direction], part):
            leading = [d for d in view.exits if re.search(rf"\b{d}(?:wards?)?\b", part)]
            if len(leading) == 1:
                return leading[0]
    return direction


_SLOPES = {"up": r"\bclimbs?\b|\bgoe?s? up\b|\brises?\b", "down": r"\bdrops?\b|\bgoe?s? down\b|\bdescends?\b"}
_STAIRS = frozenset({"stair", "stairs", "staircase", "steps", "ladder"})
_WAYS = _STAIRS | {
    "path",
    "footpath",
    "way",
    "track",
    "road",
    "bridge",
    "gap",
    "passage",
    "corridor",
    "door",
    "gate",
    "hatch",
    "curtain",
    "arch",
}


def _back(view: View) -> Result:
    """To the place that the player came from."""
    came_from = str(view.get(PLAYER, "came_from") or "")
    if came_from not in view.world.locations or came_from == view.here:
        return refuse("nowhere_back")
    return _walk(view, came_from)


def step(view: View, direction: str) -> Result:
    """One step. A closed door that is not locked is opened on the way."""
    way = view.exits.get(direction)
    if way is None:
        return refuse("no_exit", direction=direction)
    if not view.holds(way.when):
        return refuse("blocked", direction=direction, says=way.blocked)
    before: Result = Result()
    if way.door and not view.is_open(way.door):
        if view.get(way.door, "locked"):
            return refuse("is_locked", thing=view.name(way.door), focus=[way.door])
        opened = change(way.door, "open", True, "verb:go")
        before = Result([beat("opened", thing=view.name(way.door))], [opened], [way.door])
    return before.join(arrive(view.after(before.changes), way, direction))


def arrive(view: View, way: Exit, direction: str = "") -> Result:
    """The player is in the new place: its first or a later telling, and what lies there."""
    visits = view.count(way.to, "visits")
    changes: list[Change] = [
        change(PLAYER, "came_from", view.here, "verb:go"),
        change(PLAYER, "in", way.to, "verb:go"),
        change(way.to, "visits", visits + 1, "verb:go"),
        *([] if visits else [change(way.to, TOLD_WHOLE_AT, view.now, "verb:go")]),
    ]
    there = view.after(changes)
    # After the author's tellings are used up an arrival is told from the place's textures: no text comes twice.
    texts = [there.location.description, *there.location.again]
    says = texts[visits] if visits < len(texts) else ""
    passing = way.passing if way.passing and not visits else ""
    lines = [*([passing] if passing else []), says, *(placed_lines(there) if not visits else [])]
    made = beat(
        "arrived",
        says=" ".join(line for line in lines if line),
        times=visits,
        listed=_loose(there) if visits else unplaced(there),
        place=there.location.name,
        where=there.whereabouts,
        direction=direction,
    )
    return Result([made], changes, [*there.people]).join(see_people(there))


def _loose(view: View) -> list[str]:
    """What a later arrival names: things that could be taken. Furniture was seen the first time."""
    return [view.a_name(key) for key in view.listed_here() if view.world.items[key].portable]


def _leave(view: View, command: Command) -> Result:
    if command.said in _LEAVING and "out" in view.exits:
        return step(view, "out")
    if len(view.exits) == 1:
        return step(view, next(iter(view.exits)))
    return refuse("which_way") if command.said in _LEAVING else refuse("what", verb="go")


def _leaves(command: Command) -> bool:
    """Whether the words name what is left: `exit the shed`, not `exit to the yard`."""
    return command.said in _LEAVING and not re.search(
        r"\b(?:leave|exit) (?:to|into|for|through)\b", command.raw.lower()
    )


_LEAVING = ("leave", "exit")
_ABOUTS = frozenset({"room", "place", "building", "house", "here", "island", "train", "garden", "area", "town", "home"})
"""Words for wherever the player is, which the place itself need not be called."""


def _door_named(view: View, door: str, wanted: str) -> bool:
    return any(word in view.world.items[door].name.lower().split() for word in wanted.split())


def _walk(view: View, place: str) -> Result:
    """Straight there if it is next door; else along known, open ways, telling only the arrival."""
    direction = next((d for d, way in view.exits.items() if way.to == place), "")
    if direction:
        return step(view, direction)
    path = _path(view, place)
    if not path:
        return refuse("no_way", phrase=view.world.locations[place].name)
    changes: list[Change] = []
    slots = dict(view.slots)
    last = Result()
    for way in path:
        last = arrive(View(view.world, slots, view.now), way)
        changes += last.changes
        slots = apply_changes(slots, last.changes)
    # Only the last `player.in` matters, but every place on the way counts as passed through.
    return Result(last.beats, _last_of_each(changes), last.focus)


def _path(view: View, place: str) -> list[Exit]:
    """The shortest way through visited places and open doors (breadth first)."""
    queue: deque[tuple[str, list[Exit]]] = deque([(view.here, [])])
    seen = {view.here}
    while queue:
        here, path = queue.popleft()
        if here == place:
            return path
        for way in view.exits_of(here).values():
            known = view.count(way.to, "visits") > 0
            if known and way.to not in seen and view.passable(way):
                seen.add(way.to)
                queue.append((way.to, [*path, way]))
    return []


def _last_of_each(changes: list[Change]) -> list[Change]:
    return list({item["slot"]: item for item in changes}.values())
