"""One random story, for tests that need some story and no shrinking: play, undo, fork, switch, each step judged."""

import random

from story_reference import Reference

from agents.story import Value, change


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
