"""Stories node by node: the statements of export, import and marked deletion. See `graphs.memory.keeping`.

(:Unfinished {page, put})    a story that is not yet, or no longer, to be seen; the last page imported, and its nodes
"""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from agents.errors import Conflict, StoreError
from graphs.memory import cypher, records
from graphs.memory.cypher import LABELS, SCOPE
from graphs.memory.keeping import Node, Place
from graphs.memory.shapes import Scope, Session
from graphs.memory.statements import Row, Statements

LISTED = 2_000
"""Nodes that one statement lists."""

HANGS = {"Chapter": "CLOSED", "Moment": "TOLD", "Trace": "TRACED"}
"""How a node of a label hangs on its turn, for those that do."""

VECTOR = "vector"
"""The property that a vector index reads, if a node has one."""

BEGIN_IMPORT = f"""
OPTIONAL MATCH (s:Session {{{SCOPE}}})
WITH s WHERE s IS NULL
OPTIONAL MATCH (old:Unfinished {{{SCOPE}}})
WITH old WHERE old IS NULL
CREATE (u:Unfinished {{{SCOPE}, page: 0, at: $at}})
RETURN u.page AS page
"""

END_IMPORT = f"""
MATCH (u:Unfinished {{{SCOPE}}})
CREATE (s:Session {{{SCOPE}}})
SET s += $node
DELETE u
RETURN s.session AS session
"""

MARK_DELETED = f"""
MATCH (s:Session {{{SCOPE}}})
CREATE (u:Unfinished {{{SCOPE}, page: 0, at: $at}})
DETACH DELETE s
RETURN u.page AS page
"""

MARK = f"MATCH (u:Unfinished {{{SCOPE}}}) RETURN u.page AS page, u.put AS put"

UNFINISHED = """
MATCH (u:Unfinished {tenant: $tenant}) WHERE u.session IS NOT NULL
RETURN DISTINCT u.session AS session ORDER BY session
"""

SESSION_IDS = """
MATCH (s:Session {tenant: $tenant}) WHERE s.session > $after AND ($player IS NULL OR s.player = $player)
RETURN s.session AS session ORDER BY session LIMIT $limit
"""

NEWEST_IDS = SESSION_IDS.replace(">", "<").replace("ORDER BY session", "ORDER BY session DESC")


def first(newest_first: bool) -> str:
    """What stands before the first id in either order: ids are of letters, digits, `-` and `_`."""
    return "~" if newest_first else ""


def list_places(label: str, at: str) -> str:
    """The next nodes of a label; `at` is the backend's way to find one again, and the order in which they are listed."""
    return f"""
MATCH (n:{label} {{{SCOPE}}}) WHERE {at} > $after AND ($upto IS NULL OR {at} <= $upto)
WITH n ORDER BY {at} LIMIT {LISTED}
RETURN coalesce(n.number, 0) AS number, coalesce(n.kind, 'story') <> 'story' AS beside, n.{LABELS[label]} AS key, {at} AS at
"""


def last_place(label: str) -> str:
    return f"MATCH (n:{label} {{{SCOPE}}}) RETURN max(id(n)) AS last"


def read_nodes(label: str, at: str) -> str:
    return f"""
UNWIND $places AS place
MATCH (n:{label} {{{SCOPE}}}) WHERE {at} = place
RETURN place, properties(n) AS node
"""


def put_nodes(label: str, vector: str = "") -> str:
    """A page of nodes, if it is the next one. `vector` makes a stored vector of a list, where the backend has such a
    type.
    """
    found, made = "", f"(n:{label} {{{SCOPE}}})"
    if label in HANGS:
        found, made = f"MATCH (t:Turn {{{SCOPE}, turn_id: row.turn_id}})\n", f"(t)-[:{HANGS[label]}]->{made}"
    return f"""
MATCH (u:Unfinished {{{SCOPE}}})
SET u.lock = $page
WITH u WHERE u.page + 1 = $page
SET u.page = $page, u.put = 0
WITH u
UNWIND $rows AS row
WITH row
{found}CREATE {made}
SET n += row{vector}
WITH count(n) AS nodes
MATCH (u:Unfinished {{{SCOPE}}}) WHERE nodes > 0
SET u.put = nodes
RETURN nodes
"""


def link_turns(kind: str) -> str:
    """Turns to their parents, by pairs of ids; `kind` is PREV or ASIDE."""
    return f"""
UNWIND $pairs AS pair
MATCH (t:Turn {{{SCOPE}, turn_id: pair[0]}})
WITH t, pair
MATCH (p:Turn {{{SCOPE}, turn_id: pair[1]}})
MERGE (t)-[:{kind}]->(p)
RETURN count(*) AS links
"""


class GraphNodes(Statements):
    """The keeping half of GraphMemory. Statements a call are told in `StoryKeeping`."""

    _vector = ""

    def _at(self, label: str) -> str:
        """By which expression a node `n` is found again in one step."""
        return f"n.{LABELS[label]}"

    async def places(self, scope: Scope, label: str) -> list[Place]:
        found: list[tuple[int, bool, Place]] = []
        async for row in self._list(scope, label):
            found.append((row["number"], row["beside"], Place(row["key"], row["number"], row["at"])))
        found.sort(key=lambda each: (each[0], each[1], each[2].key))
        return [place for *_, place in found]

    async def _list(self, scope: Scope, label: str) -> AsyncGenerator[Row]:
        """The rows of `list_places`, statement by statement."""
        statement, after = list_places(label, self._at(label)), ""
        while rows := await self._read(scope, statement, {**records.identity(scope), "after": after, "upto": None}):
            for row in rows:
                yield row
            after = rows[-1]["at"]

    async def nodes(self, scope: Scope, label: str, places: list[Place]) -> list[Node]:
        parameters = {**records.identity(scope), "places": [place.at for place in places]}
        rows = await self._read(scope, read_nodes(label, self._at(label)), parameters)
        found = {row["place"]: dict(row["node"]) for row in rows}
        nodes = [found[place.at] for place in places if place.at in found]
        return [told(node, parameters) for node in nodes]

    async def begin_import(self, scope: Scope, *, player: str, at: str) -> None:
        del player
        if not await self._write(scope, BEGIN_IMPORT, {**records.identity(scope), "at": at}):
            raise Conflict(
                f"There is a session {scope.session!r} already", cure="Import it under another id, with --as"
            )

    async def put_nodes(self, scope: Scope, label: str, page: int, nodes: list[Node]) -> None:
        names = records.identity(scope)
        rows = [{**node, **names} for node in nodes]
        vector = self._vector if any(VECTOR in node for node in nodes) else ""
        put = await self._write(scope, put_nodes(label, vector), {**names, "page": page, "rows": rows})
        if not put or put[0]["nodes"] != len(rows):  # unless it was written before, and the answer lost
            mark = await self._read(scope, MARK, names)
            if not mark or (mark[0]["page"], mark[0]["put"]) != (page, len(rows)):
                raise StoreError("The import was broken off from outside", cure="Import the file again")
        if label == "Turn":
            await self._link(scope, nodes)

    async def _link(self, scope: Scope, turns: list[Node]) -> None:
        kinds: dict[str, list[list[str]]] = {"PREV": [], "ASIDE": []}
        for turn in turns:
            if turn["parent"]:
                kinds["PREV" if turn["kind"] == "story" else "ASIDE"].append([turn["turn_id"], turn["parent"]])
        for kind, pairs in kinds.items():
            if pairs:
                await self._write(scope, link_turns(kind), {**records.identity(scope), "pairs": pairs})

    async def end_import(self, scope: Scope, session: Node) -> Session:
        names = records.identity(scope)
        await self._write(scope, END_IMPORT, {**names, "node": {**session, **names}})
        rows = await self._read(scope, cypher.SESSION, names)
        if not rows:
            raise StoreError("The import was broken off from outside", cure="Import the file again")
        return records.decode_session(rows[0])

    async def mark_deleted(self, scope: Scope) -> bool:
        names, at = records.identity(scope), datetime.now(UTC).isoformat(timespec="milliseconds")
        return bool(await self._write(scope, MARK_DELETED, {**names, "at": at}) or await self._read(scope, MARK, names))


def told(node: Node, left_out: Row) -> Node:
    """A node as it is told elsewhere: a sealed moment's words are what they were before."""
    kept = {name: value for name, value in node.items() if name not in left_out}
    if stems := kept.pop("stems", None):
        kept["words"] = stems
    return kept
