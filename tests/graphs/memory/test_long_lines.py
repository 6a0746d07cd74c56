"""Two shapes of story that are hard on the lists which find ancestors: many short lines, and many turns."""

from story_reference import Reference

from agents.story import change
from graphs.memory import StoryMemory, open_falkordb


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
