"""What story memory promises where an embedder is configured, on every backend: words go on as they are, and what sounds
alike is found too, of this branch and of this story alone."""

import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import pytest
from story_reference import Reference, new_scope

from agents.models.embedding import TrigramEmbedder
from graphs.memory import Scope, StoryMemory
from graphs.memory.graph import GraphMemory
from graphs.memory.vectors import NEAR

Opened = Callable[..., AbstractAsyncContextManager[StoryMemory]]


class Listening(TrigramEmbedder):
    """Counts what it is asked, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.fault: Exception | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked += texts
        if self.fault is not None:
            raise self.fault
        return await super().embed(texts)


@pytest.fixture(params=["falkordb", "neo4j"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def embedder() -> Listening:
    return Listening()


@pytest.fixture
async def memory(backend: str, embedder: Listening, opened: Opened) -> AsyncIterator[StoryMemory]:
    async with opened(backend, embedder) as memory:
        await memory.setup()
        yield memory


async def tell(story: Reference, words: str) -> str:
    return (await story.play(action="", narration=words))["turn_id"]


async def heard(story: Reference, query: str, **other: int) -> list[str]:
    return [moment["turn_id"] for moment in await story.recall(query, **{"skip": 0, **other})]


async def test_what_sounds_alike_is_found_without_a_word_in_common(story: Reference) -> None:
    keeper = await tell(story, "The lightkeeper.")
    await tell(story, "A bowl of soup.")
    [found] = await story.recall("lighthouses", skip=0)
    assert (found["turn_id"], found["reason"], found["text"]) == (keeper, "sounds alike", "The lightkeeper.")


async def test_words_and_likeness_count_together(story: Reference) -> None:
    """Both have the word; the one that sounds more like the question wins over the later."""
    alike = await tell(story, "The lantern of the lightkeeper.")
    await tell(story, "Bread by the lantern, and a bowl of soup.")
    found = await story.recall("lantern lighthouses", skip=0)
    assert found[0]["turn_id"] == alike
    assert found[0]["reason"] == "mentions lantern"


async def test_a_question_of_stop_words_is_answered_by_sound(story: Reference) -> None:
    told = await tell(story, "What of them?")
    await tell(story, "Bread.")
    assert await heard(story, "what of them") == [told]
    assert await heard(story, "what of them", limit=0) == []
    assert await heard(story, "") == await heard(story, " \n") == []


@pytest.mark.parametrize(
    "query", ["lighthouses " * 170, 'AND (( * " lighthouses ~', "鍵はどこ lighthouses", "\ud800 \0 lighthouses"]
)
async def test_any_text_is_a_question(story: Reference, query: str) -> None:
    told = await tell(story, "The lightkeeper.")
    assert await heard(story, query) == [told]


async def test_the_last_turns_can_be_left_out(story: Reference) -> None:
    told = [await tell(story, f"The lightkeeper, {n}.") for n in range(4)]
    assert sorted(await heard(story, "lighthouses", skip=2)) == sorted(told[:2])


async def test_an_abandoned_moment_never_comes_back(story: Reference) -> None:
    first = await tell(story, "The lightkeeper.")
    gone = [await tell(story, "The lighthouse.") for _ in range(3)]
    await story.undo(3)
    assert await heard(story, "lighthouses") == [first]
    await tell(story, "Bread.")
    assert await heard(story, "lighthouses") == [first]
    await story.fork("other", gone[-1])
    await story.switch("other")
    assert set(await heard(story, "lighthouses")) == {first, *gone}


async def test_what_abandoned_moments_crowd_out_is_looked_for_more_widely(story: Reference) -> None:
    first = await tell(story, "The lightkeeper of the old stone pier.")
    for _ in range(NEAR + 6):
        await tell(story, "The lighthouses.")
    await story.undo(NEAR + 6)
    assert await heard(story, "lightship") == [first]


async def test_random_play_hears_ancestors_alone(story: Reference) -> None:
    chance = random.Random(11)
    for step in range(40):
        if chance.random() < 0.3:
            await story.undo(chance.randint(1, 4))
        elif chance.random() < 0.15:
            name = f"branch-{step}"
            await story.fork(name, chance.choice(list(story.told)))
            await story.switch(name)
        else:
            await tell(story, f"The light{chance.choice(['keeper', 'house', 'ship'])} {step}.")
        chain = {turn["turn_id"] for turn in story.chain(story.head)}
        found = await heard(story, "lights", limit=64)
        assert set(found) <= chain
        assert len(found) >= sum(1 for turn in story.chain(story.head) if "light" in turn["narration"])


async def test_two_tenants_with_the_same_ids_never_meet(memory: StoryMemory) -> None:
    session = new_scope().session
    one, two = (Reference(memory, Scope(new_scope().tenant, session)) for _ in range(2))
    for story, word in ((one, "lightkeeper"), (two, "bowl")):
        await story.begin()
        for n in range(3):
            await story.play(action="", narration=f"{word}.", turn_id=f"t{n}")
    assert {m["text"] for m in await one.recall("lighthouses", skip=0)} == {"lightkeeper."}
    assert await two.recall("lighthouses", skip=0) == []
    await memory.delete(one.scope)
    assert await one.recall("lighthouses", skip=0) == []
    await memory.delete(two.scope)


async def test_a_story_begun_without_an_embedder_goes_on_with_one(
    backend: str, embedder: Listening, opened: Opened
) -> None:
    async with opened(backend) as plain:
        await plain.setup()
        story = Reference(plain)
        await story.begin()
        old = await tell(story, "The lightkeeper hums.")
        assert await heard(story, "lighthouses") == []
    async with opened(backend, embedder) as hearing:
        await hearing.setup()
        story.memory = hearing
        assert await heard(story, "lighthouses") == [], "it has no vector: words alone find it"
        assert await heard(story, "who hums") == [old]
        new = await tell(story, "The lightship.")
        assert await heard(story, "lighthouses") == [new]
        assert await heard(story, "who hums in lighthouses") == [old, new]
    async with opened(backend) as plain:
        story.memory = plain
        assert await heard(story, "who hums in lighthouses") == [old]
        await plain.delete(story.scope)


@pytest.mark.parametrize("fault", [RuntimeError("the player's words"), TimeoutError()])
async def test_an_embedder_that_fails_costs_its_vectors_alone(
    story: Reference, embedder: Listening, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    before = await tell(story, "The lightkeeper.")
    embedder.fault = fault
    with caplog.at_level(logging.WARNING):
        told = await tell(story, "A lightship passes.")
        assert await heard(story, "who passes") == [told]
        assert await heard(story, "lighthouses") == []
    [line] = [record.getMessage() for record in caplog.records]
    assert type(fault).__name__ in line
    assert "player" not in line
    embedder.fault = None
    assert await heard(story, "lighthouses") == [before]


async def test_vectors_of_another_dimension_are_none(story: Reference, embedder: Listening) -> None:
    embedder.dimensions = 12
    told = await tell(story, "A lightship passes.")
    assert await heard(story, "who passes") == [told]
    embedder.dimensions = 384
    assert await heard(story, "lighthouses") == []


async def test_it_costs_no_statement_and_one_text_a_call(
    story: Reference, embedder: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(story, "The lightkeeper.")
    embedder.asked.clear()
    kind, asked = type(story.memory), list[str]()
    assert issubclass(kind, GraphMemory)
    original = kind._read

    async def counted(*args: object) -> object:
        asked.append(str(args[2]))
        return await original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "_read", counted)
    assert len(await heard(story, "lighthouses", limit=1)) == 1
    assert (len(asked), embedder.asked) == (1, ["lighthouses"])
    assert "$tenant" in asked[0]
