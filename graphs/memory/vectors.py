"""Vectors of moments, where an embedder is configured: what recall finds that sounds alike and shares no word.

A moment keeps the vector of its text and of the turn before, as it keeps their words. It is written with the moment and
compared in the store: no vector is ever sent back. A moment that was told while no embedder was configured has none, and is
found by its words alone.

Story memory never needs vectors: where the embedder fails, words alone go on.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.services import Embedder

DIMENSIONS = 384
"""Of every vector, as the indexes expect it: those of MiniLM."""

NEAR = 64
"""Nearest moments that are looked at beside the full-text hits: 32 to 128 rank the same within half a point on LoCoMo."""

EMBED_S = 10.0
"""Longest wait for the embedder, the reading of its model included."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Nearest:
    """How a backend finds what is near to `$vector`.

    `search` goes on after `cut` and `hits` and adds `near`, at most `$near` moments; `likeness` is the cosine of `m` and
    `$vector`, null for a moment without a vector; `language` stands before a statement that has them.
    """

    search: str
    likeness: str
    language: str = ""


FALKOR = Nearest(
    search="""CALL { CALL db.idx.vector.queryNodes('Moment', 'vector', $near, vecf32($vector)) YIELD node
  RETURN collect(node) AS near }""",
    likeness="1 - vec.cosineDistance(m.vector, vecf32($vector))",
)

NEO4J = Nearest(
    # The story stands in the index beside the vector: a search meets no other story's moments, however many there are.
    search="""CALL () { MATCH (m:Moment)
  SEARCH m IN (VECTOR INDEX tta_vectors FOR $vector WHERE m.story = $story LIMIT $near)
  RETURN collect(m) AS near }""",
    likeness="2 * vector.similarity.cosine(m.vector, $vector) - 1",
    language="CYPHER 25 ",
)


class Vectors:
    """Asks an embedder, if there is one, and bears it when it fails."""

    def __init__(self, embedder: "Embedder | None" = None) -> None:
        self.embedder = embedder
        self._failing = False

    @property
    def on(self) -> bool:
        return self.embedder is not None

    async def of(self, text: str) -> list[float] | None:
        """The vector of a text, DIMENSIONS numbers. None without an embedder, for a text without a word, and when the
        embedder fails: that is logged once, without the text, until it works again."""
        if self.embedder is None or not text.strip():
            return None
        try:
            async with asyncio.timeout(EMBED_S):
                [vector] = await self.embedder.embed([text])
            if len(vector) != DIMENSIONS:
                raise ValueError("dimensions")
        except Exception as error:  # whatever it is, a turn does not hang on it
            if not self._failing:
                _log.warning("The embedder fails (%s): memories are found by their words alone", type(error).__name__)
            self._failing = True
            return None
        self._failing = False
        return vector
