"""Story memory over any graph database that speaks Cypher: all of the protocol but what the servers do differently.

A backend gives `_read` and `_write` (one statement, its vendor's exceptions translated) and the few calls that are
about the server itself. See `graphs.memory.neo4j` and `graphs.memory.falkordb`.
"""

import json
from abc import abstractmethod

from agents.errors import HeadMoved, InvalidInput, UnknownTurn
from agents.services import Embedder
from agents.story import Moment, Turn, Value
from graphs.memory import cypher, records, search
from graphs.memory.attempts import GraphAttempts
from graphs.memory.branching import GraphBranches
from graphs.memory.chapters import GraphChapters
from graphs.memory.history import GraphHistory
from graphs.memory.keyframe import keyframe
from graphs.memory.ledger import opening_ledger, replay, steps, values
from graphs.memory.migration import GraphMigration
from graphs.memory.nodes import GraphNodes
from graphs.memory.recall import Found, rank
from graphs.memory.resealing import GraphSealing
from graphs.memory.schema import SCHEMA_VERSION
from graphs.memory.shapes import EXCHANGES, KEYFRAME, Commit, Edition, Position, Scope, Session
from graphs.memory.statements import Row, unknown_session
from graphs.memory.vectors import NEAR, Nearest, Vectors
from graphs.memory.words import query_terms
from graphs.sealing import PLAIN, Seal


class GraphMemory(GraphHistory, GraphBranches, GraphAttempts, GraphChapters, GraphNodes, GraphMigration, GraphSealing):
    """What Neo4jMemory and FalkorMemory share. Statements a call are told in `StoryMemory`, differences here.

    Looking back is in `history`, branches are in `branching`, attempts in `attempts`, chapters in `chapters`, whole
    stories in `nodes`, older schemas in `migration`, new keys in `resealing`.
    """

    _nearest: Nearest
    """How the server finds what sounds alike."""

    def __init__(self, embedder: Embedder | None = None, seal: Seal = PLAIN) -> None:
        self._vectors = Vectors(embedder)
        self._seal = seal

    @abstractmethod
    def _search(self, scope: Scope, terms: list[str], *, widely: bool) -> tuple[str, Row]:
        """The part of `search.recall` that finds `hits`, and its parameters. `widely`: common words count too. There may be
        no terms."""

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
            "schema": SCHEMA_VERSION,
            "snapshot": records.encode(ledger),
        }
        parameters["vector"] = await self._vectors.of(str(parameters["text"]))
        rows = await self._write(scope, cypher.CREATE, parameters)
        return records.decode_session(rows[0]) if rows else await self.session(scope)

    async def session(self, scope: Scope) -> Session:
        rows = await self._read(scope, cypher.SESSION, records.identity(scope))
        if not rows:
            raise unknown_session(scope)
        return records.decode_session(rows[0])

    async def world_text(self, scope: Scope) -> str:
        rows = await self._read(scope, cypher.WORLD_TEXT, records.identity(scope))
        if not rows:
            raise unknown_session(scope)
        return rows[0]["world_text"]

    async def update(
        self,
        scope: Scope,
        *,
        title: str | None = None,
        paused: bool | None = None,
        world: Edition | None = None,
        avoid: list[str] | None = None,
    ) -> Session:
        version, fingerprint, text = world or (None, None, None)
        new = {"title": None if title is None else records.clean(title), "paused": paused}
        new["avoid"] = None if avoid is None else "\n".join(map(records.clean, avoid))
        new |= {"world_version": version, "fingerprint": fingerprint, "world_text": text}
        rows = await self._write(scope, cypher.UPDATE, {**records.identity(scope), **new})
        if not rows:
            raise unknown_session(scope)
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
            heard=json.loads(row["heard"] or "[]") or [],
            paused=row["paused"],
            story_so_far=row["so_far"] or "",
            closed=row["closed"] or 0,
        )

    async def recall(
        self, scope: Scope, branch: str, query: str, *, limit: int = 4, skip: int = EXCHANGES
    ) -> list[Moment]:
        stems = query_terms(query)
        terms = [self._seal.word(term) for term in stems]
        vector = await self._vectors.of(query) if limit > 0 else None
        if (not terms and vector is None) or limit < 1:
            return []
        nearest = self._nearest if vector else None
        row, found, more = Row(number=0, held=[]), list[Found](), 1
        for widely in (False, True):
            hits, asked = self._search(scope, terms, widely=widely) if self._seal.hashed else (search.LATELY, {})
            fetch, near = more * search.CANDIDATES, more * NEAR
            parameters = {**records.identity(scope, branch=branch), **asked, "skip": skip, "fetch": fetch, "few": limit}
            if vector:
                parameters |= {"vector": vector, "near": near}
            rows = await self._read(scope, search.recall(hits, nearest), parameters)
            if not rows:
                break
            row = rows[0]
            found = [Found(*each) for each in zip(*row["found"], strict=True)]
            full = row["seen"] >= (near if vector else fetch)
            if len(found) >= limit or not (row["cut"] or full):
                break
            more = 16 if full else 4  # much of what was seen lies on other lines
        common = {stem: size for stem, size in zip(stems, row["held"], strict=False) if size >= search.COMMON}
        return rank(query, found, row["number"], limit, common)

    async def commit(self, scope: Scope, commit: Commit) -> Turn:
        parameters = records.commit_parameters(scope, commit)
        turn = commit.turn
        if turn["kind"] != "story":
            rows = await self._write(scope, cypher.ASIDE, parameters)
        else:
            if turn["number"] % KEYFRAME == 0:  # one read of what can never change
                parent = records.identity(scope, turn_id=turn["parent"])
                parameters |= keyframe(await self._read(scope, cypher.LEDGER, parent), commit)
            parameters["vector"] = await self._vectors.of(f"{parameters['text']}\n{commit.before}")
            rows = await self._write(scope, cypher.COMMIT, parameters)
        return turn if rows else await self._already(scope, turn)

    async def _already(self, scope: Scope, turn: Turn) -> Turn:
        """Why a commit wrote nothing: it was there before, or the branch is elsewhere."""
        try:
            return await self.turn(scope, turn["turn_id"])
        except UnknownTurn:
            if turn["kind"] != "story":
                raise unknown_session(scope) from None
        place = await self._ancestor(scope, turn["branch"])
        if place["head"] == turn["parent"] and place["number"] + 1 != turn["number"]:
            raise InvalidInput(f"Turn {turn['number']} cannot follow turn {place['number']}") from None
        raise HeadMoved(
            f"Another turn was committed to the branch {turn['branch']} meanwhile", cure="Play on from where it is now"
        )
