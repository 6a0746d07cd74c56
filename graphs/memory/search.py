"""The statement that finds what recall ranks: full-text hits, moments that sound alike, and which HEAD descends from."""

from itertools import combinations
from typing import Any

from graphs.memory.cypher import SCOPE, block, entry, leaf
from graphs.memory.vectors import NEAR, Nearest

CANDIDATES = 96
"""Full-text hits whose ancestry one statement checks."""

COMMON = 300
"""A word of so many moments tells few of them apart: it is left out of the search, and counted when ranking."""

FILL = 32
"""Moments that common words add, each and all together, where rare ones give too few to choose from."""

WIDE = 4
"""Words that are searched in pairs too where all of them are common: 6 pairs."""

RANKED = 96
"""Ancestors among them that are sent back to be ranked."""


def recall(search: str, nearest: Nearest | None = None) -> str:
    """Full-text hits among the ancestors of HEAD. `search` is the backend's part: at most `$fetch` hits of this story alone
    as the list `hits`, best first, as `cut` how many words it left out for being too common, and, where common words
    stand behind rare ones, as `held` how many moments hold each word at least. With `nearest`, the moments near to
    `$vector` are hits too, and each has its likeness.

    The search stands first and is cut before a property is read, which is what costs. A line is a chain, so a moment of
    HEAD's own line is an ancestor if it is not younger; only the others are looked up (see `graphs.memory.cypher`).

    One row, none without the branch: `number` of HEAD, `cut`, `held`, how many hits were `seen`, and of those that are
    `found` to be ancestors the fields of `Found`, a list of each.
    """
    language, near, ranked = "", "", RANKED
    # Field by field: a hundred short lists take a client longer than six long ones.
    fields = ["m.turn_id", "m.number", "m.text", "coalesce(m.stems, m.words)", "m.at", "m.people"]
    if nearest is not None:
        language, ranked = nearest.language, RANKED + NEAR
        fields.append(nearest.likeness)
        near = f"{nearest.search}\nWITH cut, held, hits + [m IN near WHERE NOT m IN hits] AS hits"
    return f"""
{language}{search}
{near}
MATCH (b:Branch {{{SCOPE}, name: $branch}})
WITH hits, cut, held, b
MATCH (h:Turn {{{SCOPE}, turn_id: b.head}})
WITH hits, cut, held, h
MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH hits, cut, held, h, k, [m IN hits WHERE m.line <> h.line AND m.number <= k.number AND m.number > 0] AS others
CALL {{
  WITH k, others
  UNWIND others AS m
  WITH k, m
  OPTIONAL MATCH (c:Turn {{{SCOPE}, turn_id: k.blocks[{block("m.number")}]}})
  WITH m, coalesce(c.leaves, k.leaves)[{leaf("m.number")}] AS leaf
  OPTIONAL MATCH (q:Turn {{{SCOPE}, turn_id: leaf}})
  RETURN collect(CASE WHEN q.segment[{entry("m.number")}] = m.turn_id THEN m.turn_id END) AS kin
}}
WITH hits, cut, held, h, [m IN hits WHERE m.number <= h.number - $skip AND (m.line = h.line OR m.number = 0 OR
  CASE WHEN m.number > k.number THEN h.tail[m.number - k.number - 1] = m.turn_id ELSE m.turn_id IN kin END)] AS found
WITH h, cut, held, size(hits) AS seen, found[..{ranked}] AS found
RETURN h.number AS number, cut, held, seen, [{", ".join(f"[m IN found | {field}]" for field in fields)}] AS found
"""


LATELY = f"""
MATCH (b:Branch {{{SCOPE}, name: $branch}})
WITH b
MATCH (h:Turn {{{SCOPE}, turn_id: b.head}})
WITH h
MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH k.segment + h.tail AS ids
UNWIND CASE WHEN size(ids) = 0 THEN [null] ELSE ids END AS id
OPTIONAL MATCH (t:Turn {{{SCOPE}, turn_id: id}})
WITH t
OPTIONAL MATCH (t)-[:TOLD]->(m:Moment)
WITH collect(m) AS hits
WITH hits, 0 AS cut, [] AS held"""
"""The search where no word can be searched: the last turns of the branch, 32 to 63 of them."""

WORDLESS = "WITH [] AS hits, 0 AS cut, [] AS held"
"""The search of a query without a word."""


def word_by_word(terms: list[str], *, widely: bool) -> tuple[str, dict[str, Any]]:
    """Word by word, so that each is cut where it proves common and weighs by how rare it is.

    RediSearch's own score for several words is no use: it is divided by how far they lie apart. Where the rare words give
    some moments but fewer than `$few`, some of the common ones fill up, which saves asking again.
    """
    if not terms:
        return WORDLESS, {}
    asked = [*terms, *(f"({one} {other})" for one, other in combinations(terms[:WIDE], 2))] if widely else terms
    calls = "\n".join(
        f"CALL {{ CALL db.idx.fulltext.queryNodes('Moment', $q{i}) YIELD node WITH node LIMIT $common "
        f"RETURN collect(node) AS n{i} }}"
        for i in range(len(asked))
    )
    every = ", ".join(f"n{i}" for i in range(len(asked)))
    # What a rare word found comes before all that common ones add, however much of it there is; of equals the newest.
    text = f"""{calls}
WITH [{every}] AS every
WITH every, [one IN every | size(one)] AS sizes
WITH every, sizes[..$terms] AS held, size([size IN sizes WHERE size >= $common]) AS cut
WITH every, held, cut, reduce(n = 0, df IN held | n + CASE WHEN df < $common THEN df ELSE 0 END) AS rare
WITH every, held, cut, rare, rare > 0 AND rare < $few AND NOT $widely AS filling
CALL {{
  WITH every, rare, filling
  UNWIND range(0, size(every) - 1) AS place
  WITH rare, filling, place, every[place] AS one
  WITH rare, place, one, size(one) AS df, CASE WHEN $widely THEN $common WHEN filling THEN $fill ELSE 0 END AS share
  WITH rare, place < $terms AND df < $common AS is_rare, df,
    CASE WHEN df < $common THEN one ELSE one[df - share..] END AS one
  UNWIND one AS node
  WITH node, log(1 + $common * 10.0 / df) * CASE WHEN is_rare OR rare = 0 THEN 1 ELSE 0.001 END AS weight
  WITH node, sum(weight) AS weight ORDER BY weight DESC, id(node) DESC LIMIT $fetch
  RETURN collect(node) AS hits
}}
WITH cut, CASE WHEN filling OR ($widely AND rare > 0) THEN held ELSE [] END AS held,
  CASE WHEN filling THEN hits[..rare + $fill] ELSE hits END AS hits"""
    sought: dict[str, Any] = {f"q{i}": query for i, query in enumerate(asked)}
    return text, sought | {"terms": len(terms), "common": COMMON, "fill": FILL, "widely": widely}
