"""Story memory over any graph database that speaks Cypher: all of the protocol but what the servers do differently.

A backend gives `_read` and `_write` (one statement, its vendor's exceptions translated) and the few calls that are
about the server itself. See `graphs.memory.neo4j` and `graphs.memory.falkordb`.
"""

import json
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from agents.errors import Conflict, HeadMoved, InvalidInput, StoreError, UnknownBranch, UnknownSession, UnknownTurn
from agents.story import Fact, Moment, Turn, Value
from graphs.memory import cypher, records, search
from graphs.memory.keyframe import keyframe
from graphs.memory.ledger import ends, facts, opening_ledger, replay, steps, values
from graphs.memory.protocol import EXCHANGES, KEYFRAME, Branch, Commit, Position, Scope, Session
from graphs.memory.recall import Found, rank
from graphs.memory.words import query_terms

Row = dict[str, Any]


class GraphMemory(ABC):
    """What Neo4jMemory and FalkorMemory share. Statements a call are told in `StoryMemory`, differences here."""

    # What a backend brings -------------------------------------------------------------------------------------------

    @abstractmethod
    async def _read(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        """Runs a statement that changes nothing."""

    @abstractmethod
    async def _write(self, scope: Scope, statement: str, parameters: Row) -> list[Row]:
        """Runs a statement as one transaction. It may run again after a lost connection: all of ours bear it.

        No rows if a uniqueness constraint forbids it, as if nothing had matched.
        """

    @abstractmethod
    def _search(self, scope: Scope, terms: list[str], *, widely: bool) -> tuple[str, Row]:
        """The part of `search.recall` that finds `hits`, and its parameters. `widely`: common words count too."""

    # Sessions --------------------------------------------------------------------------------------------------------

    async def create(self, session: Session, world_text: str, opening: Turn, slots: dict[str, Value]) -> Session:
        scope = Scope(session["tenant"], session["session"])
        root = opening.copy()
        root.update(turn_id=records.ROOT, number=0, kind="story", branch=records.MAIN)
        ledger = opening_ledger(slots, opening["changes"], records.ROOT)
        parameters = {
            **records.turn_parameters(scope, root, [], [], [], ""),
            **records.session_parameters(session),
            "branch": records.MAIN,
            "world_text": world_text,
            "snapshot": records.encode(ledger),
        }
        rows = await self._write(scope, cypher.CREATE, parameters)
        return records.decode_session(rows[0]) if rows else await self.session(scope)

    async def session(self, scope: Scope) -> Session:
        rows = await self._read(scope, cypher.SESSION, records.identity(scope))
        if not rows:
            raise _unknown_session(scope)
        return records.decode_session(rows[0])

    async def world_text(self, scope: Scope) -> str:
        rows = await self._read(scope, cypher.WORLD_TEXT, records.identity(scope))
        if not rows:
            raise _unknown_session(scope)
        return rows[0]["world_text"]

    async def update(self, scope: Scope, *, title: str | None = None, paused: bool | None = None) -> Session:
        new = {"title": None if title is None else records.clean(title), "paused": paused}
        rows = await self._write(scope, cypher.UPDATE, {**records.identity(scope), **new})
        if not rows:
            raise _unknown_session(scope)
        return records.decode_session(rows[0])

    # The turn that is played -----------------------------------------------------------------------------------------

    async def position(self, scope: Scope, branch: str | None = None) -> Position:
        rows = await self._read(scope, cypher.POSITION, records.identity(scope, branch=branch))
        row = await self._found(scope, rows, branch)
        walk = sorted(steps(row["walk"]), key=lambda step: step[1])
        return Position(
            branch=row["name"],
            head=row["head"],
            number=row["number"],
            line=row["line"],
            slots=values(replay(row["snapshot"], walk)),
            exchanges=[records.decode_exchange(body) for *_, body in walk if body],
            focus=json.loads(row["focus"]),
            choices=[choice["text"] for choice in json.loads(row["body"])["choices"]],
            risk=records.tier(row["risk"]),
            paused=row["paused"],
        )

    async def recall(
        self, scope: Scope, branch: str, query: str, *, limit: int = 4, skip: int = EXCHANGES
    ) -> list[Moment]:
        terms = query_terms(query)
        if not terms or limit < 1:
            return []
        row: Row = {"found": [], "number": 0}
        for widely in (False, True):
            hits, asked = self._search(scope, terms, widely=widely)
            fetch = 16 * search.CANDIDATES if widely else search.CANDIDATES
            parameters = {**records.identity(scope, branch=branch), **asked, "skip": skip, "fetch": fetch}
            rows = await self._read(scope, search.recall(hits), parameters)
            if not rows:
                break
            row = rows[0]
            if len(row["found"]) >= limit or not (row["cut"] or row["seen"] >= fetch):
                break
        found = [Found(*each) for each in row["found"]]
        return rank(query, found, row["number"], limit)

    async def commit(self, scope: Scope, commit: Commit) -> Turn:
        parameters = records.commit_parameters(scope, commit)
        turn = commit.turn
        if turn["kind"] != "story":
            rows = await self._write(scope, cypher.ASIDE, parameters)
        else:
            if turn["number"] % KEYFRAME == 0:  # one read of what can never change
                parent = records.identity(scope, turn_id=turn["parent"])
                parameters |= keyframe(await self._read(scope, cypher.LEDGER, parent), commit)
            rows = await self._write(scope, cypher.COMMIT, parameters)
        return turn if rows else await self._already(scope, turn)

    async def _already(self, scope: Scope, turn: Turn) -> Turn:
        """Why a commit wrote nothing: it was there before, or the branch is elsewhere."""
        try:
            return await self.turn(scope, turn["turn_id"])
        except UnknownTurn:
            if turn["kind"] != "story":
                raise _unknown_session(scope) from None
        place = await self._ancestor(scope, turn["branch"])
        if place["head"] == turn["parent"] and place["number"] + 1 != turn["number"]:
            raise InvalidInput(f"Turn {turn['number']} cannot follow turn {place['number']}") from None
        raise HeadMoved(
            f"Another turn was committed to the branch {turn['branch']} meanwhile", cure="Play on from where it is now"
        )

    # History ---------------------------------------------------------------------------------------------------------

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
            raise _unknown_session(scope)
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

    # Branches --------------------------------------------------------------------------------------------------------

    async def branches(self, scope: Scope) -> list[Branch]:
        rows = await self._read(scope, cypher.BRANCHES, records.identity(scope))
        if not rows:
            raise _unknown_session(scope)
        return [records.decode_branch(row) for row in rows]

    async def create_branch(self, scope: Scope, name: str, turn_id: str | None = None) -> Branch:
        token = uuid4().hex
        parameters = {**records.identity(scope, name=name, turn_id=turn_id), "token": token, "created": _now()}
        rows = await self._write(scope, cypher.CREATE_BRANCH, parameters)
        if not rows:  # taken, unless it is the work of this very call before its connection was lost
            named = await self._read(scope, cypher.BRANCHES, records.identity(scope))
            rows = [row for row in named if row["name"] == name]
            if not named:
                raise _unknown_session(scope)
            if not rows:
                raise UnknownTurn(f"There is no turn {turn_id!r} to start a branch from")
            if rows[0]["lock"] != token:
                raise Conflict(f"There is a branch {name!r} already", cure="Choose another name")
        return records.decode_branch(rows[0])

    async def switch(self, scope: Scope, name: str) -> Branch:
        rows = await self._write(scope, cypher.SWITCH, records.identity(scope, name=name))
        if not rows:
            raise await self._unknown_branch(scope, name)
        return records.decode_branch(rows[0])

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

    async def _ancestor(self, scope: Scope, branch: str | None, *, depth: int | None = None, back: int = 0) -> Row:
        """Where a branch stands (as a Branch), and `turn_id` and `depth` of the ancestor asked for."""
        parameters = {**records.identity(scope, branch=branch), "depth": depth, "back": back}
        row = await self._found(scope, await self._read(scope, cypher.ANCESTOR, parameters), branch)
        if row["turn_id"] is None:
            raise StoreError(f"The history of branch {row['name']!r} is damaged at turn {row['depth']}")
        return row

    async def _found(self, scope: Scope, rows: list[Row], branch: str | None) -> Row:
        if not rows:
            raise _unknown_session(scope)
        if rows[0]["name"] is None:
            raise await self._unknown_branch(scope, branch)
        return rows[0]

    async def _unknown_branch(self, scope: Scope, name: str | None) -> UnknownBranch:
        """With the names that there are. Raises UnknownSession if there is no session either."""
        names = [branch["name"] for branch in await self.branches(scope)]
        return UnknownBranch(f"There is no branch {name!r} in this session", cure="List the branches", choices=names)


def _unknown_session(scope: Scope) -> UnknownSession:
    return UnknownSession(f"There is no session {scope.session!r}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
