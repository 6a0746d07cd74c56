"""The Cypher that both backends run, word for word (but for the search, in `search.py`): one statement a question, each
filtered by tenant and session.

    (:Session) (:Branch {head})  a branch is a pointer: `head` is a turn_id, compared and moved under the branch's lock
    (:Turn)-[:PREV]->(:Turn)     the tree of turns; a crisis or a refusal hangs beside it: (:Turn)-[:ASIDE]->(:Turn)
    (:Turn)-[:TOLD]->(:Moment)   what recall searches
    (:Turn)-[:TRACED]->(:Trace)  what the turn did, node by node
    (:Turn)-[:CLOSED]->(:Chapter)  on a keyframe: what the turns of its segment came to (see `chapters.py`)

**Ancestors in a fixed number of reads.** Every 32nd turn is a keyframe; the others hold their `tail`, the turn_ids since
the last one. A keyframe holds the snapshot of the slots and three lists of turn_ids: `segment`, the 32 turns that end
with it; `leaves`, the keyframes of its block of 1,024 turns up to itself; `blocks`, the keyframes that closed a block.
That is a persistent radix tree (radix 32, two levels), shared by all branches as git shares commits. "Which turn was
number d on the way to HEAD" takes HEAD's tail, or its keyframe, the keyframe that closed d's block and the one whose
segment holds d: three index reads, however long the story and however often it was forked. Lines are no help here: "play
two, undo one, for ever" makes a line of every second turn, so a map from line to cut-off grows with the story, while
these lists cost some 20 ids a turn, and a keyframe one more id for every 1,024 turns.

PREV is there to be looked at, not walked: after each write FalkorDB brings a matrix of all relationships up to date for
the first statement that follows one, 1.5 ms in 5,000 turns. Index reads pay nothing of the kind.

A line is a chain: a turn goes on on its branch's line, or begins one where HEAD was moved (`line` is empty then). So of two
turns of one line the one with the smaller number is the other's ancestor, which needs no look at the lists.

Turns never change once written, so what is read along them needs no lock. A statement that compares before it writes
begins with a SET: that takes the lock, on both servers, before the comparison.

FalkorDB joins two MATCHes by scanning a label, unless a WITH stands between them: hence the WITHs.
"""

from graphs.memory.shapes import EXCHANGES, KEYFRAME

BLOCK = KEYFRAME * KEYFRAME
"""Turns in a block: a keyframe's `leaves` has at most BLOCK / KEYFRAME entries."""

PAGE = 2 * KEYFRAME - 1
"""Most turns that one statement reads: a tail and a segment."""

SCOPE = "tenant: $tenant, session: $session"

_SESSION_COLUMNS = """s.session AS session, s.tenant AS tenant, s.player AS player, s.title AS title,
  s.world AS world, s.world_version AS world_version, s.fingerprint AS fingerprint, s.model AS model, s.seed AS seed,
  s.branch AS branch, s.risk AS risk, s.paused AS paused, s.created AS created, s.played AS played,
  s.avoid AS avoid, s.character AS character"""
_BRANCH_COLUMNS = "b.name AS name, b.head AS head, b.number AS number, b.line AS line, b.created AS created"

_TURN = f"""(t:Turn {{{SCOPE}, turn_id: $turn_id, number: $number, line: $line, branch: $branch,
  parent: $parent, kind: $kind, at: $at, body: $body, changes: $changes, focus: $focus"""

_TOUCH_SESSION = """s.played = $at, s.paused = coalesce($paused, s.paused), s.heard = coalesce($heard, s.heard),
  s.risk = CASE WHEN $risk > s.risk THEN $risk ELSE s.risk END"""


def _each(ids: str) -> str:
    """The turns of a list of ids as `t`, by index; one row with null for an empty list or none."""
    return f"""UNWIND CASE WHEN coalesce(size({ids}), 0) = 0 THEN [null] ELSE {ids} END AS id
OPTIONAL MATCH (t:Turn {{{SCOPE}, turn_id: id}})"""


def entry(number: str) -> str:
    """The place of turn `number` in its keyframe's segment."""
    return f"({number} - 1) % {KEYFRAME}"


def leaf(number: str) -> str:
    """The place of the keyframe that closes the segment of turn `number`, in its block's leaves."""
    return f"(({number} - 1) % {BLOCK}) / {KEYFRAME}"


def block(number: str) -> str:
    return f"({number} - 1) / {BLOCK}"


def keyframe_before(keyframe: str) -> str:
    """The turn_id of the keyframe before a keyframe; null before the first. One that opens a block is its only leaf."""
    return f"CASE WHEN size({keyframe}.leaves) > 1 THEN {keyframe}.leaves[-2] ELSE {keyframe}.blocks[-1] END"


CREATE = f"""
OPTIONAL MATCH (old:Session {{{SCOPE}}})
WITH old WHERE old IS NULL
OPTIONAL MATCH (u:Unfinished {{{SCOPE}}})
WITH u WHERE u IS NULL
CREATE (s:Session {{{SCOPE}, player: $player, title: $title, world: $world, world_version: $world_version,
  fingerprint: $fingerprint, model: $model, seed: $seed, branch: $branch, risk: $risk, paused: $paused,
  created: $created, played: $played, avoid: $avoid, character: $character,
  world_text: $world_text, schema: $schema, lock: ''}})
CREATE (b:Branch {{{SCOPE}, name: $branch, head: $turn_id, number: $number, line: $line, created: $created, lock: ''}})
CREATE {_TURN}, keyframe: $turn_id, snapshot: $snapshot, tail: [], segment: [], leaves: [], blocks: []}})
CREATE (t)-[:TOLD]->(m:Moment {{{SCOPE}, turn_id: $turn_id, number: $number, line: $line, story: $story,
  text: $text, words: $words, at: $at, people: $people, stems: $stems, vector: $vector}})
RETURN {_SESSION_COLUMNS}
"""

SESSION = f"MATCH (s:Session {{{SCOPE}}}) RETURN {_SESSION_COLUMNS}"

SESSIONS = f"""
MATCH (s:Session {{tenant: $tenant}}) WHERE $player IS NULL OR s.player = $player
RETURN {_SESSION_COLUMNS} ORDER BY s.played DESC, s.session LIMIT $limit
"""

WORLD_TEXT = f"MATCH (s:Session {{{SCOPE}}}) RETURN s.world_text AS world_text"

UPDATE = f"""
MATCH (s:Session {{{SCOPE}}})
SET s.title = coalesce($title, s.title), s.paused = coalesce($paused, s.paused), s.avoid = coalesce($avoid, s.avoid),
  s.world_version = coalesce($world_version, s.world_version), s.fingerprint = coalesce($fingerprint, s.fingerprint),
  s.world_text = coalesce($world_text, s.world_text)
RETURN {_SESSION_COLUMNS}
"""

POSITION = f"""
MATCH (s:Session {{{SCOPE}}})
WITH s, coalesce($branch, s.branch) AS name
OPTIONAL MATCH (b:Branch {{{SCOPE}, name: name}})
WITH s, b
OPTIONAL MATCH (h:Turn {{{SCOPE}, turn_id: b.head}})
WITH s, b, h
OPTIONAL MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH s, b, h, k, k.segment[-{EXCHANGES}..] + h.tail AS ids
{_each("ids")}
WITH s, b, h, k, collect([t.turn_id, t.number, CASE WHEN t.number > k.number THEN t.changes END,
  CASE WHEN t.number > h.number - {EXCHANGES} THEN t.body END]) AS walk
OPTIONAL MATCH (c:Chapter {{{SCOPE}, turn_id: k.turn_id}})
WITH s, b, h, k, walk, c
OPTIONAL MATCH (e:Chapter {{{SCOPE}, turn_id: {keyframe_before("k")}}})
WITH s, b, h, k, walk, coalesce(c, e) AS c
RETURN s.risk AS risk, s.heard AS heard, s.paused AS paused, {_BRANCH_COLUMNS}, h.focus AS focus, h.body AS body,
  k.snapshot AS snapshot, walk, c.so_far AS so_far, c.last AS closed
"""

COMMIT = f"""
MATCH (b:Branch {{{SCOPE}, name: $branch}})
SET b.lock = $turn_id
WITH b WHERE b.head = $parent AND b.number + 1 = $number
OPTIONAL MATCH (old:Turn {{{SCOPE}, turn_id: $turn_id}})
WITH b, old WHERE old IS NULL
MATCH (p:Turn {{{SCOPE}, turn_id: $parent}})
WITH b, p WHERE b.line = $line OR p.line <> $line
MATCH (s:Session {{{SCOPE}}})
CREATE {_TURN}, keyframe: coalesce($keyframe, p.keyframe), snapshot: $snapshot, segment: $segment,
  leaves: $leaves, blocks: $blocks, tail: CASE WHEN $keyframe IS NULL THEN p.tail + [$turn_id] ELSE [] END}})
  -[:PREV]->(p)
CREATE (t)-[:TOLD]->(m:Moment {{{SCOPE}, turn_id: $turn_id, number: $number, line: $line, story: $story,
  text: $text, words: $words, at: $at, people: $people, stems: $stems, vector: $vector}})
SET b.head = $turn_id, b.number = $number, b.line = $line, {_TOUCH_SESSION}
RETURN t.turn_id AS turn_id
"""

ASIDE = f"""
MATCH (s:Session {{{SCOPE}}})
SET s.lock = $turn_id
WITH s
OPTIONAL MATCH (old:Turn {{{SCOPE}, turn_id: $turn_id}})
WITH s, old WHERE old IS NULL
OPTIONAL MATCH (p:Turn {{{SCOPE}, turn_id: $parent}})
WITH s, p
CREATE {_TURN}}})
SET {_TOUCH_SESSION}
FOREACH (x IN CASE WHEN p IS NULL THEN [] ELSE [p] END | CREATE (t)-[:ASIDE]->(x))
RETURN t.turn_id AS turn_id
"""

TURN = f"""
MATCH (t:Turn {{{SCOPE}, turn_id: $turn_id}})
RETURN t.body AS body, t.changes AS changes, t.kind AS kind, t.parent AS parent
"""

LEDGER = f"""
MATCH (h:Turn {{{SCOPE}, turn_id: $turn_id}})
WITH h
MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH h, k
{_each("h.tail")}
WITH h, k, collect([t.turn_id, t.number, t.changes]) AS walk
RETURN h.tail AS tail, k.number AS number, k.snapshot AS snapshot, k.leaves AS leaves, k.blocks AS blocks, walk
"""

ANCESTOR = f"""
MATCH (s:Session {{{SCOPE}}})
WITH s, coalesce($branch, s.branch) AS name
OPTIONAL MATCH (b:Branch {{{SCOPE}, name: name}})
WITH s, b
OPTIONAL MATCH (h:Turn {{{SCOPE}, turn_id: b.head}})
WITH s, b, h, CASE WHEN $depth < h.number THEN $depth ELSE h.number - $back END AS d
OPTIONAL MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH s, b, h, d, k
OPTIONAL MATCH (c:Turn {{{SCOPE}, turn_id: k.blocks[{block("d")}]}})
WITH s, b, h, d, k, coalesce(c.leaves, k.leaves)[{leaf("d")}] AS leaf
OPTIONAL MATCH (q:Turn {{{SCOPE}, turn_id: leaf}})
RETURN {_BRANCH_COLUMNS}, s.branch = b.name AS active, CASE WHEN d < 0 THEN 0 ELSE d END AS depth,
  CASE WHEN d <= 0 THEN 'root' WHEN d > k.number THEN h.tail[d - k.number - 1]
  ELSE q.segment[{entry("d")}] END AS turn_id
"""
"""Where a branch (null: the active one) stood at turn number `$depth`, or `$back` turns before a HEAD short of it."""

TURNS = f"""
MATCH (h:Turn {{{SCOPE}, turn_id: $turn_id}})
WITH h
MATCH (k:Turn {{{SCOPE}, turn_id: h.keyframe}})
WITH k.segment + h.tail AS ids
WITH CASE WHEN size(ids) > $limit THEN ids[(size(ids) - $limit)..] ELSE ids END AS ids
UNWIND ids AS id
MATCH (t:Turn {{{SCOPE}, turn_id: id}})
RETURN t.turn_id AS turn_id, t.number AS number, t.changes AS changes, CASE WHEN $bodies THEN t.body END AS body,
  t.parent AS parent ORDER BY number DESC
"""
"""Turns from `$turn_id` backwards, newest first: at most `$limit`, and 32 to PAGE if there are so many."""


BRANCHES = f"""
MATCH (s:Session {{{SCOPE}}})
WITH s
MATCH (b:Branch {{{SCOPE}}})
RETURN {_BRANCH_COLUMNS}, s.branch = b.name AS active, b.lock AS lock ORDER BY created, name
"""

CREATE_BRANCH = f"""
MATCH (s:Session {{{SCOPE}}})
SET s.lock = $token
WITH s
OPTIONAL MATCH (old:Branch {{{SCOPE}, name: $name}})
WITH s, old WHERE old IS NULL
MATCH (a:Branch {{{SCOPE}, name: s.branch}})
WITH s, coalesce($turn_id, a.head) AS target
MATCH (t:Turn {{{SCOPE}, turn_id: target}}) WHERE t.kind = 'story'
CREATE (b:Branch {{{SCOPE}, name: $name, head: t.turn_id, number: t.number, line: '', created: $created,
  lock: $token}})
RETURN {_BRANCH_COLUMNS}, false AS active
"""

SWITCH = f"""
MATCH (s:Session {{{SCOPE}}})
SET s.lock = $token
WITH s
MATCH (b:Branch {{{SCOPE}, name: $name}})
SET s.branch = $name
RETURN {_BRANCH_COLUMNS}, true AS active
"""

DELETE_BRANCH = f"""
MATCH (s:Session {{{SCOPE}}})
SET s.lock = $token
WITH s WHERE s.branch <> $name
MATCH (b:Branch {{{SCOPE}, name: $name}})
DELETE b
RETURN $name AS name
"""

MOVE_HEAD = f"""
MATCH (b:Branch {{{SCOPE}, name: $name}})
SET b.lock = $token
WITH b WHERE b.head = $head
SET b.head = $turn_id, b.number = $number, b.line = '' RETURN {_BRANCH_COLUMNS}
"""

RESTORE_HEAD = f"""
MATCH (b:Branch {{{SCOPE}, name: $name}}) SET b.lock = $token WITH b
MATCH (t:Turn {{{SCOPE}, turn_id: $turn_id}}) WHERE b.head = t.parent AND b.line = '' AND t.kind = 'story'
SET b.head = t.turn_id, b.number = t.number, b.line = t.line RETURN b.head AS head
"""

PUT_TRACE = f"""
MATCH (t:Turn {{{SCOPE}, turn_id: $turn_id}})
SET t.traced = true
WITH t
MERGE (t)-[:TRACED]->(x:Trace {{{SCOPE}, turn_id: $turn_id}})
SET x.body = $body
RETURN x.turn_id AS turn_id
"""

TRACE = f"""
MATCH (t:Turn {{{SCOPE}, turn_id: $turn_id}})-[:TRACED]->(x:Trace) RETURN x.body AS body
"""

LABELS = {
    "Branch": "name",
    "Trace": "turn_id",
    "Chapter": "turn_id",
    "Moment": "turn_id",
    "Turn": "turn_id",
    "Session": "session",
    "Unfinished": "session",
}
"""Every label and the last property of its index, in the order of deletion: without its branches nothing can grow, and
the mark of a deletion (`nodes.py`) goes last, so that an interrupted one can be seen and finished."""


def count_nodes(label: str) -> str:
    return f"MATCH (n:{label} {{{SCOPE}}}) WHERE n.{LABELS[label]} IS NOT NULL RETURN count(n) AS nodes"


def delete_nodes(label: str) -> str:
    """Deletes at most 1,000 nodes, so that no transaction grows with the story."""
    return f"""
MATCH (n:{label} {{{SCOPE}}}) WHERE n.{LABELS[label]} IS NOT NULL
WITH n LIMIT 1000
DETACH DELETE n
RETURN count(*) AS nodes
"""
