"""A store of an older schema brought up to this one: story by story, each kept when it is done, so that it can be resumed.

From 1 to 2: moments got stems instead of words (with those of the turn before), their time, and the names of who took part,
which an old turn does not tell; and indexes were added.
"""

import logging
from abc import abstractmethod

from graphs.memory import records
from graphs.memory.cypher import SCOPE
from graphs.memory.shapes import Scope
from graphs.memory.statements import Row, Statements

PAGE = 200
"""Moments that one statement reads or writes, and stories that are listed at a time."""

OLD_MOMENTS = f"""
MATCH (m:Moment {{{SCOPE}}}) WHERE m.at IS NULL
WITH m LIMIT {PAGE}
MATCH (t:Turn {{{SCOPE}, turn_id: m.turn_id}})
WITH m, t
OPTIONAL MATCH (p:Turn {{{SCOPE}, turn_id: t.parent}})
RETURN m.turn_id AS turn_id, m.text AS text, t.at AS at, CASE WHEN p.number > 0 THEN p.body END AS before
"""

REWORD = f"""
UNWIND $moments AS new
MATCH (t:Turn {{{SCOPE}, turn_id: new.turn_id}})
WITH t, new
MATCH (t)-[:TOLD]->(m:Moment)
SET m.words = new.words, m.stems = new.stems, m.at = new.at, m.people = coalesce(m.people, [])
RETURN count(m) AS moments
"""

STAMP_STORY = f"MATCH (s:Session {{{SCOPE}}}) SET s.schema = $schema RETURN s.schema AS schema"

_log = logging.getLogger(__name__)


class GraphMigration(Statements):
    """Migrations that both backends share."""

    @abstractmethod
    async def _outdated(self) -> list[Scope]:
        """At most PAGE stories of whatever tenant that are not stamped with this schema."""

    @abstractmethod
    async def _upgraded(self, scope: Scope) -> None:
        """Stamps a story, and brings its indexes up to date where it has its own."""

    async def _migrate(self) -> None:
        """Every story to this schema. Two processes at once do the same work twice and no harm."""
        done = 0
        while stories := await self._outdated():
            for scope in stories:
                await self._renew(scope)
                await self._upgraded(scope)
            done += len(stories)
            _log.warning("The store is brought up to this version: %d stories are done", done)

    async def _renew(self, scope: Scope) -> None:
        while moments := await self._read(scope, OLD_MOMENTS, records.identity(scope)):
            new = [{"turn_id": old["turn_id"], "at": old["at"], "words": _words(old)} for old in moments]
            written = await self._write(scope, REWORD, {**records.identity(scope), "moments": new})
            if not written or not written[0]["moments"]:  # no page is read twice
                break


def _words(old: Row) -> str:
    """As the commit would have it, which is reminded of the turn before, and not of the opening."""
    last = records.decode_exchange(old["before"]) if old["before"] else None
    return records.searched(old["text"], f"{last['action']} {last['narration']}" if last else "")
