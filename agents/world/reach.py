"""Which places, things and goals a player can ever reach: a search that forgets what it gave up.

The delete relaxation of planning (Bonet and Geffner 2001): every value that a slot could ever take is collected, and none
is ever taken away, until nothing new is found. What this search cannot reach, no play can; the scripts under
`tests/worlds` prove the other direction for the shipped worlds.
"""

from dataclasses import dataclass, field

from agents.story import Value
from agents.world.language import NOWHERE, PLAYER, Test, holds, parse_condition, parse_effect
from agents.world.rules import PatternFault, parse_pattern
from agents.world.schema import World
from agents.world.view import View, initial_slots

_ANY_NUMBER = 10**6


@dataclass
class Reached:
    """Everything that can come about. `values` are the values that each slot can take."""

    world: World
    values: dict[str, set[Value]]
    places: set[str] = field(default_factory=set[str])
    items: set[str] = field(default_factory=set[str])
    goals: set[str] = field(default_factory=set[str])

    def can(self, conditions: list[str]) -> bool:
        return all(self._possible(parse_condition(text)) for text in conditions)

    def why(self, goal: str) -> str:
        """The first condition of a goal that can never hold."""
        failing = [text for text in self.world.goals[goal].when if not self._possible(parse_condition(text))]
        return f"'{failing[0]}' can never hold" if failing else "its conditions can never hold"

    def _possible(self, test: Test) -> bool:
        if test.form == "has":
            return test.negated or PLAYER in self._holders(test.subject)
        slot = _slot(test)
        seen = self.values.get(slot, {None})
        if test.form == "in" and not test.negated:
            return test.value in seen
        if test.op == "=" and seen & {_ANY_NUMBER, -_ANY_NUMBER}:
            return True
        return any(holds(test, {slot: value}) for value in seen)

    def _holders(self, item: str) -> set[Value]:
        found = set(self.values.get(f"{item}.in", set()))
        for _ in range(4):
            inner = {v for place in found if place in self.world.items for v in self.values.get(f"{place}.in", set())}
            if inner <= found:
                break
            found |= inner
        return found

    def add(self, slot: str, value: Value) -> bool:
        """Notes a value; True when it is new."""
        known = self.values.setdefault(slot, {None})
        if value in known and type(value) in {type(v) for v in known if v == value}:
            return False
        known.add(value)
        return True


def reach(world: World) -> Reached:
    """Searches to the fixed point; cost is small (worlds have some hundred slots)."""
    reached = Reached(world, {slot: {value} for slot, value in initial_slots(world).items()})
    while _grow(reached):
        pass
    return reached


def _slot(test: Test) -> str:
    match test.form:
        case "in":
            return f"{test.subject}.in"
        case "visited":
            return f"{test.subject}.visits"
        case "asked":
            return f"{test.subject}.told_{test.value}"
        case "done" | "fired":
            return f"{test.subject}.{test.form}"
        case _:
            return f"{test.subject}.{test.relation}"


def _grow(reached: Reached) -> bool:
    """One round of everything that could happen; True when something new came about."""
    before = sum(len(v) for v in reached.values.values()), len(reached.places), len(reached.items), len(reached.goals)
    _walk(reached)
    _find_items(reached)
    _talk(reached)
    _apply_rules(reached)
    for key, goal in reached.world.goals.items():
        if reached.can(goal.when):
            reached.goals.add(key)
            reached.add(f"{key}.done", True)
            _effects(reached, goal.effects)
    for key, consequence in reached.world.consequences.items():
        if reached.can(consequence.when):
            reached.add(f"{key}.fired", True)
            _effects(reached, consequence.effects)
    after = sum(len(v) for v in reached.values.values()), len(reached.places), len(reached.items), len(reached.goals)
    return after != before


def _walk(reached: Reached) -> None:
    view = View(reached.world, {})
    reached.places |= {str(p) for p in reached.values[f"{PLAYER}.in"] if p in reached.world.locations}
    for place in list(reached.places):
        reached.add(f"{place}.visits", 1)
        for way in view.exits_of(place).values():
            if way.door:
                reached.items.add(way.door)
                _handle(reached, way.door)
            open_now = way.door is None or True in reached.values.get(f"{way.door}.open", {True})
            if way.to in reached.world.locations and open_now and reached.can(way.when):
                reached.add(f"{PLAYER}.in", way.to)
                reached.places.add(way.to)


def _accessible(reached: Reached, item: str) -> bool:
    """Whether the item can be where the player gets at it."""
    for place in reached.values.get(f"{item}.in", set()):
        if place == PLAYER or place in reached.places:
            return True
        if place in reached.world.characters and _meets(reached, str(place)):
            return True
        if place in reached.items:
            holder = reached.world.items[str(place)]
            if holder.surface or not holder.openable or True in reached.values.get(f"{place}.open", {True}):
                return True
    return False


def _meets(reached: Reached, who: str) -> bool:
    return bool(reached.values.get(f"{who}.in", set()) & reached.places)


def _find_items(reached: Reached) -> None:
    for key, item in reached.world.items.items():
        if key not in reached.items and _accessible(reached, key):
            reached.items.add(key)
        if key not in reached.items:
            continue
        reached.add(f"{key}.seen", 1)
        _handle(reached, key)
        if item.portable and not item.door and not item.scenery:
            free = any(p not in reached.world.characters for p in reached.values[f"{key}.in"] if p != NOWHERE)
            if free:
                _carry(reached, key)


def _carry(reached: Reached, key: str) -> None:
    """A thing in the hand can be put down anywhere that can be reached."""
    reached.add(f"{key}.in", PLAYER)
    for place in reached.places:
        reached.add(f"{key}.in", place)
    for holder in reached.items:
        if holder != key and (reached.world.items[holder].container or reached.world.items[holder].surface):
            reached.add(f"{key}.in", holder)


def _handle(reached: Reached, key: str) -> None:
    item = reached.world.items[key]
    if item.lockable and (item.key is None or PLAYER in reached.values.get(f"{item.key}.in", set())):
        reached.add(f"{key}.locked", False)
        reached.add(f"{key}.locked", True)
    if (item.openable or item.door) and False in reached.values.get(f"{key}.locked", {False}):
        reached.add(f"{key}.open", True)
        reached.add(f"{key}.open", False)


def _talk(reached: Reached) -> None:
    for who, character in reached.world.characters.items():
        if not _meets(reached, who):
            continue
        reached.add(f"{who}.met", 1)
        for name, topic in character.topics.items():
            if reached.can(topic.when):
                reached.add(f"{who}.told_{name}", 1)
                _effects(reached, topic.effects)
        for thing, gift in character.gifts.items():
            if PLAYER in reached.values.get(f"{thing}.in", set()) and reached.can(gift.when):
                if gift.keeps:
                    reached.add(f"{thing}.in", who)
                _effects(reached, gift.effects)


def _apply_rules(reached: Reached) -> None:
    for rule in reached.world.rules.values():
        if rule.here and not set(rule.here) & reached.places:
            continue
        if reached.can(rule.when) and any(_can_type(reached, line) for line in rule.on):
            _effects(reached, rule.effects)


def _can_type(reached: Reached, line: str) -> bool:
    try:
        pattern = parse_pattern(line, reached.world)
    except PatternFault:
        return False
    return all(
        (name in reached.items if name in reached.world.items else True)
        and (_meets(reached, name) if name in reached.world.characters else True)
        for name in pattern.ids
    )


def _effects(reached: Reached, effects: list[str]) -> None:
    for text in effects:
        act = parse_effect(text)
        slot = f"{act.subject}.{act.relation}"
        if act.op == "=":
            reached.add(slot, act.value)
        else:
            # Counting can be repeated, so any number on that side can come about.
            reached.add(slot, _ANY_NUMBER if act.op == "+=" else -_ANY_NUMBER)
