"""What a call costs in statements, and that no statement forgets whose story it is about."""

import re
from collections import Counter

import pytest
from story_reference import Reference, new_turn, take

from agents.story import Moment
from graphs.memory import (
    KEYFRAME,
    Commit,
    Scope,
    attempts,
    chapters,
    migration,
    nodes,
    open_neo4j,
    resealing,
    schema,
    search,
)
from graphs.memory import cypher as shared
from graphs.memory.graph import GraphMemory
from graphs.memory.neo4j import Neo4jMemory
from graphs.memory.recall import Found, rank
from graphs.memory.records import story_id
from graphs.memory.vectors import FALKOR, NEO4J

SCOPE = Scope("t", "s")

# These concern the database, not a story.
NOBODYS = {
    "STAMP",
    "RESEALED",
    "RESTAMP",
    "FALKOR_LOCK",
    "OUTDATED",
    "OUTDATED_LISTED",
    "NEO4J_VECTORS",
    "FALKOR_VECTORS",
}

# These concern all stories of a tenant.
TENANTS = {"SESSIONS", "LISTED", "LISTED_IDS", "LISTED_NEWEST", "NEWEST_IDS", "SESSION_IDS", "UNFINISHED"}

# Nodes reached from one that is filtered, or by the full-text search, are filtered with it.
STORED = re.compile(r"\((\w*):(Session|Branch|Turn|Moment|Trace|Chapter|Listed|Unfinished)(?P<filter> \{[^}]*\})?")


def statements() -> dict[str, str]:
    found = {
        name: text
        for module in (shared, schema, migration, attempts, chapters, nodes)
        for name, text in vars(module).items()
        if isinstance(text, str)
    }
    found = {name: text for name, text in found.items() if re.search(r"\b(MATCH|CREATE|MERGE) \(", text)}
    found |= {build.__name__: build("Turn") for build in (shared.count_nodes, shared.delete_nodes)}
    found |= {f"recall_{near.language}": search.recall("CALL search() YIELD node", near) for near in (FALKOR, NEO4J)}
    found |= {f"put_nodes_{label}": nodes.put_nodes(label) for label in ("Turn", "Moment")}
    found |= {"list_places": nodes.list_places("Turn", "id(n)"), "read_nodes": nodes.read_nodes("Turn", "id(n)")}
    found |= {f"stale_{label}": resealing.stale_nodes(label) for label in resealing.SEALED}
    found |= {f"rewrite_{label}": resealing.rewrite_nodes(label) for label in resealing.SEALED}
    found["LATELY"] = search.LATELY
    found["last_place"] = nodes.last_place("Turn")
    found["link_turns"] = nodes.link_turns("PREV")
    return found | {"recall": search.recall("CALL search() YIELD node")}


@pytest.mark.parametrize("name", sorted(statements().keys() - NOBODYS))
def test_every_node_of_every_statement_is_the_tenants_own(name: str) -> None:
    text = statements()[name]
    assert "$tenant" in text
    for found in STORED.finditer(text):
        if found["filter"] is None and text[found.end() :].startswith(")\n  SEARCH"):
            assert "WHERE m.story = $story LIMIT $near" in text[found.end() :], "the index is asked for one story"
        elif found["filter"] is None:
            assert re.search(r"-\[:\w+\]->$", text[: found.start()]), f"{found[0]} is not filtered"
        else:
            assert "tenant: $tenant" in found["filter"]
            assert "session: $session" in found["filter"] or name in TENANTS


async def test_a_search_of_all_stories_keeps_to_its_own() -> None:
    async with open_neo4j("bolt://127.0.0.1:1") as memory:
        hits, asked = memory._search(SCOPE, ["lamp"], widely=False)  # pyright: ignore[reportPrivateUsage]
    assert "m.tenant = $tenant AND m.session = $session" in hits
    assert str(asked["query"]).startswith(f"+story:{story_id(SCOPE)}^0 ")


def test_no_statement_is_made_of_anything_from_outside() -> None:
    assert set(statements()) >= {"COMMIT", "POSITION", "CLOSE_CHAPTER", "ATTEMPTS", "recall", "delete_nodes", "LISTED"}
    assert not [name for name, text in statements().items() if "%s" in text or "{{" in text]


async def chapter_end(story: Reference, number: int) -> str:
    return story.chain(story.head)[number * KEYFRAME]["turn_id"]


@pytest.fixture
def asked(story: Reference, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many statements were read and written, by `_read` and `_write`, since it was cleared."""
    asked: Counter[str] = Counter()
    kind = type(story.memory)
    assert issubclass(kind, GraphMemory)
    for name in ("_read", "_write"):
        original = getattr(kind, name)

        async def counted(*args: object, name: str = name, original: object = original) -> object:
            asked[name] += 1
            return await original(*args)  # type: ignore[operator]

        monkeypatch.setattr(kind, name, counted)
    return asked


async def test_statements_a_call_are_as_documented(story: Reference, asked: Counter[str]) -> None:
    async def cost(call: object) -> tuple[int, int]:
        asked.clear()
        await call  # type: ignore[misc]
        return asked["_read"], asked["_write"]

    memory, scope = story.memory, story.scope
    for n in range(1, 2 * KEYFRAME + 2):
        turn = new_turn(scope, n, story.head, changes=[take(f"place-{n}")], action=f"word{n}")
        story.told[turn["turn_id"]], story.heads["main"] = turn, turn["turn_id"]
        slots = story.slots(turn["turn_id"]) if n % KEYFRAME == 0 else None
        assert await cost(memory.commit(scope, Commit(turn, [], [], slots))) == (int(n % KEYFRAME == 0), 1)
    assert await cost(memory.position(scope)) == (1, 0)
    assert await cost(memory.recall(scope, "main", "word3 word40")) == (1, 0)
    assert await cost(memory.recall(scope, "main", "zzyzx quagmire")) == (1, 0)
    assert await cost(memory.facts(scope)) == (2, 0)
    assert await cost(memory.slots_at(scope, story.head)) == (1, 0)
    assert await cost(memory.turns(scope, limit=30)) == (2, 0)
    assert await cost(memory.open_chapters(scope)) == (2, 0)
    assert await cost(memory.open_chapter(scope, await chapter_end(story, 1))) == (1, 0)
    assert await cost(story.close(await chapter_end(story, 1))) == (0, 1)
    assert await cost(memory.position(scope)) == (1, 0)
    assert await cost(memory.chapters(scope)) == (2, 0)
    assert await cost(memory.attempts(scope, story.head)) == (1, 0)
    assert await cost(memory.create_branch(scope, "other")) == (0, 1)
    assert await cost(memory.move_head(scope, "main", back=50)) == (1, 1)


async def test_common_words_fill_up_what_rare_ones_leave_open(
    story: Reference, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the story, a question of one rare and one common word is asked once, and finds as many as it wants."""
    monkeypatch.setattr(search, "COMMON", 6)
    for n in range(14):
        await story.play(marker="lantern" if n != 4 else "lantern zebra")
    asked.clear()
    found = await story.recall("the lantern of the zebra", limit=4)
    assert (asked["_read"], asked["_write"]) == (1, 0)
    assert (len(found), found[0]["number"]) == (4, 5)


async def test_what_fills_up_is_little_and_where_it_is_too_little_all_are_looked_at(
    story: Reference, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(story.memory, Neo4jMemory):
        pytest.skip("Lucene weighs words itself")
    ranked: list[int] = []

    def counted(query: str, found: list[Found], head: int, limit: int, common: dict[str, int]) -> list[Moment]:
        ranked.append(len(found))
        return rank(query, found, head, limit, common)

    monkeypatch.setattr("graphs.memory.graph.rank", counted)
    monkeypatch.setattr(search, "COMMON", 6)
    monkeypatch.setattr(search, "FILL", 3)
    for n in range(14):
        said = "A zebra." if n == 4 else "A lantern." if n % 2 else "A wind."
        await story.play(narration=said, action="wait")
    asked.clear()
    found = await story.recall("lantern wind zebra", limit=2, skip=0)
    assert (asked["_read"], ranked, found[0]["number"]) == (1, [1 + 3], 5)
    assert found[1]["number"] > 7, "of a common word the later ones"
    found = await story.recall("lantern wind zebra", limit=6, skip=0)
    assert (len(found), asked["_read"], found[0]["number"]) == (6, 3, 5)


async def test_a_rare_word_is_never_crowded_out_by_common_ones(story: Reference) -> None:
    """With the sizes as they are: words of hundreds of moments beside one of a few."""
    if isinstance(story.memory, Neo4jMemory):
        pytest.skip("minutes of writing")
    common = ["lantern", "wind", "sea", "stars", "harbour", "bridge"]
    for n in range(4 + search.COMMON + 60):
        await story.play(narration="A zebra." if n == 4 else f"A {' '.join(common)}.", action="wait")
    for question in ("zebra", "lantern zebra", "lantern wind zebra", " ".join([*common, "zebra"])):
        for limit in (1, 4, 40, 100):
            assert (await story.recall(question, limit=limit))[0]["number"] == 5, (question, limit)


async def test_words_that_are_rare_together_are_no_rare_word(story: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "COMMON", 20)
    monkeypatch.setattr(search, "CANDIDATES", 1)
    await story.play(narration="A zebra.", action="wait")
    for n in range(26):
        said = "A lantern in the wind by the sea." if n < 17 else ("A lantern.", "The wind.", "The sea.")[n % 3]
        await story.play(narration=said, action="wait")
    assert (await story.recall("lantern wind sea zebra", limit=8))[0]["number"] == 1


async def test_as_many_moments_of_a_rare_word_as_are_wanted(story: Reference) -> None:
    for n in range(2 * search.FILL + 10):
        await story.play(narration="A zebra." if n % 8 else "A lantern.", action="wait")
    zebras = sum(1 for turn in story.chain(story.head) if "zebra" in turn["narration"])
    assert len(await story.recall("zebra", skip=0, limit=zebras)) == zebras
    assert len(await story.recall("zebra", skip=0, limit=90)) == zebras


async def test_common_words_alone_are_found_beside_abandoned_ones(
    story: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "COMMON", 6)
    monkeypatch.setattr(search, "CANDIDATES", 4)
    await story.play(narration="A lantern.", action="wait")
    for _ in range(10):
        await story.play(narration="A lantern.", action="wait")
        await story.undo(1)
    assert [m["number"] for m in await story.recall("lantern", skip=0)] == [1]
