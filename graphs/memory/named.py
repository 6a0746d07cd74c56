"""Short names of our statements, for traces and metrics: of the constant that a statement is, else what it begins with.

The set of names is bounded: statements are texts of ours, and what is filled into them are labels and counts. What players
wrote is in parameters, which are told nowhere.
"""

import re
from functools import cache

from graphs.memory import attempts, chapters, cypher, migration, nodes, schema, search

_FIRST = re.compile(r"(MATCH|MERGE|CREATE|UNWIND|CALL|OPTIONAL|WITH)\b(?:[^(]*\(\w*:(\w+))?", re.IGNORECASE)
_MOST = 1_000

_seen: dict[str, str] = {}


def statement_name(statement: str) -> str:
    """`commit`, `turn`, `recall`; what no constant holds is named by its first word and label: `match moment`."""
    found = _seen.get(statement)
    if found is None:
        found = _name(statement)
        if len(_seen) < _MOST:
            _seen[statement] = found
    return found


def _name(statement: str) -> str:
    plain = statement.removeprefix(schema.FALKOR_LOCK).replace("vecf32($vector)", "$vector")
    if known := _constants().get(plain):
        return known
    if "AS number, cut, held, seen" in plain:  # `search.recall`, which has as many calls as words are sought
        return "recall"
    first = _FIRST.search(plain)
    return " ".join(part for part in first.groups() if part).lower() if first else "other"


@cache
def _constants() -> dict[str, str]:
    named: dict[str, str] = {}
    for module in (attempts, chapters, cypher, migration, nodes, schema, search):
        for name, value in vars(module).items():
            if isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", name) and " " in value:
                named[value] = name.lower()
    return named
