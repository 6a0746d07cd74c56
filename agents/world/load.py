"""Reading world files: YAML with line numbers, so that every fault has a place.

A world is named by the id of a shipped one (`winter_light`) or by a path to a file.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agents.errors import InvalidWorld, UnknownWorld
from agents.world.schema import World
from agents.world.shape import hangs_on, rest_of, shape_faults
from agents.world.upgrade import Upgrade
from agents.yamls import PathKey, YamlFault, read_yaml

MAX_BYTES = 1_000_000
"""Largest world file. The shipped ones are a twentieth of it."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a world file."""

    message: str
    path: PathKey = ()
    line: int = 1


@dataclass(frozen=True)
class Source:
    """A world as it was read: the model, its pinned text and where its parts stand in the file."""

    world: World
    text: str
    fingerprint: str
    name: str


def worlds_folder() -> Path:
    """Where the shipped worlds are."""
    return Path(str(resources.files("prompts"))) / "worlds"


_DEFAULT = "winter_light"


def shipped_worlds() -> list[str]:
    """The ids of the shipped worlds, in order."""
    return sorted(path.stem for path in worlds_folder().glob("*.yaml"))


def default_world() -> str:
    """The world that is begun where none is named."""
    return _DEFAULT if _DEFAULT in (shipped := shipped_worlds()) else shipped[0]


def find_world_file(name: str) -> Path:
    """The file of a shipped world or of a path. Raises UnknownWorld with the valid choices."""
    shipped = shipped_worlds()
    if name in shipped:
        return worlds_folder() / f"{name}.yaml"
    looks_like_path = "/" in name or "\\" in name or name.endswith((".yaml", ".yml", ".json"))
    path = Path(name)
    if looks_like_path and path.is_file():
        return path
    if looks_like_path:
        raise UnknownWorld(f"There is no world file {name}", cure="Check the path.", choices=shipped)
    close = get_close_matches(name, shipped, n=1)
    cure = f"Did you mean {close[0]}?" if close else "Name a shipped world or the path of a world file."
    raise UnknownWorld(f"There is no world called '{name[:60]}'", cure=cure, choices=shipped)


def load_world(name: str) -> Source:
    """A world by id or path. Raises UnknownWorld, InvalidWorld (at file:line)."""
    return load_text(read_text(find_world_file(name)), name)


def read_text(path: Path) -> str:
    """The file's text. Raises InvalidWorld when it cannot be read as UTF-8."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidWorld("The file is larger than a world may be (1 MB)", place=str(path))
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidWorld("The file is not UTF-8", place=str(path), cure="Save it as UTF-8.") from error
    except OSError as error:
        raise InvalidWorld(
            f"The file cannot be read: {error.strerror}", place=str(path), cure="Check its permissions."
        ) from error


@lru_cache(maxsize=16)
def load_text(text: str, name: str) -> Source:
    """A world from its text, fully checked. `name` is the place that errors tell."""
    world, faults = examine(text)
    if faults or world is None:
        first = faults[0]
        more = f" ({len(faults) - 1} more: tta worlds validate {name})" if len(faults) > 1 else ""
        raise InvalidWorld(first.message + more, place=f"{name}:{first.line}", cure="Mend the file and try again.")
    return Source(world, text, hashlib.sha256(text.encode()).hexdigest(), name)


class Pinned(BaseModel):
    """A session's world as it is kept with it, and the editions that it has been through."""

    model_config = ConfigDict(frozen=True)

    world: World
    upgrades: list[Upgrade] = []


def pin(source: Source, upgrades: Sequence[Upgrade] = ()) -> str:
    """The text that a session keeps: the world as JSON, which is read a hundred times faster than YAML."""
    world = source.world.model_dump_json(by_alias=True, exclude_defaults=True)
    return f'{{"world":{world},"upgrades":{json.dumps([*upgrades])}}}' if upgrades else world


@lru_cache(maxsize=64)
def load_pinned(text: str) -> Pinned:
    """A world from a session's pinned text, which was checked when it was pinned."""
    try:
        # A world begins with its id, which is a string.
        if text.startswith('{"world":{'):
            return Pinned.model_validate_json(text)
        return Pinned(world=World.model_validate_json(text))
    except ValidationError as error:
        raise InvalidWorld("The session's pinned world does not fit this version", cure="Use `tta doctor`.") from error


def examine(text: str) -> tuple[World | None, list[Fault]]:
    """The world, and every fault with its line; the world is None where the shape itself is wrong."""
    from agents.world.check import faults_of_names, find_faults  # noqa: PLC0415 - check needs Fault from here

    try:
        document = read_yaml(text)
    except YamlFault as error:
        return None, [Fault(error.message, line=error.line)]
    if not isinstance(document.data, dict):
        return None, [Fault("a world is a mapping of keys such as 'world:' and 'locations:'")]
    world: World | None = None
    try:
        world = World.model_validate(document.data)
        faults = list(find_faults(world))
    except ValidationError as error:
        faults = [Fault(*found) for found in shape_faults(error, document.data)]
        rest, lost, touched = rest_of(document.data)
        found = faults_of_names(rest) if rest else []
        faults += [fault for fault in found if not hangs_on(fault.message, fault.path, lost, touched)]
    placed = [Fault(fault.message, fault.path, document.line(fault.path)) for fault in faults]
    return world, sorted(placed, key=lambda fault: (not fault.message.startswith("unknown key"), fault.line))
