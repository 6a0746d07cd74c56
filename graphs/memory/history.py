"""What was: turns, the world after any of them, facts and their lives, and what each turn did."""

import json
from typing import Any

from agents.errors import InvalidInput, StoreError, UnknownTurn
from agents.story import Fact, Turn, Value
from graphs.memory import cypher, records
from graphs.memory.ledger import ends, facts, replay, values
from graphs.memory.shapes import Scope
from graphs.memory.statements import Row, Statements, unknown_session


class GraphHistory(Statements):
    """The looking-back half of GraphMemory. Statements a call are told in `StoryMemory`, differences here."""

    async def turn(self, scope: Scope, turn_id: str) -> Turn:
        row = await self._stored(scope, turn_id)
        return records.decode_turn(row["body"], row["changes"])

    async def _stored(self, scope: Scope, turn_id: str) -> Row:
        rows = await self._read(scope, cypher.TURN, records.identity(scope, turn_id=turn_id))
        if not rows:
            raise UnknownTurn(f"There is no turn {turn_id!r} in this session", cure="List the session's turns")
        return rows[0]

    async def turns(
        self, scope: Scope, branch: str | None = None, *, limit: int = 50, before: int | None = None
    ) -> list[Turn]:
        place = await self._ancestor(scope, branch, depth=None if before is None else before - 1)
        rows = await self._walk(scope, place["turn_id"], limit, bodies=True)
        return [records.decode_turn(row["body"], row["changes"]) for row in rows]

    async def _walk(self, scope: Scope, turn_id: str, limit: int, *, bodies: bool) -> list[Row]:
        """At most `limit` turns from `turn_id` backwards, newest first."""
        found: list[Row] = []
        while len(found) < limit:
            count = min(limit - len(found), cypher.PAGE)
            parameters = {**records.identity(scope, turn_id=turn_id), "limit": count, "bodies": bodies}
            page = await self._read(scope, cypher.TURNS, parameters)
            found += page
            if not page or page[-1]["number"] == 1:
                break
            turn_id = page[-1]["parent"]
        return found

    async def slots_at(self, scope: Scope, turn_id: str) -> dict[str, Value]:
        """One statement; of a turn beside the branch, three: its parent's slots."""
        rows = await self._read(scope, cypher.LEDGER, records.identity(scope, turn_id=turn_id))
        if not rows:
            row = await self._stored(scope, turn_id)
            if row["kind"] == "story":
                raise StoreError(f"The history of turn {turn_id!r} is damaged")
            return await self.slots_at(scope, row["parent"])
        return values(replay(rows[0]["snapshot"], rows[0]["walk"]))

    async def facts(
        self, scope: Scope, branch: str | None = None, *, at: int | None = None, about: str | None = None
    ) -> list[Fact]:
        place = await self._ancestor(scope, branch, depth=at)
        rows = await self._read(scope, cypher.LEDGER, records.identity(scope, turn_id=place["turn_id"]))
        if not rows:
            raise unknown_session(scope)
        ledger = replay(rows[0]["snapshot"], rows[0]["walk"])
        later = await self._walk(scope, place["head"], place["number"] - place["depth"], bodies=False)
        until = ends(ledger, [(row["turn_id"], row["number"], row["changes"]) for row in later])
        return facts(ledger, until, about)

    async def put_trace(self, scope: Scope, turn_id: str, trace: list[dict[str, Any]]) -> None:
        body = records.encode(trace)
        if len(body.encode()) > records.MAX_TRACE:
            raise InvalidInput(f"The trace is too large to keep: over {records.MAX_TRACE} bytes")
        parameters = {**records.identity(scope, turn_id=turn_id), "body": body}
        if not await self._write(scope, cypher.PUT_TRACE, parameters):
            raise UnknownTurn(f"There is no turn {turn_id!r} in this session", cure="List the session's turns")

    async def trace(self, scope: Scope, turn_id: str) -> list[dict[str, Any]]:
        rows = await self._read(scope, cypher.TRACE, records.identity(scope, turn_id=turn_id))
        return json.loads(rows[0]["body"]) if rows else []
