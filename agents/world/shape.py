"""Faults of a world file's shape, in plain words; and what is left of the file where its faulty parts are taken out.

The rest is looked through for faults of sense as far as they hang on nothing that was taken out, so that an author
learns of a misspelt key and of an exit that leads nowhere in one go.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from agents.world.schema import World
from agents.yamls import PathKey

_ROUNDS = 12
"""Times that a file is validated without its faulty parts: what was taken out may be missed where it stood."""

_MOST_FAULTS = 200
"""A file with more faults of shape is another kind of file, and not looked through for sense."""

_STAND_INS: dict[str, Any] = {
    "world": "draft",
    "title": "-",
    "summary": "-",
    "opening": "-",
    "ending": "-",
    "tone": {"mood": "-", "textures": ["-"] * 12},
}
"""Stand for texts that a draft lacks; no fault of sense hangs on them."""

_SECTIONS = frozenset(
    {"locations", "items", "characters", "goals", "rules", "consequences", "techniques", "invariants", "verbs"}
)

_EXPECTED = {
    "string_type": "a text", "list_type": "a list", "dict_type": "a mapping", "model_type": "a mapping",
    "model_attributes_type": "a mapping", "bool_type": "true or false", "bool_parsing": "true or false",
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
}  # fmt: skip
_ID = "ids are lower-case letters, digits and _, begin with a letter and have at most 40 characters"


class ShapeFault(NamedTuple):
    """A fault in plain words and where it is: the part itself, or the mapping in which a key is missing."""

    message: str
    path: PathKey


def shape_faults(error: ValidationError, data: Any) -> list[ShapeFault]:
    """Every fault of the shape once; where a part may be one of several things, what it may be is said together."""
    details = [(_path(item["loc"], data), item) for item in error.errors()]
    # Where a fault lies within a part, the part is of the right kind, and only its inside is faulty.
    entered = {path[:n] for path, _ in details for n in range(len(path))}
    entered |= {path for path, item in details if item["type"] == "missing"}
    told: dict[PathKey, list[str]] = {}
    faults: list[ShapeFault] = []
    for path, item in details:
        if item["type"] not in _EXPECTED:
            faults.append(ShapeFault(_message(path, item), path))
        elif path not in entered:
            told.setdefault(path, []).append(_EXPECTED[item["type"]])
    for path, ways in told.items():
        name = ".".join(map(str, path)) or "the world"
        faults.append(ShapeFault(f"{name}: expected {_or(ways)}, got {_shown(_at(data, path), ways)}", path))
    return list(dict.fromkeys(faults))


def rest_of(data: dict[str, Any]) -> tuple[World | None, set[str], set[PathKey]]:
    """The world without its faulty parts, the names that went with them, and the entities that lost a part.

    The world is None where too little is left to look through.
    """
    left, lost, touched = copy.deepcopy(data), set[str](), set[PathKey]()
    for _ in range(_ROUNDS):
        try:
            return World.model_validate(left), lost, touched
        except ValidationError as error:
            if error.error_count() > _MOST_FAULTS:
                return None, lost, touched
            found = {_cut(_path(item["loc"], left), item) for item in error.errors()}
            # From the end of a list to its beginning, and parts before what holds them.
            for path in sorted(found, key=lambda path: [*map(_order, path)], reverse=True):
                if not _take_out(left, path, lost):
                    return None, lost, touched
                touched.add(path[:2])
    return None, lost, touched


def hangs_on(message: str, path: PathKey, lost: set[str], touched: set[PathKey]) -> bool:
    """Whether a fault of sense may come only of what was taken out."""
    named = {word for quoted in re.findall(r"'([^']*)'", message) for word in re.findall(r"\w+", quoted)}
    entities = {str(part[1]) for part in touched if len(part) > 1}
    unlisted = "is placed nowhere" in message and any(part[0] == "locations" for part in touched)
    return bool(named & (lost | entities)) or path[:2] in touched or unlisted


def _path(loc: Sequence[int | str], data: Any) -> PathKey:
    """The place in the file: pydantic's own words for the alternatives of a part are left out."""
    path: list[int | str] = []
    for number, part in enumerate(loc):
        within = part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        if within:
            path.append(part)
            data = cast(Any, data)[part]
        elif number == len(loc) - 1 and part == "[key]":
            path.append("[key]")
    return tuple(path)


def _at(data: Any, path: PathKey) -> Any:
    for part in path:
        data = data[part]
    return data


def _message(path: PathKey, item: ErrorDetails) -> str:
    name, kind, context = ".".join(map(str, path)) or "the world", item["type"], item.get("ctx", {})
    if path[-1:] == ("[key]",):
        held, key = ".".join(map(str, path[:-2])) or "the world", str(path[-2])
        return f"{held}: the key '{key}' is {_no_choice(key, context) if 'expected' in context else f'no id; {_ID}'}"
    match kind:
        case "extra_forbidden":
            return f"unknown key '{path[-1]}' in {'.'.join(map(str, path[:-1])) or 'the world'}"
        case "missing":
            return f"the key '{item['loc'][-1]}' is missing in {name}"
        case "literal_error":
            return f"{name}: {_shown(item['input'], [])} is {_no_choice(str(item['input']), context)}"
        case "string_too_short":
            return f"{name}: expected a text, got an empty one"
        case "string_too_long":
            return f"{name}: the text is longer than {context['max_length']} characters"
        case "string_pattern_mismatch":
            return f"{name}: {_shown(item['input'], [])} is no id; {_ID}"
        case "too_short":
            return f"{name}: expected at least {context['min_length']} entries, got {context['actual_length']}"
        case "greater_than_equal":
            return f"{name}: expected at least {context['ge']}, got {item['input']}"
        case "less_than_equal":
            return f"{name}: expected at most {context['le']}, got {item['input']}"
        case _:
            return f"{name}: {item['msg'][:1].lower()}{item['msg'][1:]}"


def _no_choice(given: str, context: dict[str, Any]) -> str:
    """Behind a name: that it is none of those that may stand there, and the nearest of them, or all."""
    known = re.findall(r"'([^']*)'", str(context["expected"]))
    if len(known) <= _FEW:
        return f"none of: {', '.join(known)}"
    close = get_close_matches(given, known, n=1, cutoff=0.5)
    return f"not known; did you mean '{close[0]}'?" if close else f"not known; there are: {', '.join(known)}"


_FEW = 6
"""Choices that are all told, whichever is nearest."""


def _or(ways: list[str]) -> str:
    each = list(dict.fromkeys(ways))
    return each[0] if len(each) == 1 else f"{', '.join(each[:-1])} or {each[-1]}"


def _shown(value: Any, ways: list[str]) -> str:
    """A value as a fault tells it: short, by its kind where it is long."""
    match value:
        case None:
            return "nothing"
        case bool() | int() | float():
            return f"{str(value).lower()}{'; put it in quotes' if 'a text' in ways else ''}"
        case str():
            return f"'{value[:40]}'" if value else "an empty text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _cut(path: PathKey, item: ErrorDetails) -> PathKey:
    """What has to go because of a fault. A missing key costs the mapping; at the top, where it would be, is asked for."""
    if path[-1:] == ("[key]",):
        return path[:-1]
    return (str(item["loc"][-1]),) if item["type"] == "missing" and not path else path


def _order(part: int | str) -> tuple[int, int | str]:
    return (0, part) if isinstance(part, int) else (1, part)


def _take_out(data: dict[str, Any], path: PathKey, lost: set[str]) -> bool:
    """Takes one part out, or puts a stand-in at the top; False where nothing can stand for it."""
    *above, last = path
    try:
        holder = _at(data, tuple(above))
        if last in holder if isinstance(holder, dict) else True:
            lost |= {*_names_in(holder[last]), str(last), *(["world"] if path[0] == "states" else [])}
            del holder[last]
    except (KeyError, IndexError, TypeError):
        return True  # it went with what held it
    if len(path) == 1 and last in _SECTIONS:
        return False  # all that stood in it would be missed
    if len(path) == 1 and last in World.model_fields and World.model_fields[str(last)].is_required():
        if last == "start" and isinstance(data.get("locations"), dict) and data["locations"]:
            data["start"] = next(iter(data["locations"]))
        elif last in _STAND_INS:
            data[str(last)] = _STAND_INS[str(last)]
        else:
            return False
    return True


def _names_in(part: Any) -> Iterator[str]:
    """Everything in a part that another part may refer to."""
    if isinstance(part, dict):
        for key, inner in part.items():
            yield str(key)
            yield from _names_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _names_in(inner)
    elif isinstance(part, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,39}", part):
        yield part
