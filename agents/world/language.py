"""The two small languages of a world file: conditions and effects, one line each.

Conditions (all may begin with `not`):
    lamp.lit                     the state is true (or a number above 0)
    world.letters >= 3           compare with =, !=, <, <=, >, >= against true, false, a whole number or a word
    key in drawer                the entity is directly there (a location, container, character, `player`, `nowhere`)
    player has key               carried, in the hand or inside something carried
    visited cellar               the player has been there
    asked maren about ferry      the topic was answered
    done light_the_lamp          the goal is reached
    fired tide                   the consequence has happened

Effects:
    lamp.lit = true              set a state
    world.letters += 1           count up (or down with -=)
    move key to player           put an item or character somewhere; `move player to cellar` takes the player along
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents.story import Change, Value, change

NOWHERE = "nowhere"
PLAYER = "player"

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_STATE = re.compile(r"^(?P<subject>\w+)\.(?P<relation>\w+)(?:\s*(?P<op>!=|<=|>=|=|<|>)\s*(?P<value>\S+))?$")
_WORDS: list[tuple[str, re.Pattern[str]]] = [
    ("has", re.compile(r"^player has (?P<subject>\w+)$")),
    ("in", re.compile(r"^(?P<subject>\w+) in (?P<value>\w+)$")),
    ("visited", re.compile(r"^visited (?P<subject>\w+)$")),
    ("asked", re.compile(r"^asked (?P<subject>\w+) about (?P<value>\w+)$")),
    ("done", re.compile(r"^done (?P<subject>\w+)$")),
    ("fired", re.compile(r"^fired (?P<subject>\w+)$")),
]
_SET = re.compile(r"^(?P<subject>\w+)\.(?P<relation>\w+)\s*(?P<op>=|\+=|-=)\s*(?P<value>\S+)$")
_MOVE = re.compile(r"^move (?P<subject>\w+) to (?P<value>\w+)$")


class LanguageFault(ValueError):
    """A condition or an effect that cannot be read; the text says which forms there are."""


@dataclass(frozen=True)
class Test:
    """One parsed condition."""

    form: str
    subject: str
    relation: str = ""
    op: str = ""
    value: Value = None
    negated: bool = False

    __test__ = False  # not a test class, whatever pytest thinks of the name


@dataclass(frozen=True)
class Act:
    """One parsed effect."""

    form: str
    subject: str
    relation: str
    op: str
    value: Value


def read_value(word: str) -> Value:
    """`true`, `false`, a whole number, or the word itself."""
    if word in ("true", "false"):
        return word == "true"
    return int(word) if re.fullmatch(r"-?\d+", word) else word


def parse_condition(text: str) -> Test:
    """Raises LanguageFault for a text that is no condition."""
    body = text.strip()
    negated = body.startswith("not ")
    if negated:
        body = body[4:].strip()
    for form, pattern in _WORDS:
        if found := pattern.match(body):
            named = found.groupdict()
            return Test(form, named["subject"], value=named.get("value"), negated=negated)
    if found := _STATE.match(body):
        named = found.groupdict()
        value = read_value(named["value"]) if named["value"] else None
        if named["op"] in _COMPARE and not _is_number(value):
            raise LanguageFault(f"'{text}' compares with something that is no whole number")
        return Test("state", named["subject"], named["relation"], named["op"] or "", value, negated)
    raise LanguageFault(
        f"'{text}' is not a condition. Forms: 'lamp.lit', 'world.letters >= 3', 'key in drawer', 'player has key', "
        "'visited cellar', 'asked maren about ferry', 'done goal', 'fired consequence', each with 'not' before it"
    )


def parse_effect(text: str) -> Act:
    """Raises LanguageFault for a text that is no effect."""
    body = text.strip()
    if found := _MOVE.match(body):
        return Act("move", found["subject"], "in", "=", found["value"])
    if found := _SET.match(body):
        value = read_value(found["value"])
        if found["op"] != "=" and not _is_number(value):
            raise LanguageFault(f"'{text}' counts with something that is no whole number")
        return Act("set", found["subject"], found["relation"], found["op"], value)
    raise LanguageFault(
        f"'{text}' is not an effect. Forms: 'lamp.lit = true', 'world.letters += 1', 'move key to player'"
    )


def holds(test: Test, slots: Mapping[str, Value]) -> bool:
    """Whether the condition is true in these slots."""
    return _plain(test, slots) != test.negated


def all_hold(conditions: list[str], slots: Mapping[str, Value]) -> bool:
    """Whether every one of the conditions is true; true for none."""
    return all(holds(parse_condition(text), slots) for text in conditions)


def run_effects(effects: list[str], slots: Mapping[str, Value], because: str) -> list[Change]:
    """The changes that the effects make, each seeing the ones before it."""
    now = dict(slots)
    changes: list[Change] = []
    for text in effects:
        act = parse_effect(text)
        slot = f"{act.subject}.{act.relation}"
        value = act.value
        if act.op in ("+=", "-="):
            step = int(value or 0) * (1 if act.op == "+=" else -1)
            value = int(now.get(slot) or 0) + step
        if now.get(slot) != value:
            changes.append(change(act.subject, act.relation, value, because))
            now[slot] = value
    return changes


def carried(entity: str, slots: Mapping[str, Value]) -> bool:
    """Whether the player has it, in the hand or inside something carried."""
    seen: set[str] = set()
    place = slots.get(f"{entity}.in")
    while isinstance(place, str) and place not in seen:
        if place == PLAYER:
            return True
        seen.add(place)
        place = slots.get(f"{place}.in")
    return False


def _plain(test: Test, slots: Mapping[str, Value]) -> bool:
    match test.form:
        case "has":
            return carried(test.subject, slots)
        case "in":
            return slots.get(f"{test.subject}.in") == test.value
        case "visited":
            return bool(slots.get(f"{test.subject}.visits"))
        case "asked":
            return bool(slots.get(f"{test.subject}.told_{test.value}"))
        case "done" | "fired":
            return bool(slots.get(f"{test.subject}.{test.form}"))
        case _:
            return _compare(slots.get(f"{test.subject}.{test.relation}"), test.op, test.value)


def _compare(actual: Value, op: str, wanted: Value) -> bool:
    if not op:
        return bool(actual)
    if op in ("=", "!="):
        return ((actual or False) == wanted if isinstance(wanted, bool) else actual == wanted) == (op == "=")
    return _COMPARE[op](int(actual or 0) if _is_number(actual) or actual is None else 0, int(wanted or 0))


def _is_number(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
