"""The statement that finds what recall ranks: full-text hits, and which of them HEAD descends from."""

from graphs.memory.cypher import SCOPE, block, entry, leaf

CANDIDATES = 128
"""Full-text hits whose ancestry one statement checks."""

COMMON = 300
"""A word of so many moments tells few of them apart: it is left out of the search, and counted when ranking."""

RANKED = 128
"""Ancestors among them that are sent back to be ranked."""


def recall(search: str) -> str:
    """Full-text hits among the ancestors of HEAD. `search` is the backend's part: at most `$fetch` hits as the list
    `hits`, best first, and as `cut` how many words it left out for being too common.

    The search stands first and is cut before a property is read, which is what costs. A line is a chain, so a moment of
    HEAD's own line is an ancestor if it is not younger; only the others are looked up (see `graphs.memory.cypher`).

    One row: `number` of HEAD, `cut`, how many hits were `seen`, and those of them that are `found` to be ancestors.
    None without the branch.
    """
    return f"""
{search}
MATCH (b:Branch {{{SCOPE}, name: $branch}})
WITH hits, cut, b
MATCH (h:Turn {{{SCOPE}, turn_id: b.head}})
WITH hits, cut, h
MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH hits, cut, h, k
UNWIND CASE WHEN size(hits) = 0 THEN [0] ELSE range(0, size(hits) - 1) END AS place
WITH h, k, cut, place, hits[place] AS m
WHERE m IS NULL OR (m.tenant = $tenant AND m.session = $session)
WITH h, k, cut, place, m, m.line = h.line OR m.number > k.number AS near
OPTIONAL MATCH (c:Turn {{{SCOPE}, turn_id: CASE WHEN NOT near THEN k.blocks[{block("m.number")}] END}})
WITH h, k, cut, place, m, near, coalesce(c.leaves, k.leaves)[{leaf("m.number")}] AS leaf
OPTIONAL MATCH (q:Turn {{{SCOPE}, turn_id: CASE WHEN NOT near THEN leaf END}})
WITH h, cut, place, m, CASE WHEN m.number > h.number - $skip THEN false WHEN m.number = 0 OR m.line = h.line THEN true
  WHEN m.number > k.number THEN h.tail[m.number - k.number - 1] = m.turn_id
  ELSE q.segment[{entry("m.number")}] = m.turn_id END AS kin
ORDER BY place
WITH h, cut, count(m) AS seen,
  collect(CASE WHEN kin THEN [m.turn_id, m.number, m.text, m.words, m.at, m.people] END) AS found
RETURN h.number AS number, cut, seen, found[..{RANKED}] AS found
"""
