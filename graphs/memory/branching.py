"""Branches: names for turns, and the moves of HEAD."""

from datetime import UTC, datetime
from uuid import uuid4

from agents.errors import Conflict, HeadMoved, InvalidInput, UnknownTurn
from graphs.memory import cypher, records
from graphs.memory.shapes import Branch, Scope
from graphs.memory.statements import Statements, unknown_session


class GraphBranches(Statements):
    """The branches of GraphMemory. Statements a call are told in `StoryMemory`."""

    async def branches(self, scope: Scope) -> list[Branch]:
        rows = await self._read(scope, cypher.BRANCHES, records.identity(scope))
        if not rows:
            raise unknown_session(scope)
        return [records.decode_branch(row) for row in rows]

    async def create_branch(self, scope: Scope, name: str, turn_id: str | None = None) -> Branch:
        token = uuid4().hex
        parameters = {**records.identity(scope, name=name, turn_id=turn_id), "token": token, "created": _now()}
        rows = await self._write(scope, cypher.CREATE_BRANCH, parameters)
        if not rows:  # taken, unless it is the work of this very call before its connection was lost
            named = await self._read(scope, cypher.BRANCHES, records.identity(scope))
            rows = [row for row in named if row["name"] == name]
            if not named:
                raise unknown_session(scope)
            if not rows:
                raise UnknownTurn(f"There is no turn {turn_id!r} to start a branch from")
            if rows[0]["lock"] != token:
                raise Conflict(f"There is a branch {name!r} already", cure="Choose another name")
        return records.decode_branch(rows[0])

    async def switch(self, scope: Scope, name: str) -> Branch:
        rows = await self._write(scope, cypher.SWITCH, {**records.identity(scope, name=name), "token": uuid4().hex})
        if not rows:
            raise await self._unknown_branch(scope, name)
        return records.decode_branch(rows[0])

    async def delete_branch(self, scope: Scope, name: str) -> None:
        names = records.identity(scope, name=name)
        found = {branch["name"] for branch in await self.branches(scope)}
        if name not in found:
            raise await self._unknown_branch(scope, name)
        if await self._write(scope, cypher.DELETE_BRANCH, {**names, "token": uuid4().hex}):
            return
        # Nothing went: it is played on, or was so meanwhile, or somebody else deleted it.
        if any(branch["name"] == name for branch in await self.branches(scope)):
            raise Conflict(f"The branch {name!r} is the one that is played now", cure="Switch to another one first")

    async def move_head(self, scope: Scope, branch: str, *, back: int) -> Branch:
        if back < 0:
            raise InvalidInput("HEAD moves back by no less than 0 turns")
        place = await self._ancestor(scope, branch, back=back)
        if place["turn_id"] == place["head"]:
            return records.decode_branch(place)
        parameters = {
            **records.identity(scope, name=branch, turn_id=place["turn_id"]),
            "head": place["head"],
            "number": place["depth"],
            "token": uuid4().hex,
        }
        rows = await self._write(scope, cypher.MOVE_HEAD, parameters)
        if not rows:
            rows = [await self._ancestor(scope, branch)]
            if rows[0]["head"] != place["turn_id"]:
                raise HeadMoved(f"The branch {branch} moved on meanwhile", cure="Look where it is now and try again")
        return records.decode_branch({**rows[0], "active": place["active"]})

    async def restore_head(self, scope: Scope, branch: str, turn_id: str) -> bool:
        parameters = {**records.identity(scope, name=branch, turn_id=turn_id), "token": uuid4().hex}
        return bool(await self._write(scope, cypher.RESTORE_HEAD, parameters))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
