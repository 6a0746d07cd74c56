"""Chapters: what every KEYFRAME turns came to, kept on the keyframe turn that ends them.

    (:Turn)-[:CLOSED]->(:Chapter {turn_id, number, first, last, text, so_far, source, model, usage, at})

Which chapters are those of HEAD needs no search: they hang on its keyframe, on the leaves of that keyframe's block and on
those of the blocks before (`graphs.memory.cypher`). So a fork shares the chapters before it, an undo leaves those behind
it, and nobody descends from the chapter of an abandoned line. All are found by index; PREV is not walked.
"""

import json
from typing import cast
from uuid import uuid4

from agents.errors import InvalidInput, UnknownTurn
from agents.story import Turn
from graphs.memory import records
from graphs.memory.cypher import BLOCK, SCOPE, keyframe_before
from graphs.memory.ledger import replay, values
from graphs.memory.shapes import KEYFRAME, Chapter, OpenChapter, Scope
from graphs.memory.statements import Row, Statements

MAX_CHAPTER = 4_000
"""Most characters of a chapter's `text` and of its `so_far`, each."""

CLOSE_CHAPTER = f"""
MATCH (s:Session {{{SCOPE}}})
SET s.lock = $token
WITH s
OPTIONAL MATCH (old:Chapter {{{SCOPE}, turn_id: $turn_id}})
WITH s, old WHERE old IS NULL
MATCH (t:Turn {{{SCOPE}, turn_id: $turn_id}}) WHERE t.keyframe = t.turn_id AND t.number > 0
CREATE (t)-[:CLOSED]->(c:Chapter {{{SCOPE}, turn_id: $turn_id, number: t.number / {KEYFRAME},
  first: t.number - {KEYFRAME - 1}, last: t.number, text: $text, so_far: $so_far, source: $source, model: $model,
  usage: $usage, at: $at}})
RETURN properties(c) AS chapter
"""

CHAPTER = f"MATCH (c:Chapter {{{SCOPE}, turn_id: $turn_id}}) RETURN properties(c) AS chapter"

CHAPTERS = f"""
MATCH (h:Turn {{{SCOPE}, turn_id: $turn_id}})
WITH h
MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH k, CASE WHEN k.number > {BLOCK} THEN k.blocks[(k.number - 1) / {BLOCK} - 1] END AS earlier
UNWIND range(0, size(k.leaves) - 1) AS place
WITH earlier, place, k.leaves[place] AS id
OPTIONAL MATCH (c:Chapter {{{SCOPE}, turn_id: id}})
RETURN earlier, place, id, CASE WHEN $whole THEN properties(c) END AS chapter, c IS NULL AS open ORDER BY place
"""
"""The keyframes of the block of `$turn_id`, each with its chapter, and the keyframe that closed the block before."""

OPEN_CHAPTER = f"""
MATCH (k:Turn {{{SCOPE}, turn_id: $turn_id}}) WHERE k.keyframe = k.turn_id AND k.number > 0
WITH k
OPTIONAL MATCH (e:Chapter {{{SCOPE}, turn_id: {keyframe_before("k")}}})
WITH k, e
MATCH (f:Turn {{{SCOPE}, turn_id: k.segment[0]}})
WITH k, e, f
MATCH (p:Turn {{{SCOPE}, turn_id: f.parent}})
WITH k, e, p
UNWIND k.segment AS id
MATCH (t:Turn {{{SCOPE}, turn_id: id}})
WITH k, e, p, t
OPTIONAL MATCH (t)-[:TOLD]->(m:Moment)
RETURN k.number AS last, k.snapshot AS after, p.snapshot AS before, e.so_far AS so_far,
  t.number AS number, t.body AS body, t.changes AS changes, m.text AS text ORDER BY number
"""


class GraphChapters(Statements):
    """The chapters of GraphMemory. Statements a call are told in `StoryMemory`."""

    async def close_chapter(self, scope: Scope, chapter: Chapter) -> Chapter:
        if len(chapter["text"]) > MAX_CHAPTER or len(chapter["so_far"]) > MAX_CHAPTER:
            raise InvalidInput(f"A chapter's summary has at most {MAX_CHAPTER} characters")
        parameters = {
            **records.identity(scope, turn_id=chapter["turn_id"]),
            "text": records.clean(chapter["text"]),
            "so_far": records.clean(chapter["so_far"]),
            "source": chapter["source"],
            "model": records.clean(chapter["model"]),
            "usage": records.encode(chapter["usage"]),
            "at": chapter["at"],
            "token": uuid4().hex,
        }
        rows = await self._write(scope, CLOSE_CHAPTER, parameters)
        if not rows:  # closed before, or nothing that could be
            named = records.identity(scope, turn_id=chapter["turn_id"])
            rows = await self._read(scope, CHAPTER, named)
        if not rows:
            raise UnknownTurn(f"No chapter ends with the turn {chapter['turn_id']!r}")
        return decode_chapter(rows[0]["chapter"])

    async def chapters(
        self, scope: Scope, branch: str | None = None, *, limit: int = 10, before: int | None = None
    ) -> list[Chapter]:
        depth = None if before is None else (before - 1) * KEYFRAME
        turn_id: str | None = (await self._ancestor(scope, branch, depth=depth))["turn_id"]
        found: list[Chapter] = []
        while turn_id and len(found) < limit:
            turn_id, rows = await self._block(scope, turn_id, whole=True)
            found += [decode_chapter(row["chapter"]) for row in reversed(rows) if not row["open"]]
        return found[:limit]

    async def open_chapters(self, scope: Scope, branch: str | None = None) -> list[str]:
        turn_id: str | None = (await self._ancestor(scope, branch))["turn_id"]
        found: list[str] = []
        while turn_id:
            turn_id, rows = await self._block(scope, turn_id, whole=False)
            found = [*(row["id"] for row in rows if row["open"]), *found]
            # They are closed oldest first: before one that is closed none is open.
            if not rows or not rows[0]["open"]:
                break
        return found

    async def _block(self, scope: Scope, turn_id: str, *, whole: bool) -> tuple[str | None, list[Row]]:
        parameters = {**records.identity(scope, turn_id=turn_id), "whole": whole}
        rows = await self._read(scope, CHAPTERS, parameters)
        return (rows[0]["earlier"] if rows else None), rows

    async def open_chapter(self, scope: Scope, turn_id: str) -> OpenChapter:
        rows = await self._read(scope, OPEN_CHAPTER, records.identity(scope, turn_id=turn_id))
        if not rows:
            raise UnknownTurn(f"No chapter ends with the turn {turn_id!r}")
        turns = [records.decode_turn(row["body"], row["changes"]) for row in rows]
        kept = {turn["turn_id"]: _moments(row["text"] or "", turn) for turn, row in zip(turns, rows, strict=True)}
        return OpenChapter(
            turn_id=turn_id,
            number=rows[0]["last"] // KEYFRAME,
            turns=turns,
            moments={key: lines for key, lines in kept.items() if lines},
            before=values(replay(rows[0]["before"], [])),
            after=values(replay(rows[0]["after"], [])),
            so_far=rows[0]["so_far"] or "",
        )


def _moments(text: str, turn: Turn) -> list[str]:
    """The sentences with which the turn was committed: what stands before its action in the text that recall finds."""
    said = "\n".join(line for line in (turn["action"], turn["narration"]) if line.strip())
    told = text.removesuffix(records.clean(said)).strip("\n")
    return told.split("\n") if told and told != text else []


def decode_chapter(row: Row) -> Chapter:
    told = {name: row[name] for name in Chapter.__annotations__}
    return cast(Chapter, {**told, "usage": json.loads(row["usage"])})
