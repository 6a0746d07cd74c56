"""Random play, undo, retry, fork and switch, judged by the naive reference after every step."""

import os
import random

import pytest
from story_reference import Reference

from agents.story import Value, change
from graphs.memory import StoryMemory, open_falkordb

STEPS = int(os.environ.get("TTA_RANDOM_STEPS", "150"))
SEED = int(os.environ.get("TTA_RANDOM_SEED", "0"))


class Walk:
    """One random story. Every turn says a marker word of its own, so that each can be asked for."""

    def __init__(self, story: Reference, seed: int) -> None:
        self.story = story
        self.chance = random.Random(seed)
        self.markers: dict[str, str] = {}

    async def step(self) -> None:
        move = self.chance.choice([self.play] * 6 + [self.undo, self.undo, self.fork, self.switch, self.look_back])
        await move()
        await self.story.check()
        await self.ask()

    async def play(self) -> None:
        for _ in range(self.chance.choice((1, 1, 2, 9))):
            values: list[Value] = [None, True, False, 1, 0, "hall", "sea"]
            changes = [
                change(self.chance.choice("abcdef"), "in", self.chance.choice(values), "chance")
                for _ in range(self.chance.randrange(4))
            ]
            marker = f"marker{len(self.markers)}"
            self.markers[(await self.story.play(*changes, marker=marker))["turn_id"]] = marker

    async def undo(self) -> None:
        await self.story.undo(self.chance.choice((0, 1, 1, 2, 5, 40)))

    async def fork(self) -> None:
        await self.story.fork(f"branch-{len(self.story.heads)}", self.chance.choice(list(self.story.told)))

    async def switch(self) -> None:
        await self.story.switch(self.chance.choice(list(self.story.heads)))

    async def look_back(self) -> None:
        turn_id = self.chance.choice(list(self.story.told))
        assert await self.story.memory.slots_at(self.story.scope, turn_id) == self.story.slots(turn_id)
        chain = self.story.chain(self.story.head)
        at = self.chance.randrange(len(chain))
        await self.story.check_facts(at)
        turns = await self.story.memory.turns(self.story.scope, before=at, limit=5)
        assert turns == chain[1:at][::-1][:5]

    async def ask(self) -> None:
        """Some turn's marker word: found if HEAD descends from it and it is not among the last three, else never."""
        if not self.markers:
            return
        turn_id = self.chance.choice(list(self.markers))
        found = [moment["turn_id"] for moment in await self.story.recall(self.markers[turn_id])]
        chain = [turn["turn_id"] for turn in self.story.chain(self.story.head)[1:]]
        assert found == ([turn_id] if turn_id in chain[:-3] else [])


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
async def test_memory_agrees_with_a_plain_list(memory: StoryMemory, seed: int) -> None:
    story = Reference(memory)
    await story.begin()
    walk = Walk(story, seed)
    for _ in range(STEPS if "Falkor" in type(memory).__name__ else STEPS // 3):
        await walk.step()
    for turn_id in story.told:
        assert await memory.turn(story.scope, turn_id) == {**story.told[turn_id]}
    assert {b["name"]: b["head"] for b in await memory.branches(story.scope)} == story.heads
    assert await memory.delete(story.scope) > len(story.told)


async def test_play_two_undo_one_for_ever_remembers_only_the_path(memory: StoryMemory) -> None:
    story = Reference(memory)
    await story.begin()
    depth = 80 if "Falkor" in type(memory).__name__ else 40
    for n in range(depth):
        await story.play(change("lamp", "in", f"kept-{n}", "x"), marker=f"kept{n}")
        await story.play(change("lamp", "in", f"lost-{n}", "x"), marker=f"lost{n}")
        await story.undo(1)
    await story.check()
    assert len({turn["line"] for turn in story.chain(story.head)}) == depth
    for n in range(0, depth - 3, 7):
        assert [m["number"] for m in await story.recall(f"kept{n} lost{n} lost{n + 1}")] == [n + 1]
    await memory.delete(story.scope)


async def test_a_block_of_a_thousand_turns_ends_where_it_should(embedded_socket: str) -> None:
    async with open_falkordb(embedded_socket) as memory:
        await memory.setup()
        story = Reference(memory)
        await story.begin()
        for n in range(1, 1022):
            turn = await story.play(change("clock", "at", n, "x"), marker=f"marker{n}")
        await story.fork("other", turn["turn_id"])
        for name, last in (("other", 1100), ("main", 1060)):
            await story.switch(name)
            for n in range(1022, last):
                await story.play(change("clock", "at", n, "x"), marker=f"{name}{n}")
            chain = story.chain(story.head)
            for number in (1, 31, 32, 33, 991, 992, 993, 1023, 1024, 1025, 1040, 1056):
                word = f"marker{number}" if number < 1022 else f"{name}{number}"
                assert [m["turn_id"] for m in await story.recall(word, skip=0)] == [chain[number]["turn_id"]]
                assert await memory.turns(story.scope, before=number + 1, limit=1) == [chain[number]]
                assert (await memory.facts(story.scope, at=number, about="clock"))[0]["value"] == number
        assert await story.recall("other1022 other1024 other1057", skip=0) == []
        await story.undo(1059)
        assert story.head == "root"
        await memory.delete(story.scope)
