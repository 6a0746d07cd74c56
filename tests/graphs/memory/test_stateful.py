"""Whatever is done with a story, memory says what a plain list of all that ever happened says, after every step.

uv run pytest tests/graphs/memory/test_stateful.py -s --memory-steps 100000 --neo4j-steps 10000 --memory-seed 1
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from story_reference import Reference, new_turn

from agents.errors import HeadMoved, InvalidInput, StoreUnavailable, StoryError, UnknownBranch
from agents.story import Change, Turn, change
from graphs.memory import KEYFRAME, Commit, StoryMemory

RUN = 50
"""Most steps of one story."""

CHANGES = st.lists(
    st.builds(
        lambda subject, value: change(subject, "in", value, "chance"),
        st.sampled_from("abcdef"),
        st.sampled_from([None, True, False, 1, 0, "hall", "sea"]),
    ),
    max_size=4,
)
ANY = st.integers(0, 10_000)
"""Picks one of however many there are."""


class Play(RuleBasedStateMachine):
    """One random story. Every turn says a marker word of its own, so that each can be asked for."""

    memory: ClassVar[StoryMemory]
    loop: ClassVar[asyncio.AbstractEventLoop]
    taken: ClassVar[int] = 0
    deep: ClassVar[int] = 0
    """Of the steps taken those beyond a keyframe."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Reference(self.memory, reminded=True)
        self.markers: dict[str, str] = {}
        self.pending: list[Commit] = []
        self.run(self.story.begin())

    def teardown(self) -> None:
        self.run(self.memory.delete(self.story.scope))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def step(self, work: Coroutine[Any, Any, Any]) -> None:
        self.run(work)
        self.run(self.story.check())
        Play.taken += 1
        Play.deep += len(self.story.chain(self.story.head)) > KEYFRAME

    def marker(self) -> str:
        return f"marker{len(self.markers)}"

    @rule(changes=CHANGES, times=st.sampled_from([1, 2, 9, KEYFRAME + 1]))
    def play(self, changes: list[Change], times: int) -> None:
        async def work() -> None:
            for _ in range(times):
                marker = self.marker()
                self.markers[(await self.story.play(*changes, marker=marker))["turn_id"]] = marker

        self.step(work())

    @rule(kind=st.sampled_from(["crisis", "check_in", "refused"]))
    def aside(self, kind: str) -> None:
        async def work() -> None:
            turn = new_turn(self.story.scope, 1, self.story.head, kind=kind, branch=self.story.active)
            await self.memory.commit(self.story.scope, Commit(turn, [], [self.marker()]))

        self.step(work())

    @rule(back=st.sampled_from([0, 1, 1, 2, 5, 40]))
    def undo(self, back: int) -> None:
        self.step(self.story.undo(back))

    @precondition(lambda self: self.story.head != "root")
    @rule(changes=CHANGES)
    def retry(self, changes: list[Change]) -> None:
        """The same action once more on the parent; the first attempt stays where it was."""

        async def work() -> None:
            first = self.story.head
            await self.story.undo(1)
            turn = await self.story.play(*changes, marker=self.marker())
            self.markers[turn["turn_id"]] = self.marker()
            assert await self.memory.turn(self.story.scope, first) == self.story.told[first]
            assert turn["parent"] == self.story.told[first]["parent"]

        self.step(work())

    @precondition(lambda self: self.story.head != "root")
    @rule(pick=ANY)
    def attempt(self, pick: int) -> None:
        """HEAD goes to any turn that was ever played on the same parent."""

        async def work() -> None:
            told = self.story.told
            tried = [key for key in told if told[key]["parent"] == told[self.story.head]["parent"]]
            found = await self.memory.attempts(self.story.scope, self.story.head)
            assert {turn["turn_id"] for turn in found} == set(tried[-50:])
            chosen = tried[pick % len(tried)]
            if chosen != self.story.head:
                self.story.heads[self.story.active], self.story.on[self.story.active] = chosen, ""
            assert (await self.memory.take_attempt(self.story.scope, self.story.active, chosen))["head"] == chosen

        self.step(work())

    @rule(pick=ANY)
    def close_chapters(self, pick: int) -> None:
        """Some of what is open on this line, oldest first."""

        async def work() -> None:
            opened = await self.memory.open_chapters(self.story.scope)
            for turn_id in opened[: pick % 3]:
                await self.story.close(turn_id)
            await self.story.check_chapters()

        self.step(work())

    @rule(pick=ANY)
    def fork(self, pick: int) -> None:
        told = list(self.story.told)
        self.step(self.story.fork(f"branch-{self.taken}-{len(told)}", told[pick % len(told)]))

    @rule(pick=ANY)
    def switch(self, pick: int) -> None:
        names = list(self.story.heads)
        self.step(self.story.switch(names[pick % len(names)]))

    @precondition(lambda self: len(self.story.heads) > 1)
    @rule(pick=ANY)
    def delete_branch(self, pick: int) -> None:
        names = [name for name in self.story.heads if name != self.story.active]
        self.step(self.story.delete_branch(names[pick % len(names)]))

    @rule(changes=CHANGES, arrives=st.booleans())
    def crash(self, changes: list[Change], arrives: bool) -> None:
        """The connection is lost in a commit, before or after the server has done it; nobody knows which."""

        async def work() -> None:
            commit = await self.story.draft(*changes, marker=(marker := self.marker()))
            with pytest.raises(StoreUnavailable):
                await self._cut_off(commit, arrives=arrives)
            if arrives:
                self.story.land(commit.turn)
            self.markers[commit.turn["turn_id"]] = marker
            self.pending.append(commit)

        self.step(work())

    async def _cut_off(self, commit: Commit, *, arrives: bool) -> None:
        memory: Any = self.memory
        write = memory._write

        async def cut(*asked: Any) -> Any:
            if arrives:
                await write(*asked)
            raise StoreUnavailable("cut off")

        memory._write = cut
        try:
            await self.memory.commit(self.story.scope, commit)
        finally:
            del memory._write

    @precondition(lambda self: self.pending)
    @rule(pick=ANY)
    def resume(self, pick: int) -> None:
        """The commit once more, whatever was done meanwhile: it is there, or it follows HEAD, or HEAD has moved."""
        commit = self.pending[pick % len(self.pending)]
        turn = commit.turn

        async def work() -> None:
            head = self.story.heads.get(turn["branch"])
            wrong: type[StoryError] | tuple[type[StoryError], ...] = ()
            if turn["turn_id"] not in self.story.told:
                wrong = UnknownBranch if head is None else () if self._follows(turn) else (HeadMoved, InvalidInput)
            if wrong:
                with pytest.raises(wrong):
                    await self.memory.commit(self.story.scope, commit)
                return
            assert await self.memory.commit(self.story.scope, commit) == turn
            if turn["turn_id"] not in self.story.told:
                self.story.land(turn)

        self.step(work())

    def _follows(self, turn: Turn) -> bool:
        """Whether the turn may be committed: its branch is where it was, and has not been elsewhere meanwhile."""
        parent = self.story.told[turn["parent"]]
        same_line = self.story.on[turn["branch"]] == turn["line"] or parent["line"] != turn["line"]
        return self.story.heads[turn["branch"]] == turn["parent"] and same_line

    @precondition(lambda self: self.markers)
    @rule(pick=ANY)
    def recall(self, pick: int) -> None:
        """Some turn's marker word finds it and the turn after, if HEAD descends from them and they are not its last three."""
        turn_id = list(self.markers)[pick % len(self.markers)]

        async def work() -> None:
            found = [moment["turn_id"] for moment in await self.story.recall(self.markers[turn_id])]
            chain = [turn["turn_id"] for turn in self.story.chain(self.story.head)[1:]]
            at = chain.index(turn_id) if turn_id in chain else len(chain)
            assert found == chain[:-3][at : at + 2]

        self.step(work())

    @rule(pick=ANY)
    def look_back(self, pick: int) -> None:
        """The facts at some turn of this branch, the turns before it, and the world at any turn of any branch."""
        told, chain = list(self.story.told), self.story.chain(self.story.head)
        turn_id, at = told[pick % len(told)], pick % len(chain)

        async def work() -> None:
            assert await self.memory.slots_at(self.story.scope, turn_id) == self.story.slots(turn_id)
            await self.story.check_facts(at)
            turns = await self.memory.turns(self.story.scope, before=at, limit=5)
            assert turns == chain[1:at][::-1][:5]

        self.step(work())

    @rule()
    def list_branches(self) -> None:
        async def work() -> None:
            listed = {b["name"]: (b["head"], b["active"]) for b in await self.memory.branches(self.story.scope)}
            assert listed == {name: (head, name == self.story.active) for name, head in self.story.heads.items()}

        self.step(work())


@pytest.mark.timeout(36_000)
async def test_memory_agrees_with_a_plain_list(memory: StoryMemory, request: pytest.FixtureRequest) -> None:
    # A sealed store differs where statements leave and come back: the shorter run is enough.
    plain: Any = "Falkor" in type(memory).__name__ and not getattr(memory, "_seal").key  # noqa: B009
    wanted = int(request.config.getoption("--memory-steps" if plain else "--neo4j-steps"))
    first = int(request.config.getoption("--memory-seed"))
    Play.memory, Play.loop, Play.taken, batch = memory, asyncio.get_running_loop(), 0, 0
    Play.deep = 0
    budget = settings(
        max_examples=20, stateful_step_count=RUN, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    with ThreadPoolExecutor(1) as thread:
        while Play.taken < wanted:
            # A class of its own, since the seed is kept with the class.
            machine = seed(first + batch)(type("Play", (Play,), {}))
            run = partial(run_state_machine_as_test, machine, settings=budget)
            await Play.loop.run_in_executor(thread, run)
            batch += 1
    assert Play.deep > wanted // 20, "most stories ended before their first keyframe"
    seeds = f"seeds {first} to {first + batch - 1}"
    print(
        f"\n{type(memory).__name__}: {Play.taken} steps without a difference ({Play.deep} beyond a keyframe), {seeds}"
    )
