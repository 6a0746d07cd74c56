"""Who writes a chapter, what it may cost, and that a long story costs per turn what a short one does."""

import asyncio
import json
import random
from collections import Counter
from typing import Any

import pytest
from cottage import COTTAGE, begun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from agents.models.offline import OfflineStoryteller
from agents.narrative.summarise import Stretch, extract
from agents.story import Turn, Value, apply_changes
from graphs.engine import StoryEngine
from graphs.memory import KEYFRAME
from graphs.memory.graph import GraphMemory

GOOD = {"summary": "You looked about the kitchen.", "story_so_far": "You came to the kitchen."}


class Chronicler(OfflineStoryteller):
    """Tells turns as `offline` does, and chapters as it is told to."""

    chapter: str = json.dumps(GOOD)
    hang: bool = False
    asked: list[str] = []  # noqa: RUF012 - pydantic copies it
    prompts: list[str] = []  # noqa: RUF012

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked.append("\n".join(str(message.text) for message in messages))
        if self.hang:
            await asyncio.sleep(3600)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.chapter))])

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        self.prompts.append("\n".join(str(message.text) for message in messages))
        async for chunk in super()._astream(messages, *args, **kwargs):
            yield chunk


async def told_by(engine: StoryEngine, model: Chronicler, session: str = "s") -> str:
    engine.use_model("fake:one", model)
    return await begun(engine, session, model="fake:one")


async def play(engine: StoryEngine, session: str, count: int) -> None:
    for n in range(count):
        await engine.act(session, ("look", "wait", "inventory")[n % 3])


async def settled(engine: StoryEngine, session: str) -> None:
    await engine._chapters.wait(engine.scope(session), 60)  # pyright: ignore[reportPrivateUsage]


async def test_the_sessions_model_writes_the_chapter_and_the_narrator_reads_it(engine: StoryEngine) -> None:
    model = Chronicler()
    session = await told_by(engine, model)
    await play(engine, session, KEYFRAME)
    await settled(engine, session)
    (chapter,) = await engine.chapters(session)
    assert (chapter["text"], chapter["so_far"]) == (GOOD["summary"], GOOD["story_so_far"])
    assert (chapter["source"], chapter["model"], chapter["usage"]["calls"]) == ("model", "fake:one", 1)
    assert GOOD["story_so_far"] not in model.prompts[-1]
    await engine.act(session, "look")
    assert GOOD["story_so_far"] in model.prompts[-1]
    assert (await engine.recap(session)).startswith(f"The story so far: {GOOD['story_so_far']}")


@pytest.mark.parametrize("answer", ["not json", '{"summary": "Help is on its way to you.", "story_so_far": ""}', ""])
async def test_an_unfit_answer_costs_the_player_nothing(engine: StoryEngine, answer: str) -> None:
    session = await told_by(engine, Chronicler(chapter=answer))
    await play(engine, session, KEYFRAME)
    await settled(engine, session)
    (chapter,) = await engine.chapters(session)
    assert (chapter["source"], chapter["usage"]["calls"]) == ("extract", 1)
    assert "on its way" not in str(chapter)


async def test_a_model_that_hangs_is_in_nobodys_way(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphs.chapters.CLOSE_S", 0.1)
    monkeypatch.setattr("graphs.playing.RECAP_WAIT_S", 0.1)
    session = await told_by(engine, Chronicler(hang=True))
    await play(engine, session, KEYFRAME + 2)
    assert (await engine.position(session))["number"] == KEYFRAME + 2
    assert "You are in the kitchen." in await engine.recap(session)
    await asyncio.wait_for(engine._chapters.close(), 60)  # pyright: ignore[reportPrivateUsage]
    assert await engine.chapters(session) == []


async def test_deleting_a_session_ends_what_is_written_about_it(engine: StoryEngine) -> None:
    session = await told_by(engine, Chronicler(hang=True))
    await play(engine, session, KEYFRAME)
    running = list(engine._chapters._tasks.values())  # pyright: ignore[reportPrivateUsage]
    assert [task.done() for task in running] == [False]
    await engine.delete(session)
    assert [task.cancelled() for task in running] == [True]


async def test_a_story_that_catches_up_asks_the_model_for_the_newest_chapters_only(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Chronicler()
    session = await told_by(engine, model)
    with monkeypatch.context() as patched:
        patched.setattr(engine._chapters, "begin", lambda *_: None)  # pyright: ignore[reportPrivateUsage]
        await play(engine, session, 4 * KEYFRAME)
    await engine.recap(session)
    await settled(engine, session)
    assert [chapter["source"] for chapter in await engine.chapters(session)] == ["model", "model", "extract", "extract"]
    assert len(model.asked) == 2


async def test_a_turn_costs_the_same_statements_however_long_the_story(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()
    for name in ("_read", "_write"):
        original = getattr(type(engine.memory), name)

        async def counted(*args: Any, name: str = name, original: Any = original) -> Any:
            asked[name] += 1
            return await original(*args)

        monkeypatch.setattr(type(engine.memory), name, counted)
    assert isinstance(engine.memory, GraphMemory)
    session = await begun(engine)
    costs: list[tuple[int, int]] = []
    for _ in range(4 * KEYFRAME + 3):
        asked.clear()
        await engine.act(session, "look")
        await settled(engine, session)
        costs.append((asked["_read"], asked["_write"]))
    ends = costs[KEYFRAME - 1 :: KEYFRAME]
    plain = [
        cost for number, cost in enumerate(costs, 1) if number % KEYFRAME and number > 1
    ]  # the first reads the world
    assert len(set(plain)) == 1, plain
    assert set(ends) == {(plain[0][0] + 4, plain[0][1] + 1)}, "a keyframe's own read, and what a chapter is made of"


class Walk:
    """Random play, undo, fork and switch; what chapters say is compared with what the branch's own turns say."""

    ACTIONS = ("take lamp", "drop lamp", "north", "south", "take stone", "talk to maren", "give stone to maren", "take small key",
               "drop small key", "take large key", "ask maren about the bell", "look", "wait")  # fmt: skip

    def __init__(self, engine: StoryEngine, session: str) -> None:
        self.engine, self.session, self.chance, self.played = engine, session, random.Random(11), 0

    async def move(self) -> None:
        for _ in range(self.chance.choice((12, 34, 40)) if self.played else 70):
            self.played += 1
            await self.engine.act(self.session, self.chance.choice(self.ACTIONS))
        match self.chance.randrange(4):
            case 0 | 1:
                await self.engine.undo(self.session, self.chance.choice((2, 9, 30)))
            case 2:
                number = (await self.engine.position(self.session))["number"]
                name = f"b{len(await self.engine.branches(self.session))}"
                await self.engine.fork(self.session, name, at=self.chance.randrange(number // 2, number + 1))
            case _:
                names = [branch["name"] for branch in await self.engine.branches(self.session)]
                await self.engine.switch(self.session, self.chance.choice(names))

    async def check(self) -> int:
        """How many chapters there were to compare."""
        await self.engine.recap(self.session)
        await settled(self.engine, self.session)
        turns = (await self.engine.turns(self.session, limit=10_000))[::-1]
        slots = await self.engine.memory.slots_at(self.engine.scope(self.session), "root")
        chapters = (await self.engine.chapters(self.session))[::-1]
        assert [chapter["last"] for chapter in chapters] == list(range(KEYFRAME, len(turns) + 1, KEYFRAME))
        so_far = ""
        for chapter in chapters:
            own = turns[chapter["first"] - 1 : chapter["last"]]
            expected = await self.expected(chapter["number"], own, slots, so_far)
            assert (chapter["turn_id"], chapter["text"], chapter["so_far"]) == (own[-1]["turn_id"], *expected)
            for turn in own:
                slots = apply_changes(slots, turn["changes"])
            so_far = chapter["so_far"]
        return len(chapters)

    async def expected(self, number: int, own: list[Turn], slots: dict[str, Value], so_far: str) -> tuple[str, str]:
        after = slots
        for turn in own:
            after = apply_changes(after, turn["changes"])
        moments = (await self.engine.memory.open_chapter(self.engine.scope(self.session), own[-1]["turn_id"]))[
            "moments"
        ]
        assert moments.keys() <= {turn["turn_id"] for turn in own}
        world = await self.engine.world(self.session)
        made = extract(Stretch(world, number, own, moments, slots, after, so_far))
        return made.text, made.so_far


async def test_random_play_is_told_from_its_own_turns_alone(engine: StoryEngine) -> None:
    session = (await engine.create(COTTAGE, session="walk", seed=1))["session"]
    walk, compared = Walk(engine, session), 0
    for _ in range(9):
        await walk.move()
        compared += await walk.check()
    assert compared > 10
