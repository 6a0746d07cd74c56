"""FalkorDB's stories as a whole: one graph each, and a registry graph that lists them. See `graphs.memory.keeping`.

What is begun is flagged in the registry first and marked in the story's graph after that, and ends the other way round: what
a story's graph says holds, and a flag that it does not bear out is taken away by `unfinished`.
"""

from abc import abstractmethod
from collections.abc import AsyncGenerator
from urllib.parse import quote

from graphs.memory import cypher, nodes, records, schema
from graphs.memory.keeping import Node
from graphs.memory.nodes import GraphNodes
from graphs.memory.schema import SCHEMA_VERSION
from graphs.memory.shapes import Scope, Session
from graphs.memory.statements import Row

REGISTRY = "tta"


class FalkorKeeping(GraphNodes):
    """The keeping half of FalkorMemory. `create` and `sessions` know the registry, too."""

    _vector = f"\nSET n.{nodes.VECTOR} = vecf32(row.{nodes.VECTOR})"

    @abstractmethod
    async def _query(self, graph: str, statement: str, parameters: Row, *, read: bool = False) -> list[Row]:
        """One query to one graph; no rows where there is none."""

    @abstractmethod
    async def _define(self, graph: str, statement: str) -> None:
        """Creates an index, unless it is there."""

    @abstractmethod
    async def _drop(self, graph: str) -> None:
        """Removes a graph, if it is there."""

    def _at(self, label: str) -> str:
        del label
        return "id(n)"  # found in one step whether the label has an index or not

    async def _list(self, scope: Scope, label: str) -> AsyncGenerator[Row]:
        """By windows of ids, each read without a look at the others."""
        names, statement, after = records.identity(scope), nodes.list_places(label, "id(n)"), -1
        found = await self._read(scope, nodes.last_place(label), names)
        last = found[0]["last"] if found and found[0]["last"] is not None else -1
        while after < last:
            upto = after + nodes.LISTED
            for row in await self._read(scope, statement, {**names, "after": after, "upto": upto}):
                yield row
            after = upto

    async def session_ids(
        self, tenant: str, *, player: str | None = None, after: str = "", limit: int = 500, newest_first: bool = False
    ) -> list[str]:
        parameters = {"tenant": tenant, "player": player, "after": after or nodes.first(newest_first), "limit": limit}
        statement = schema.LISTED_NEWEST if newest_first else schema.LISTED_IDS
        return [row["session"] for row in await self._query(REGISTRY, statement, parameters, read=True)]

    async def begin_import(self, scope: Scope, *, player: str, at: str) -> None:
        names = records.identity(scope)
        await self._query(REGISTRY, schema.FLAG, names)
        for statement in schema.FALKOR_STORY:
            await self._define(graph_name(scope), statement)
        await super().begin_import(scope, player=player, at=at)
        await self._enter(names, player, at)

    async def end_import(self, scope: Scope, session: Node) -> Session:
        made = await super().end_import(scope, session)
        names = records.identity(scope)
        await self._enter(names, made["player"], made["played"])
        await self._query(REGISTRY, schema.UNFLAG, names)
        return made

    async def _enter(self, names: Row, player: str, played: str) -> None:
        await self._query(
            REGISTRY, schema.LIST, {**names, "player": player, "played": played, "schema": SCHEMA_VERSION}
        )

    async def mark_deleted(self, scope: Scope) -> bool:
        names = records.identity(scope)
        await self._query(REGISTRY, schema.FLAG, names)
        if await super().mark_deleted(scope):
            await self._query(REGISTRY, schema.FLAG, names)  # `unfinished` may have taken it for one without a mark
            return True
        await self._query(REGISTRY, schema.UNFLAG, names)
        return False

    async def unfinished(self, tenant: str) -> list[str]:
        """As there, and one statement for each that is flagged."""
        flagged = await self._query(REGISTRY, nodes.UNFINISHED, {"tenant": tenant}, read=True)
        found: list[str] = []
        for scope in (Scope(tenant, row["session"]) for row in flagged):
            names = records.identity(scope)
            if await self._read(scope, cypher.SESSION, names):  # it has ended, or never begun
                await self._query(REGISTRY, schema.UNFLAG, names)
            else:
                found.append(scope.session)
        return found

    async def count(self, scope: Scope) -> int:
        names = records.identity(scope)
        listed = await self._query(REGISTRY, schema.IS_LISTED, names, read=True)
        inside = await self._query(graph_name(scope), schema.COUNT_ALL, names, read=True)
        return sum(row["nodes"] for row in (*listed, *inside))

    async def delete(self, scope: Scope) -> int:
        gone = await self.count(scope)
        await self._drop(graph_name(scope))
        names = records.identity(scope)
        await self._query(REGISTRY, schema.UNLIST, names)
        await self._query(REGISTRY, schema.UNFLAG, names)
        return gone


def graph_name(scope: Scope) -> str:
    """The story's graph: `tta:TENANT:SESSION`, percent-encoded, so that no two scopes share one."""
    return f"{REGISTRY}:{quote(scope.tenant, safe='')}:{quote(scope.session, safe='')}"
