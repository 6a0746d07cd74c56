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
"""Moments that common words add, each as many and all together up to this, where rare ones give too few to choose from."""

WIDE = 4
"""Words that are searched in pairs too where all of them are common: 6 pairs."""

RANKED = 96
"""Ancestors among them that are sent back to be ranked."""


def recall(search: str, nearest: Nearest | None = None) -> str:
    """Full-text hits among the ancestors of HEAD. `search` is the backend's part: at most `$fetch` hits of this story alone
    as the list `hits`, best first, and as `cut` how many words it left out for being too common. With `nearest`, the
    moments near to `$vector` are hits too, and each has its likeness.

    The search stands first and is cut before a property is read, which is what costs. A line is a chain, so a moment of
    HEAD's own line is an ancestor if it is not younger; only the others are looked up (see `graphs.memory.cypher`).

    One row, none without the branch: `number` of HEAD, `cut`, how many hits were `seen`, and of those that are `found` to
    be ancestors the fields of `Found`, a list of each.
    """
    language, near, ranked = "", "", RANKED
    # Field by field: a hundred short lists take a client longer than six long ones.
    fields = ["m.turn_id", "m.number", "m.text", "coalesce(m.stems, m.words)", "m.at", "m.people"]
    if nearest is not None:
        language, ranked = nearest.language, RANKED + NEAR
        fields.append(nearest.likeness)
        near = f"{nearest.search}\nWITH cut, hits + [m IN near WHERE NOT m IN hits] AS hits"
    return f"""
{language}{search}
{near}
MATCH (b:Branch {{{SCOPE}, name: $branch}})
WITH hits, cut, b
MATCH (h:Turn {{{SCOPE}, turn_id: b.head}})
WITH hits, cut, h
MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH hits, cut, h, k, [m IN hits WHERE m.line <> h.line AND m.number <= k.number AND m.number > 0] AS others
CALL {{
  WITH k, others
  UNWIND others AS m
  WITH k, m
  OPTIONAL MATCH (c:Turn {{{SCOPE}, turn_id: k.blocks[{block("m.number")}]}})
  WITH m, coalesce(c.leaves, k.leaves)[{leaf("m.number")}] AS leaf
  OPTIONAL MATCH (q:Turn {{{SCOPE}, turn_id: leaf}})
  RETURN collect(CASE WHEN q.segment[{entry("m.number")}] = m.turn_id THEN m.turn_id END) AS kin
}}
WITH hits, cut, h, [m IN hits WHERE m.number <= h.number - $skip AND (m.line = h.line OR m.number = 0 OR
  CASE WHEN m.number > k.number THEN h.tail[m.number - k.number - 1] = m.turn_id ELSE m.turn_id IN kin END)] AS found
WITH h, cut, size(hits) AS seen, found[..{ranked}] AS found
RETURN h.number AS number, cut, seen, [{", ".join(f"[m IN found | {field}]" for field in fields)}] AS found
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
WITH collect(m) AS hits, 0 AS cut"""
"""The search where no word can be searched: the last turns of the branch, 32 to 63 of them."""

WORDLESS = "WITH [] AS hits, 0 AS cut"
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
    # Of equals the newest: ids grow. What fills up never comes before what a rare word found, however much of it there is.
    text = f"""{calls}
WITH [{every}] AS every
WITH every, size([one IN every WHERE size(one) >= $common]) AS cut,
  reduce(n = 0, one IN every | n + CASE WHEN size(one) < $common THEN size(one) ELSE 0 END) AS rare
WITH every, cut, rare > 0 AND rare < $few AND NOT $widely AS filling
WITH every, cut, filling, CASE WHEN $widely THEN $common WHEN filling THEN $fill ELSE 0 END AS share
UNWIND every AS one
WITH cut, filling, size(one) AS df, CASE WHEN size(one) < $common THEN one ELSE one[..share] END AS one
UNWIND CASE WHEN size(one) = 0 THEN [null] ELSE one END AS node
WITH cut, filling, node, log(1 + $common * 10.0 / df) * CASE WHEN filling AND df >= $common THEN 0.1 ELSE 1 END AS weight
WITH cut, filling, node, sum(weight) AS weight ORDER BY weight DESC, id(node) DESC LIMIT $fetch
WITH cut, filling, collect(node) AS hits
WITH cut, CASE WHEN filling THEN hits[..$fill] ELSE hits END AS hits"""
    return text, {f"q{i}": query for i, query in enumerate(asked)} | {"common": COMMON, "fill": FILL, "widely": widely}
