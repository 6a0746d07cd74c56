"""The file of a story: JSON Lines in UTF-8, one thing a line, each an object with one key that says what it is.

    {"tta": "story", "version": 1, "by": "0.1.0", "at": "2026-01-01T00:00:00+00:00", "store": "neo4j"}
    {"redis": {"key": "inbox", ...}}         only in a backup: what Redis held (`keyspace`)
    {"session": {"session": ID, "tenant": ..., "player": ..., "world_text": ..., "branch": "main", "risk": 0, ...}}
    {"branch": {"name": "main", "head": TURN_ID, "number": 12, "line": ..., "created": ...}}
    {"turn": {"turn_id": ..., "number": 1, "parent": ..., "kind": "story", "body": {...}, "changes": [...], ...}}
    {"moment": {"turn_id": ..., "text": ..., "words": ..., "people": [...], ...}}
    {"trace": {"turn_id": ..., "body": [...]}}
    {"chapter": {"turn_id": ..., "number": 1, "first": 1, "last": 32, "text": ..., "so_far": ..., ...}}
    {"end": {"session": 1, "branch": 1, "turn": 33, "moment": 33, "trace": 32, "chapter": 1}}

A `turn` is every turn ever committed, on whatever line and of whatever kind, a parent before its children; what hangs
on turns comes after them, one kind of line for each label of `cypher.LABELS`. The properties are those that the graph
holds, by its names (`graphs.memory.cypher`), so that a story comes back equal; text that is JSON stands as JSON. Left
out is what belongs to the store: locks, and the story's word in the full-text index. `risk` counts: none, check-in,
crisis. `end` counts the lines of each kind, so that a file that was cut short is told.

A backup is `{"tta": "backup", "version": 1, "by", "at", "tenant"}`, any number of such stories, and
`{"end": {"story": 3}}`.
"""

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from agents.errors import InvalidStory
from graphs.memory.cypher import LABELS
from graphs.memory.keeping import Node
from graphs.memory.records import encode, story_id
from graphs.memory.shapes import Scope

FORMAT = 1
"""The version of the file's format. A file of a newer one is refused."""

MAX_LINE = 8 * 1024 * 1024
"""Most bytes of a line."""

HANGING = tuple(sorted(label for label in LABELS if label not in ("Session", "Branch", "Turn", "Unfinished")))
"""The labels of what hangs on turns."""

KINDS = {label.lower(): label for label in ("Session", "Branch", "Turn", *HANGING)}
"""Kinds of lines that are nodes, and their labels."""

JSON = ("body", "changes", "character", "focus", "heard", "snapshot", "usage")
"""Properties that are JSON as text in the store."""

_STORES = ("lock", "story")


def header(what: str, at: str, **more: str) -> str:
    """The first line of a story or a backup."""
    try:
        by = version("tta")
    except PackageNotFoundError:
        by = "0"
    return encode({"tta": what, "version": FORMAT, "by": by, "at": at, **more})


def encode_node(label: str, node: Node) -> str:
    """A node as its line."""
    told: Node = {}
    for name in sorted(node):
        if name not in _STORES:
            told[name] = _parsed(node[name]) if name in JSON else node[name]
    return encode({label.lower(): told})


def decode_node(label: str, told: Node, scope: Scope, *, was: str) -> Node:
    """The node of a line, as a node of the story `scope`; in the file the session was called `was`."""
    node: Node = {}
    for name, value in told.items():
        if name in JSON and not isinstance(value, str):
            node[name] = encode(_renamed(value, was, scope.session) if was != scope.session else value)
        elif name not in (*_STORES, "tenant", "session"):
            node[name] = value
    return {**node, "story": story_id(scope)} if label == "Moment" else node


def decode_line(text: str, place: str) -> dict[str, Any]:
    """The object of a line. Raises InvalidStory for what is no JSON object."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise InvalidStory(
            "This line is not JSON", place=place, cure="Export the story again, or repair the line"
        ) from None
    if not isinstance(found, dict):
        raise InvalidStory("This line is not a JSON object", place=place, cure="Remove or repair the line")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _parsed(text: Any) -> Any:
    """JSON text as JSON, where nothing is lost by it; anything else as it is."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return text
    return value if not isinstance(value, str) and encode(value) == text else text


def _renamed(value: Any, was: str, session: str) -> Any:
    """The same data, in which every `session` that is the old one is the new one."""
    if isinstance(value, dict):
        return {
            key: session if key == "session" and item == was else _renamed(item, was, session)
            for key, item in value.items()
        }
    return [_renamed(item, was, session) for item in value] if isinstance(value, list) else value
