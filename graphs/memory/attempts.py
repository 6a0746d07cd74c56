"""Attempts: turns with one parent, as `retry` leaves them. Each is a turn like any other; HEAD stands on one of them."""

from uuid import uuid4

from agents.errors import HeadMoved, UnknownTurn
from agents.story import Turn
from graphs.memory import cypher, records
from graphs.memory.cypher import SCOPE
from graphs.memory.shapes import Branch, Scope
from graphs.memory.statements import Statements

MOST = 50
"""Attempts that are listed, the newest."""

ATTEMPTS = f"""
MATCH (t:Turn {{{SCOPE}, turn_id: $turn_id}})
WITH t
MATCH (o:Turn {{{SCOPE}, parent: t.parent}}) WHERE o.kind = 'story' AND t.kind = 'story' AND t.number > 0
RETURN o.body AS body, o.changes AS changes, o.at AS at, o.turn_id AS turn_id ORDER BY at DESC, turn_id DESC LIMIT $limit
"""
"""Found by the index on `parent`: the cost grows with the attempts at this one turn, not with the story."""


class GraphAttempts(Statements):
    """The attempts of GraphMemory. Statements a call are told in `StoryMemory`."""

    async def attempts(self, scope: Scope, turn_id: str, *, limit: int = MOST) -> list[Turn]:
        parameters = {**records.identity(scope, turn_id=turn_id), "limit": limit}
        rows = await self._read(scope, ATTEMPTS, parameters)
        return [records.decode_turn(row["body"], row["changes"]) for row in reversed(rows)]

    async def take_attempt(self, scope: Scope, branch: str, turn_id: str) -> Branch:
        place = await self._ancestor(scope, branch)
        if place["head"] == turn_id:
            return records.decode_branch(place)
        if turn_id not in [turn["turn_id"] for turn in await self.attempts(scope, place["head"])]:
            raise UnknownTurn(f"The turn {turn_id!r} is no other attempt at the last turn of the branch {branch!r}")
        parameters = {
            **records.identity(scope, name=branch, turn_id=turn_id),
            "head": place["head"],
            "number": place["number"],
            "token": uuid4().hex,
        }
        rows = await self._write(scope, cypher.MOVE_HEAD, parameters)
        if not rows:
            raise HeadMoved(f"The branch {branch} moved on meanwhile", cure="Look where it is now and try again")
        return records.decode_branch({**rows[0], "active": place["active"]})
