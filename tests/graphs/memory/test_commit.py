"""What every story memory promises of commits and branches, on every backend."""

import asyncio

import pytest
from story_reference import Reference, new_turn, take

from agents.errors import (
    Conflict,
    HeadMoved,
    InvalidInput,
    UnknownBranch,
    UnknownTurn,
)
from agents.story import Heard
from graphs.memory import Branch, Commit, Scope


class TestCommit:
    async def test_a_turn_comes_back_as_it_went_in(self, story: Reference) -> None:
        nasty = "“Quotes” 'and' \"more\" \\ back\\n $x {curly} `tick` 😀 鍵 \u2028 \0 \ud800 ünï"
        turn = await story.play(
            take("hand"), action=nasty, narration=nasty * 20, choices=[{"text": nasty, "label": ""}]
        )
        assert await story.memory.turn(story.scope, turn["turn_id"]) == turn
        place = await story.memory.position(story.scope)
        assert (place["choices"], place["focus"], place["line"]) == ([nasty], ["lamp"], "line-0")
        assert len(place["exchanges"][0]["narration"]) <= 604

    async def test_it_moves_head_and_the_time_of_play(self, story: Reference) -> None:
        turn = await story.play(take("hand"))
        await story.check()
        assert (await story.memory.session(story.scope))["played"] == turn["at"]

    async def test_the_same_turn_again_is_the_stored_one(self, story: Reference) -> None:
        first = await story.play(take("hand"))
        changed = {**first, "narration": "Something else."}
        commit = Commit(changed, [], [])  # pyright: ignore[reportArgumentType]
        assert await story.memory.commit(story.scope, commit) == first
        await story.play()
        assert await story.memory.commit(story.scope, commit) == first
        await story.undo(2)
        assert await story.memory.commit(story.scope, commit) == first
        await story.check()
        assert story.head == "root"

    async def test_a_moved_head_is_a_conflict(self, story: Reference) -> None:
        await story.play()
        with pytest.raises(HeadMoved):
            await story.memory.commit(story.scope, Commit(new_turn(story.scope, 1, "root"), [], []))
        with pytest.raises(InvalidInput):
            await story.memory.commit(story.scope, Commit(new_turn(story.scope, 5, story.head), [], []))
        with pytest.raises(UnknownBranch):
            await story.memory.commit(story.scope, Commit(new_turn(story.scope, 2, story.head, branch="no"), [], []))
        await story.check()

    async def test_a_line_is_never_two(self, story: Reference) -> None:
        """A turn that was begun before its branch went on and came back would be a second one of its line."""
        await story.play(marker="first")
        late = await story.draft(marker="late")
        await story.play(marker="second")
        await story.undo(1)
        with pytest.raises(HeadMoved):
            await story.memory.commit(story.scope, late)
        turn = await story.play(marker="third")
        assert turn["line"] != late.turn["line"]
        assert await story.recall("second late", skip=0) == []
        await story.check()

    async def test_of_twenty_writers_exactly_one_wins(self, story: Reference) -> None:
        for number in range(1, 4):
            turns = [new_turn(story.scope, number, story.head, action=f"writer {n}") for n in range(20)]
            commits = [story.memory.commit(story.scope, Commit(turn, [], [])) for turn in turns]
            ended = await asyncio.gather(*commits, return_exceptions=True)
            won = [turn for turn in ended if isinstance(turn, dict)]
            assert len(won) == 1
            assert sum(isinstance(turn, HeadMoved) for turn in ended) == 19
            story.told[won[0]["turn_id"]] = won[0]
            story.heads["main"] = won[0]["turn_id"]
            await story.check()

    async def test_twenty_writers_of_one_turn_write_it_once(self, story: Reference) -> None:
        turn = new_turn(story.scope, 1, "root")
        nodes = await story.memory.count(story.scope)
        commits = [story.memory.commit(story.scope, Commit(turn, [], [])) for _ in range(20)]
        assert all(stored == turn for stored in await asyncio.gather(*commits))
        assert await story.memory.count(story.scope) == nodes + 2

    async def test_twenty_writers_on_twenty_branches_all_land(self, story: Reference) -> None:
        for n in range(20):
            await story.fork(f"branch-{n}", "root")
        turns = [new_turn(story.scope, 1, "root", branch=f"branch-{n}") for n in range(20)]
        commits = [story.memory.commit(story.scope, Commit(turn, [], [])) for turn in turns]
        assert await asyncio.gather(*commits) == turns
        assert {b["number"] for b in await story.memory.branches(story.scope) if b["name"] != "main"} == {1}

    async def test_a_turn_beside_the_story_moves_no_head(self, story: Reference) -> None:
        await story.play(take("hand"), marker="alpha")
        aside = new_turn(story.scope, 2, story.head, kind="crisis", action="zebra", changes=[take("sea")])
        commit = Commit(aside, [], ["The zebra spoke."], risk="crisis", paused=True)
        assert await story.memory.commit(story.scope, commit) == aside
        assert await story.memory.commit(story.scope, commit) == aside
        await story.check()
        place = await story.memory.position(story.scope)
        assert (place["risk"], place["paused"]) == ("crisis", True)
        assert await story.memory.turn(story.scope, aside["turn_id"]) == aside
        assert await story.recall("zebra", skip=0) == []
        assert await story.memory.slots_at(story.scope, aside["turn_id"]) == story.slots(story.head)
        await story.memory.put_trace(story.scope, aside["turn_id"], [{"node": "crisis"}])
        assert await story.memory.trace(story.scope, aside["turn_id"]) == [{"node": "crisis"}]

    async def test_a_crisis_is_kept_even_if_head_moved(self, story: Reference) -> None:
        await story.play()
        late = new_turn(story.scope, 1, "root", kind="crisis")
        lost = new_turn(story.scope, 9, "never-was", kind="crisis", branch="nor-this")
        for aside in (late, lost):
            assert await story.memory.commit(story.scope, Commit(aside, [], [], risk="crisis")) == aside
        await story.check()

    async def test_risk_only_rises_and_undo_does_not_touch_it(self, story: Reference) -> None:
        for risk, after in (
            ("check_in", "check_in"),
            ("none", "check_in"),
            ("crisis", "crisis"),
            ("check_in", "crisis"),
        ):
            aside = new_turn(story.scope, 1, "root", kind="check_in")
            await story.memory.commit(story.scope, Commit(aside, [], [], risk=risk))  # pyright: ignore[reportArgumentType]
            assert (await story.memory.session(story.scope))["risk"] == after
        await story.play()
        await story.undo(1)
        assert (await story.memory.session(story.scope))["risk"] == "crisis"

    async def test_what_was_heard_stays_with_the_session_on_every_branch(self, story: Reference) -> None:
        heard: list[Heard] = [{"text": "Nobody is at home — 家 \ud800", "age": 3}]
        kept: list[Heard] = [{"text": "Nobody is at home — 家 \ud800", "age": 3}]
        first = new_turn(story.scope, 1, "root", line="line-0")
        await story.memory.commit(story.scope, Commit(first, [], [], heard=heard))
        aside = new_turn(story.scope, 1, first["turn_id"], kind="check_in")
        await story.memory.commit(story.scope, Commit(aside, [], []))  # says nothing of it
        await story.memory.move_head(story.scope, "main", back=1)
        await story.memory.create_branch(story.scope, "other", "root")
        await story.memory.switch(story.scope, "other")
        assert (await story.memory.position(story.scope))["heard"] == kept
        await story.memory.commit(
            story.scope, Commit(new_turn(story.scope, 1, "root", kind="crisis"), [], [], heard=[])
        )
        assert (await story.memory.position(story.scope, "main"))["heard"] == []

    async def test_a_turn_too_large_is_refused_whole(self, story: Reference) -> None:
        turn = new_turn(story.scope, 1, "root", narration="x" * 65_536)
        with pytest.raises(InvalidInput, match="too large"):
            await story.memory.commit(story.scope, Commit(turn, [], []))
        with pytest.raises(InvalidInput, match="moments"):
            await story.memory.commit(story.scope, Commit(new_turn(story.scope, 1, "root"), [], ["m"] * 5))
        await story.check()
        large = await story.play(narration="y" * 60_000)
        assert await story.memory.turn(story.scope, large["turn_id"]) == large


class TestBranches:
    async def test_head_that_went_back_can_be_put_back(self, story: Reference) -> None:
        for _ in range(2):
            await story.play()
        memory, scope = story.memory, story.scope
        before = await memory.position(scope)
        assert not await memory.restore_head(scope, "main", before["head"]), "it is there already"
        await memory.move_head(scope, "main", back=1)
        assert not await memory.restore_head(scope, "main", "nothing")
        assert await memory.restore_head(scope, "main", before["head"])
        assert await memory.position(scope) == before
        await memory.move_head(scope, "main", back=2)
        assert not await memory.restore_head(scope, "main", before["head"]), "HEAD is not its parent"

    async def test_undo_goes_back_and_at_most_to_the_root(self, story: Reference) -> None:
        for n in range(5):
            await story.play(take(f"place-{n}"))
        await story.undo(0)
        assert (await story.memory.position(story.scope))["line"] == "line-0"
        await story.undo(2)
        assert (await story.memory.position(story.scope))["line"] == ""
        await story.check()
        turn = await story.play(take("elsewhere"))
        assert turn["line"] == "line-1"
        assert (await story.memory.position(story.scope))["line"] == "line-1"
        await story.check()
        await story.undo(99)
        await story.check()
        assert story.head == "root"
        with pytest.raises(InvalidInput):
            await story.memory.move_head(story.scope, "main", back=-1)

    async def test_branches_grow_apart(self, story: Reference) -> None:
        turns = [await story.play(take(f"place-{n}")) for n in range(4)]
        await story.fork("early", turns[1]["turn_id"])
        branch = await story.memory.create_branch(story.scope, "here")
        assert (branch["head"], branch["number"], branch["line"], branch["active"]) == (story.head, 4, "", False)
        story.heads["here"] = story.head
        await story.switch("early")
        await story.play(take("attic"))
        await story.check()
        await story.switch("main")
        await story.play(take("cellar"))
        await story.check()
        listed = {b["name"]: (b["head"], b["active"]) for b in await story.memory.branches(story.scope)}
        assert listed == {name: (head, name == "main") for name, head in story.heads.items()}
        assert (await story.memory.session(story.scope))["branch"] == "main"

    async def test_a_name_is_given_once(self, story: Reference) -> None:
        await story.fork("mine", "root")
        for name in ("mine", "main"):
            with pytest.raises(Conflict):
                await story.memory.create_branch(story.scope, name)
        with pytest.raises(UnknownTurn):
            await story.memory.create_branch(story.scope, "other", "nothing")
        with pytest.raises(InvalidInput):
            await story.memory.create_branch(story.scope, "")
        made = await asyncio.gather(
            *(story.memory.create_branch(story.scope, "one") for _ in range(10)), return_exceptions=True
        )
        assert sum(isinstance(branch, dict) for branch in made) == 1

    async def test_a_branch_that_is_switched_to_meanwhile_keeps_its_name(
        self, story: Reference, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await story.fork("other", "root")
        memory, listed = story.memory, story.memory.branches
        stale = [await listed(story.scope)]
        await story.switch("other")

        async def late(scope: Scope) -> list[Branch]:
            return stale.pop() if stale else await listed(scope)

        monkeypatch.setattr(memory, "branches", late)
        with pytest.raises(Conflict):
            await memory.delete_branch(story.scope, "other")
        await story.check()

    async def test_a_turn_beside_the_story_is_no_place_to_fork(self, story: Reference) -> None:
        aside = new_turn(story.scope, 1, "root", kind="refused")
        await story.memory.commit(story.scope, Commit(aside, [], []))
        with pytest.raises(UnknownTurn):
            await story.memory.create_branch(story.scope, "other", aside["turn_id"])
