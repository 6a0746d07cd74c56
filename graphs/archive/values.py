"""What the properties of a line may be: a graph's values, and those without which a story cannot be played."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from agents.characters import Protagonist, check_protagonist
from agents.errors import InvalidInput
from agents.safety.heard import HEARD_CHARS, MAX_HEARD
from agents.safety.topics import check_topics
from graphs.archive.lines import JSON, KINDS
from graphs.memory.cypher import LABELS
from graphs.memory.records import MAX_BODY, MAX_TRACE, encode
from graphs.memory.vectors import DIMENSIONS
from graphs.sessions import ID

KEYS = {kind: LABELS[label] for kind, label in KINDS.items()}
"""By which property a line of a kind is told from the others."""

MAX_KEY = 200

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
_UNFIT_KEY = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _tier(value: Any) -> bool:
    return _number(value) and value <= 2


def _kind(value: Any) -> bool:
    return value in ("story", "check_in", "crisis", "refused")


def _json(value: Any) -> bool:
    return isinstance(value, str | list | dict)


def _kept_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= HEARD_CHARS and not _UNFIT.search(value)


def _heard_texts(value: Any) -> bool:
    """None, in a session from before there was such a thing, or what the safety agent keeps in mind."""
    if not isinstance(value, list):
        return value is None
    kept = cast(list[Any], value)
    return len(kept) <= MAX_HEARD and all(
        isinstance(one, dict) and _kept_text(one.get("text")) and _number(one.get("age")) for one in kept
    )


def _topics(value: Any) -> bool:
    """None, in a session from before there were such topics, or topics as a player could have set them, a line each."""
    if not isinstance(value, str):
        return value is None
    names = [name for name in value.split("\n") if name]
    try:
        return check_topics(names) == names
    except InvalidInput:
        return False


def _protagonist(value: Any) -> bool:
    """None, or a character as a player could have made it, with an id."""
    if value is None:
        return True
    if not isinstance(value, dict):
        return False
    given = cast(dict[str, Any], value)
    words = [given.get(name) for name in ("character", "name", "pronouns", "description")]
    if not (all(map(_text, words)) and _texts(given.get("traits")) and re.fullmatch(ID, given["character"])):
        return False
    try:
        return dict(check_protagonist(cast(Protagonist, given))) == given
    except InvalidInput:
        return False


def _vector(value: Any) -> bool:
    """None, or a vector that the index takes; another one would fail every question that is asked of it."""
    return value is None or (
        isinstance(value, list) and len(value) == DIMENSIONS and all(type(item) in (int, float) for item in value)
    )


_NEEDED: dict[str, dict[str, Callable[[Any], bool]]] = {
    "session": {
        **dict.fromkeys(("session", "player", "title", "world", "fingerprint", "model", "branch"), _text),
        **dict.fromkeys(("created", "played", "world_text"), _text),
        "world_version": _number, "seed": _number, "risk": _tier, "paused": _truth, "heard": _heard_texts,
    },
    "branch": {"name": _text, "head": _text, "number": _number, "line": _text, "created": _text},
    "turn": {
        **dict.fromkeys(("turn_id", "line", "branch", "parent", "at"), _text),
        "number": _number, "kind": _kind, "body": _json, "changes": _json, "focus": _json,
    },
    "moment": {"turn_id": _text, "number": _number, "text": _text, "words": _text, "at": _text, "people": _texts},
    "trace": {"turn_id": _text, "body": _json},
    "chapter": {
        **dict.fromkeys(("turn_id", "text", "so_far", "source", "model", "at"), _text),
        **dict.fromkeys(("number", "first", "last"), _number), "usage": _json,
    },
}  # fmt: skip


def faults_of_shape(kind: str, value: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a line by itself."""
    for name, held in value.items():
        if not _NAME.fullmatch(name):
            yield f"The {kind} has a property with an unusable name"
        elif name not in JSON and not _storable(held):
            yield f"The {kind}'s {name} is nothing that a graph can store"
    needed = dict(_NEEDED.get(kind, {}))
    if kind == "turn" and value.get("kind") == "story":
        needed |= {"keyframe": _text, "tail": _texts}
        if value.get("keyframe") == value.get("turn_id"):
            needed |= {"segment": _texts, "leaves": _texts, "blocks": _texts, "snapshot": _json}
    for name, fits in needed.items():
        if not fits(value.get(name)):
            yield f"The {kind}'s {name} is missing or of the wrong kind"
    if not _vector(value.get("vector")):
        yield f"The {kind}'s vector is not one of {DIMENSIONS} numbers"
    if kind == "session" and not _topics(value.get("avoid")):
        yield "The session's avoid holds no topics as they can be set"
    if kind == "session" and not _protagonist(value.get("character")):
        yield "The session's character is none as it can be made"
    key = value.get(KEYS[kind])
    if isinstance(key, str) and (not key or len(key) > MAX_KEY or _UNFIT_KEY.search(key)):
        yield f"The {kind}'s {KEYS[kind]} is no usable name"
    yield from _too_large(kind, value)


def _too_large(kind: str, value: dict[str, Any]) -> Iterator[str]:
    most = {"turn": MAX_BODY, "trace": MAX_TRACE}.get(kind)
    held = [value[name] for name in ("body", "changes") if name in value]
    size = sum(len((item if isinstance(item, str) else encode(item)).encode(errors="replace")) for item in held)
    if most and size > most:
        yield f"The {kind} is too large to keep: {size} bytes of at most {most}"


def _storable(value: Any) -> bool:
    if isinstance(value, list):
        kinds = {float if isinstance(item, int) and not isinstance(item, bool) else type(item) for item in value}
        return len(kinds) <= 1 and all(not isinstance(item, list) and _storable(item) for item in value)
    if isinstance(value, str):
        return not _UNFIT.search(value)
    if isinstance(value, bool | float):
        return True
    return isinstance(value, int) and -(2**63) <= value < 2**63


def faults_of_redis(value: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a line that `Keyspace.restore` shall put back."""
    kind, _, name = str(value.get("key")).partition(":")
    held = value.get("held")
    if kind not in ("inbox", "lines", "turns", "thread", "events", "trace") or bool(name) != (
        kind in ("thread", "events", "trace")
    ):
        yield "There is no such key of a story in Redis"
    elif not isinstance(held, list) or len(held) != (2 if kind == "thread" else 1):
        yield "A key holds one value, a thread two"
    elif not all(each is None or (isinstance(each, dict) and _restorable(each)) for each in held):
        yield "What the key holds cannot be put back"


def _restorable(held: dict[str, Any]) -> bool:
    try:
        fits = _SHAPES[held["type"]](held["data"])
        return fits and bool(held["data"]) and isinstance(held["ttl_ms"], int)
    except (KeyError, TypeError, ValueError):
        return False


def _plain(text: Any) -> bool:
    return isinstance(text, str) and len(base64.b64decode(text, validate=True)) >= 0


def _pairs(data: Any) -> bool:
    return all(_plain(one) and _plain(other) for one, other in data)


_SHAPES: dict[str, Callable[[Any], bool]] = {
    "string": _plain,
    "set": lambda data: all(map(_plain, data)),
    "list": lambda data: all(map(_plain, data)),
    "hash": _pairs,
    "zset": lambda data: all(_plain(one) and isinstance(score, int | float) for one, score in data),
    "stream": lambda data: all(re.fullmatch(r"\d+-\d+", each) and fields and _pairs(fields) for each, fields in data),
}
