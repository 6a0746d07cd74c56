"""Story memory: what lasts of a story, on every backend.

`StoryMemory` is the protocol; `open_falkordb` (the embedded default) and `open_neo4j` open one. Each backend is
imported when it is first asked for: nobody waits for the driver of a server that is not used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphs.memory.protocol import StoryMemory
from graphs.memory.schema import SCHEMA_VERSION
from graphs.memory.shapes import (
    EXCHANGES,
    KEYFRAME,
    Branch,
    Chapter,
    Commit,
    Edition,
    OpenChapter,
    Position,
    Scope,
    Session,
)

if TYPE_CHECKING:
    from graphs.memory.falkordb import FalkorMemory, open_falkordb
    from graphs.memory.neo4j import Neo4jMemory, open_neo4j

_BACKENDS = {
    "FalkorMemory": "graphs.memory.falkordb",
    "open_falkordb": "graphs.memory.falkordb",
    "Neo4jMemory": "graphs.memory.neo4j",
    "open_neo4j": "graphs.memory.neo4j",
}


def __getattr__(name: str) -> Any:
    if name in _BACKENDS:
        return getattr(import_module(_BACKENDS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "EXCHANGES",
    "KEYFRAME",
    "SCHEMA_VERSION",
    "Branch",
    "Chapter",
    "Commit",
    "Edition",
    "FalkorMemory",
    "Neo4jMemory",
    "OpenChapter",
    "Position",
    "Scope",
    "Session",
    "StoryMemory",
    "open_falkordb",
    "open_neo4j",
]
