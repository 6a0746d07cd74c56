"""What stands within a line as JSON: a turn's body, its changes, a ledger. A story in which it is of another shape could be
imported, and would fail where it is read.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from agents.story import Change, Turn, Usage, Value
from graphs.archive.lines import JSON

Told = Annotated[list[Value], Field(min_length=4)]
"""An entry of a ledger (`graphs.memory.ledger`): value, turn number, turn_id, because, and names."""


@lru_cache(maxsize=1)
def _shapes() -> dict[tuple[str, str], TypeAdapter[Any]]:
    changes = TypeAdapter[Any](list[Change])
    return {
        ("turn", "body"): TypeAdapter[Any](Turn),
        ("turn", "changes"): changes,
        ("turn", "focus"): TypeAdapter[Any](list[str]),
        ("turn", "snapshot"): TypeAdapter[Any](dict[str, Told]),
        ("trace", "body"): TypeAdapter[Any](list[dict[str, Any]]),
        ("chapter", "usage"): TypeAdapter[Any](Usage),
    }


def faults_of_json(kind: str, value: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a line's JSON, property by property. None of its words are told."""
    for name in JSON:
        shape = _shapes().get((kind, name))
        if shape is None or name not in value:
            continue
        try:
            held = value[name]
            told = json.loads(held) if isinstance(held, str) else held
            if (kind, name) == ("turn", "body") and isinstance(told, dict):
                told = {**told, "changes": []}  # they stand beside it
            shape.validate_python(told, strict=True)
        except ValidationError as error:
            place = ".".join(str(part)[:40] for part in error.errors()[0]["loc"][:3])
            yield f"The {kind}'s {name} is not what it should be" + (f", at {place}" if place else "")
        except (ValueError, RecursionError):
            yield f"The {kind}'s {name} is no JSON"
