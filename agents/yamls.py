"""YAML as authors write it: plain data, and the line of every part.

Read with PyYAML's C parser (MIT, kept; twenty times faster than a Python one, and a world is read before the first
prompt), but by YAML 1.2's rules for plain words: `on`, `yes` and `12:30` are texts, only `true` and `false` are booleans.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

PathKey = tuple[str | int, ...]

MAX_PARTS = 200_000
"""Parts of one document, aliases counted each time: a small file cannot grow into a large one."""

_Parent: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Parent):
    """The C composer with the words of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own name and shape


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


class YamlFault(ValueError):
    """Text that is no YAML, or holds what no author's file should. `line` counts from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass
class Document:
    """The data of a text, and where its parts stand."""

    data: Any
    lines: dict[PathKey, int] = field(default_factory=dict[PathKey, int])

    def line(self, path: PathKey) -> int:
        """The line of the deepest part of the path that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str) -> Document:
    """One document. Raises YamlFault for broken YAML, a key that stands twice, tags, and circles of aliases."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlFault(f"this is not YAML: {error.problem or error.context}", mark.line + 1 if mark else 1) from None
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:
        raise YamlFault(f"this is not YAML: {(str(error).splitlines() or ['it cannot be read'])[0]}") from None
    document = Document(None)
    if node is not None:
        document.data = _Builder(document).build(node, ())
    return document


class _Builder:
    """Plain data from nodes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: set[int] = set()
        self._parts = 0

    def build(self, node: Any, path: PathKey) -> Any:
        line = node.start_mark.line + 1
        self._document.lines.setdefault(path, line)
        self._parts += 1
        if id(node) in self._open or self._parts > MAX_PARTS or len(path) > 40:
            raise YamlFault("the aliases go in a circle, or the file is far too large", line)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*path, index)) for index, item in enumerate(cast(list[Any], node.value))]
            return _scalar(node, line)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: Any, path: PathKey) -> dict[str, Any]:
        made: dict[str, Any] = {}
        merged: dict[str, Any] = {}  # `<<: *scene` shares a part; what stands beside it wins
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlFault("a key must be a plain word", line)
            key = str(key_node.value)
            self._document.lines[(*path, key)] = line
            value = self.build(value_node, (*path, key))
            if key == "<<":
                merged |= value if isinstance(value, dict) else {}
            elif key in made:
                raise YamlFault(f"the key '{key}' stands here twice", line)
            else:
                made[key] = value
        return {**merged, **made}


def _scalar(node: Any, line: int) -> Any:
    text, kind = str(node.value), str(node.tag).removeprefix("tag:yaml.org,2002:")
    match kind:
        case "str":
            return text
        case "bool":
            return text.lower() == "true"
        case "int" | "float":
            return _number(text, kind, line)
        case "null":
            return None
        case _:
            raise YamlFault(f"the tag {node.tag} has no place here", line)


def _number(text: str, kind: str, line: int) -> int | float:
    """A number that JSON and every store can hold. Raises YamlFault."""
    try:
        value = int(text) if kind == "int" and len(text) < 20 else float(text) if kind == "float" else math.inf
    except ValueError:
        raise YamlFault(f"'{text[:40]}' is no number", line) from None
    if abs(value) > 2**53:
        raise YamlFault("the number is too large", line)
    return value
