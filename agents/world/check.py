"""What a world's schema cannot say: that every name leads somewhere, and that the story can be played to its end.

`find_faults` checks names first; only a world whose names are sound is searched for what can be reached (`reach.py`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from agents.world import state_kinds
from agents.world.heart import kinds
from agents.world.language import NOWHERE, PLAYER, Act, LanguageFault, Test, parse_condition, parse_effect
from agents.world.load import Fault, PathKey
from agents.world.reach import reach
from agents.world.rules import PatternFault, parse_pattern
from agents.world.schema import Case, Exit, Line, Said, World
from agents.world.view import initial_slots
from agents.world.vocabulary import DIRECTIONS, GESTURES, VERBS

_KINDS = ("locations", "items", "characters", "goals", "rules", "consequences", "techniques", "invariants")
_BUILT_IN = frozenset({"in", "open", "locked", "visits", "looks", "seen", "met", "moved", "done", "fired"})


def find_faults(world: World) -> list[Fault]:
    """Every fault that can be found, without lines (`load.examine` adds them)."""
    return faults_of_names(world) or list(_unreachable(world))


def faults_of_names(world: World) -> list[Fault]:
    """The faults of names alone: what can be said of a world also where parts of it are not readable yet."""
    return [*_names(world), *_places(world), *_ways(world), *_things(world), *_words(world), *_languages(world)]


def _names(world: World) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for kind in _KINDS:
        for key in getattr(world, kind):
            if key in (PLAYER, "world", NOWHERE):
                yield Fault(f"'{key}' is a word of the language and cannot be an id", (kind, key))
            elif key in first:
                yield Fault(f"'{key}' is used twice: under {first[key]} and under {kind}", (kind, key))
            first.setdefault(key, kind)
    if world.start not in world.locations:
        yield Fault(_unknown(world.start, world.locations, "location"), ("start",))


def _places(world: World) -> Iterator[Fault]:
    """Items and characters are somewhere, and in one place only."""
    listed = Counter(item for location in world.locations.values() for item in location.items)
    for place, location in world.locations.items():
        for index, item in enumerate(location.items):
            path: PathKey = ("locations", place, "items", index)
            if item not in world.items:
                yield Fault(_unknown(item, world.items, "item"), path)
            elif listed[item] > 1 or world.items[item].in_ is not None:
                yield Fault(f"item '{item}' is placed twice", path)
    holders = {*world.locations, *world.characters, PLAYER, NOWHERE}
    for key, item in world.items.items():
        path = ("items", key, "in")
        if item.in_ is None:
            if key not in listed and not item.door:
                yield Fault(f"item '{key}' is placed nowhere; write 'in: nowhere' if it appears later", ("items", key))
        elif item.in_ in world.items:
            holder = world.items[item.in_]
            if not (holder.container or holder.surface):
                yield Fault(f"item '{key}' is in '{item.in_}', which is neither container nor surface", path)
            elif _in_a_circle(world, key):
                yield Fault(f"item '{key}' is inside itself", path)
        elif item.in_ not in holders:
            yield Fault(_unknown(item.in_, [*holders, *world.items], "place"), path)
    for key, character in world.characters.items():
        if character.in_ not in world.locations and character.in_ != NOWHERE:
            yield Fault(_unknown(character.in_, world.locations, "location"), ("characters", key, "in"))


def _in_a_circle(world: World, key: str) -> bool:
    seen: set[str] = set()
    place: str | None = key
    while place in world.items:
        if place in seen:
            return True
        seen.add(place)
        place = world.items[place].in_
    return False


def _ways(world: World) -> Iterator[Fault]:
    for place, location in world.locations.items():
        for direction, way in location.exits.items():
            path = ("locations", place, "exits", direction)
            to = way.to if isinstance(way, Exit) else way
            if to not in world.locations:
                yield Fault(f"this exit leads to nowhere: {_unknown(to, world.locations, 'location')}", path)
            if isinstance(way, Exit) and way.door:
                if way.door not in world.items or not world.items[way.door].door:
                    yield Fault(f"'{way.door}' is no item with 'door: true'", (*path, "door"))
                if not world.items.get(way.door):
                    continue
            if isinstance(way, Exit) and way.when and not way.blocked:
                yield Fault("an exit with 'when' needs 'blocked': what the player reads meanwhile", path)


def _things(world: World) -> Iterator[Fault]:
    for key, item in world.items.items():
        if item.key is not None and item.key not in world.items:
            yield Fault(_unknown(item.key, world.items, "item"), ("items", key, "key"))
        if item.locked and not item.lockable:
            yield Fault(f"item '{key}' is locked but not lockable", ("items", key, "locked"))
        if item.open and not (item.openable or item.door):
            yield Fault(f"item '{key}' is open but not openable", ("items", key, "open"))
    for key, character in world.characters.items():
        for gift in character.gifts:
            if gift not in world.items:
                yield Fault(_unknown(gift, world.items, "item"), ("characters", key, "gifts", gift))
    for kind in ("rules", "consequences", "techniques"):
        for key, part in getattr(world, kind).items():
            for index, place in enumerate(part.here):
                if place not in world.locations:
                    yield Fault(_unknown(place, world.locations, "location"), (kind, key, "here", index))


def _words(world: World) -> Iterator[Fault]:
    """Verbs that a thing refuses, and kinds of feelings that are answered, are known ones."""
    verbs = {*VERBS, *GESTURES, *world.verbs}
    for key, item in world.items.items():
        for verb in item.refuses:
            if verb not in verbs:
                yield Fault(_unknown(verb, verbs, "verb"), ("items", key, "refuses", verb))
    hearts: list[tuple[PathKey, dict[str, list[str]]]] = [(("heart",), world.heart)]
    hearts += [(("characters", who, "heart"), person.heart) for who, person in world.characters.items()]
    for path, heart in hearts:
        for kind in heart:
            if kind not in kinds():
                yield Fault(_unknown(kind, kinds(), "kind of feeling"), (*path, kind))


def _languages(world: World) -> Iterator[Fault]:
    """Conditions, effects and patterns can be read, and what they name exists."""
    for path, text in conditions_of(world):
        try:
            problem = _test_problem(world, parse_condition(text))
        except LanguageFault as error:
            problem = str(error)
        if problem:
            yield Fault(problem, path)
    for path, text in effects_of(world):
        try:
            problem = _act_problem(world, parse_effect(text))
        except LanguageFault as error:
            problem = str(error)
        if problem:
            yield Fault(problem, path)
    details = {name for location in world.locations.values() for name in location.details}
    known = {*world.items, *world.characters, *world.locations, *details, *DIRECTIONS}
    for key, rule in world.rules.items():
        for index, line in enumerate(rule.on):
            try:
                pattern = parse_pattern(line, world)
            except PatternFault as error:
                yield Fault(str(error), ("rules", key, "on", index))
                continue
            for name in pattern.ids:
                if name not in known:
                    yield Fault(_unknown(name, known, "item or character"), ("rules", key, "on", index))


def conditions_of(world: World) -> Iterator[tuple[PathKey, str]]:
    """Every condition of the world with its path."""
    for kind in ("goals", "rules", "consequences", "techniques"):
        for key, part in getattr(world, kind).items():
            yield from (((kind, key, "when", i), text) for i, text in enumerate(part.when))
    for key, part in world.consequences.items():
        yield from ((("consequences", key, "unless", i), text) for i, text in enumerate(part.unless))
    for key, part in world.invariants.items():
        yield from ((("invariants", key, "never", i), text) for i, text in enumerate(part.never))
    for place, location in world.locations.items():
        for direction, way in location.exits.items():
            if isinstance(way, Exit):
                path: PathKey = ("locations", place, "exits", direction, "when")
                yield from (((*path, i), text) for i, text in enumerate(way.when))
    for who, character in world.characters.items():
        for group in ("topics", "gifts"):
            for key, part in getattr(character, group).items():
                yield from ((("characters", who, group, key, "when", i), text) for i, text in enumerate(part.when))
    for path, line in lines_of(world):
        if isinstance(line, Case):
            yield from (((*path, "when", i), text) for i, text in enumerate(line.when))


def lines_of(world: World) -> Iterator[tuple[PathKey, Line | Case]]:
    """Every line that may have conditions, with its path."""
    for kind, name in (("goals", "hint"), ("rules", "otherwise")):
        for key, part in getattr(world, kind).items():
            yield from _numbered((kind, key, name), getattr(part, name))
    for who, character in world.characters.items():
        yield from _numbered(("characters", who, "present"), character.present)
        yield from _numbered(("characters", who, "gestures"), character.gestures)
        for group in ("topics", "gifts"):
            for key, part in getattr(character, group).items():
                yield from _numbered(("characters", who, group, key, "otherwise"), part.otherwise)


def _numbered(path: PathKey, lines: list[Said] | Line) -> Iterator[tuple[PathKey, Line | Case]]:
    if isinstance(lines, list):
        yield from (((*path, i), line) for i, line in enumerate(lines))


def effects_of(world: World) -> Iterator[tuple[PathKey, str]]:
    """Every effect of the world with its path."""
    for kind in ("goals", "rules", "consequences"):
        for key, part in getattr(world, kind).items():
            yield from (((kind, key, "effects", i), text) for i, text in enumerate(part.effects))
    for who, character in world.characters.items():
        for group in ("topics", "gifts"):
            for key, part in getattr(character, group).items():
                path: PathKey = ("characters", who, group, key, "effects")
                yield from (((*path, i), text) for i, text in enumerate(part.effects))


def _test_problem(world: World, test: Test) -> str:
    match test.form:
        case "has":
            return "" if test.subject in world.items else _unknown(test.subject, world.items, "item")
        case "in":
            return _moved_problem(world, test.subject) or _holder_problem(world, str(test.value))
        case "visited":
            return "" if test.subject in world.locations else _unknown(test.subject, world.locations, "location")
        case "asked":
            if test.subject not in world.characters:
                return _unknown(test.subject, world.characters, "character")
            topics = world.characters[test.subject].topics
            return "" if test.value in topics else _unknown(str(test.value), topics, f"topic of {test.subject}")
        case "done":
            return "" if test.subject in world.goals else _unknown(test.subject, world.goals, "goal")
        case "fired":
            known = world.consequences
            return "" if test.subject in known else _unknown(test.subject, known, "consequence")
        case _:
            problem = _state_problem(world, test.subject, test.relation)
            first = initial_slots(world).get(f"{test.subject}.{test.relation}")
            return problem or ("" if first is None else state_kinds.test_problem(test, first))


def _act_problem(world: World, act: Act) -> str:
    if act.form == "move":
        return _moved_problem(world, act.subject) or _holder_problem(world, str(act.value))
    if act.relation == "in":
        return f"'{act.subject}.in' is set by 'move {act.subject} to ...'"
    first = initial_slots(world).get(f"{act.subject}.{act.relation}")
    return _state_problem(world, act.subject, act.relation) or (
        "" if first is None else state_kinds.act_problem(act, first)
    )


def _moved_problem(world: World, subject: str) -> str:
    known = [PLAYER, *world.items, *world.characters]
    return "" if subject in known else _unknown(subject, known, "item or character")


def _holder_problem(world: World, place: str) -> str:
    known = [PLAYER, NOWHERE, *world.locations, *world.items, *world.characters]
    return "" if place in known else _unknown(place, known, "place")


def _state_problem(world: World, subject: str, relation: str) -> str:
    slots = initial_slots(world)
    subjects = {slot.split(".", 1)[0] for slot in slots} | {*world.goals, *world.consequences, *world.locations}
    if subject not in subjects:
        return _unknown(subject, subjects, "thing with states")
    if f"{subject}.{relation}" in slots or relation in _BUILT_IN:
        return ""
    states = [slot.split(".", 1)[1] for slot in slots if slot.startswith(f"{subject}.")]
    return f"'{subject}' has no state '{relation}'; declare it under 'states:'{_choices(relation, states)}"


def _unreachable(world: World) -> Iterator[Fault]:
    reached = reach(world)
    for key in world.locations:
        if key not in reached.places:
            yield Fault(f"location '{key}' is unreachable from '{world.start}'", ("locations", key))
    for key in world.goals:
        if key not in reached.goals:
            yield Fault(f"goal '{key}' cannot be won: {reached.why(key)}", ("goals", key))
    for key in world.items:
        if key not in reached.items:
            yield Fault(f"item '{key}' can never be found", ("items", key))


def _unknown(name: str, known: Iterable[str], kind: str) -> str:
    return f"there is no {kind} '{name}'{_choices(name, list(known))}"


def _choices(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; there are: {', '.join(sorted(known)[:8])}" if known else ""
