"""A story's texts sealed anew: with the first key instead of an older one, or for the first time. See `graphs.sealing`."""

from graphs.memory import records
from graphs.memory.cypher import SCOPE
from graphs.memory.nodes import HANGS, told
from graphs.memory.shapes import Scope
from graphs.memory.statements import Row, Statements
from graphs.sealing import FIELDS, MARK, Seal

PAGE = 200
"""Nodes that one statement reads or writes."""

SEALED = {"Turn": "body", "Moment": "text", "Trace": "body", "Chapter": "text", "Session": "title"}
"""The labels whose texts are sealed, and the one by which it is told with which key."""

_KEYS = {"turn_id", "words", "people"}


def stale_nodes(label: str) -> str:
    return f"""
MATCH (n:{label} {{{SCOPE}}}) WHERE NOT n.{SEALED[label]} STARTS WITH $current
WITH n LIMIT {PAGE}
RETURN properties(n) AS node
"""


def rewrite_nodes(label: str) -> str:
    found = f"MATCH (n:{label} {{{SCOPE}}})"
    if label == "Turn":
        found = f"MATCH (n:Turn {{{SCOPE}, turn_id: row.turn_id}})"
    elif label in HANGS:
        found = (
            f"MATCH (t:Turn {{{SCOPE}, turn_id: row.turn_id}})\nWITH t, row\nMATCH (t)-[:{HANGS[label]}]->(n:{label})"
        )
    return f"UNWIND $rows AS row\n{found}\nSET n += row\nRETURN count(n) AS nodes"


class GraphSealing(Statements):
    """The sealing part of GraphMemory."""

    _seal: Seal

    async def reseal(self, scope: Scope) -> int:
        if not self._seal.key:
            return 0
        done, names = 0, records.identity(scope)
        for label in SEALED:
            current = {**names, "current": f"{MARK}{self._seal.key}:"}
            while stale := await self._read(scope, stale_nodes(label), current):
                rows = [_texts(told(row["node"], names)) for row in stale]
                written = await self._write(scope, rewrite_nodes(label), {**names, "rows": rows})
                if not written or written[0]["nodes"] < len(rows):  # deleted meanwhile: nothing is read twice for ever
                    break
                done += len(rows)
        return done


def _texts(node: Row) -> Row:
    return {name: value for name, value in node.items() if name in FIELDS or name in _KEYS}
