"""One statement of Cypher and what came of it: what the calls of story memory are made of."""

from abc import ABC, abstractmethod
from typing import Any

from agents.errors import StoreError, UnknownBranch, UnknownSession
from graphs.memory import cypher, records
from graphs.memory.shapes import Scope

Row = dict[str, Any]


class Statements(ABC):
    """Runs statements against one graph database. A backend gives `_read` and `_write`, its vendor's errors translated."""

    @abstractmethod
    async def _read(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        """Runs a statement that changes nothing."""

    @abstractmethod
    async def _write(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        """Runs a statement as one transaction. It may run again after a lost connection: all of ours bear it.

        No rows if a uniqueness constraint forbids it, as if nothing had matched.
        """

    async def _ancestor(self, scope: Scope, branch: str | None, *, depth: int | None = None, back: int = 0) -> Row:
        """Where a branch stands (as a Branch), and `turn_id` and `depth` of the ancestor asked for."""
        parameters = {**records.identity(scope, branch=branch), "depth": depth, "back": back}
        row = await self._found(scope, await self._read(scope, cypher.ANCESTOR, parameters), branch)
        if row["turn_id"] is None:
            raise StoreError(f"The history of branch {row['name']!r} is damaged at turn {row['depth']}")
        return row

    async def _found(self, scope: Scope, rows: list[Row], branch: str | None) -> Row:
        if not rows:
            raise unknown_session(scope)
        if rows[0]["name"] is None:
            raise await self._unknown_branch(scope, branch)
        return rows[0]

    async def _unknown_branch(self, scope: Scope, name: str | None) -> UnknownBranch:
        """With the names that there are. Raises UnknownSession if there is no session either."""
        rows = await self._read(scope, cypher.BRANCHES, records.identity(scope))
        if not rows:
            raise unknown_session(scope)
        names = [row["name"] for row in rows]
        return UnknownBranch(f"There is no branch {name!r} in this session", cure="List the branches", choices=names)


def unknown_session(scope: Scope) -> UnknownSession:
    return UnknownSession(f"There is no session {scope.session!r}")
