"""Whatever is done with a graph, it goes on Redis as it goes in memory: state, history, tasks, errors.

uv run pytest tests/graphs/checkpoint/test_differential.py -s --differential-steps 20000
"""

import asyncio
from itertools import count
from typing import Any

import pytest
from drawn import Run, account, told
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from redis.asyncio import Redis

from graphs.checkpoint import RedisSaver

SHAPES = st.lists(
    st.lists(st.sampled_from(["say", "grow", "ask", "fail", "fan"]), min_size=1, max_size=3), min_size=1, max_size=4
)
STEPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(["hello", "", "ночь"])),
    st.tuples(st.just("answer"), st.sampled_from(["yes", "no"])),
    st.tuples(st.just("go on")),
    st.tuples(st.just("fail")),
    st.tuples(st.just("crash"), st.integers(1, 12)),
    st.tuples(st.just("replay"), st.integers(0, 30)),
    st.tuples(st.just("edit"), st.integers(0, 30)),
    st.tuples(st.just("restart")),
)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.timeout(3600)
async def test_a_graph_goes_as_in_memory(redis: Redis, request: pytest.FixtureRequest) -> None:
    """Step by step, until enough steps have been taken: half of the runs with everything kept, half under `keep`."""
    wanted = int(request.config.getoption("--differential-steps"))
    taken = count(1)
    done = 0

    async def compare(shape: Any, joined: bool, steps: Any, durability: str, keep: int | None) -> None:
        nonlocal done
        ours, theirs = Run(RedisSaver(redis, keep=keep), shape, joined), Run(InMemorySaver(), shape, joined)
        try:
            for step in [("say", "first"), *steps]:
                if step[0] == "restart":
                    ours.restart(RedisSaver(redis, keep=keep))
                    continue
                await both(ours, theirs, step, durability, keep)
                done = next(taken)
        finally:
            await ours.saver.adelete_thread(ours.thread)
        assert await redis.keys("*") == []

    while done < wanted:
        examples = max(5, (wanted - done) // 6)
        drawn = given(
            shape=SHAPES,
            joined=st.booleans(),
            steps=st.lists(STEPS, min_size=2, max_size=10),
            durability=st.sampled_from(["sync", "async", "exit"]),
            keep=st.sampled_from([None, None, 1, 3]),
        )
        budget = settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, phases=list(Phase))
        inner = budget(drawn(run_in(compare)))
        await run_in_thread(inner)
    print(f"{done} steps without a difference")


def run_in(compare: Any) -> Any:
    """Hypothesis drives plain functions: each example goes to the test's own loop."""

    def example(shape: Any, joined: bool, steps: Any, durability: str, keep: int | None) -> None:
        asyncio.run_coroutine_threadsafe(compare(shape, joined, steps, durability, keep), LOOPS[-1]).result()

    return example


LOOPS: list[Any] = []


async def run_in_thread(work: Any) -> None:
    LOOPS.append(asyncio.get_running_loop())
    try:
        await asyncio.to_thread(work)
    finally:
        LOOPS.pop()


async def both(ours: Run, theirs: Run, step: tuple[Any, ...], durability: str, keep: int | None) -> None:
    """The same step on both savers, and the same story afterwards."""
    if step[0] == "crash" and durability != "sync":
        step = ("say", "on")  # what is in the store when a process dies is a matter of time in the other modes
    mine = theirs_at = None
    if step[0] in ("replay", "edit"):
        past = await ours.history()
        if not past:
            return
        place = step[1] % len(past)
        mine, reference = past[place], await theirs.history()
        same = [shot for shot in reference if told(shot) == told(mine)]
        if keep is not None and len(same) > 1:
            return  # two that tell the same: which of them is meant cannot be said
        theirs_at = reference[place] if keep is None else same[0]
    first = await ours.do(step, durability, mine)
    assert first == await theirs.do(step, durability, theirs_at), step
    past, reference = await ours.history(), await theirs.history()
    if keep is None:
        assert account(past) == account(reference), step
        return
    assert [told(shot) for shot in past[:1]] == [told(shot) for shot in reference[:1]], step
    left = iter([told(shot) for shot in reference])
    assert all(told(shot) in left for shot in past), "what is kept is what was there, in the same order"


async def test_an_interrupted_run_is_resumed_by_another_process(redis: Redis) -> None:
    run = Run(RedisSaver(redis, keep=2))
    await run.do(("say", "first"), "sync")
    assert (await run.app.aget_state(run.config)).next == ("ask20",)
    run.restart(RedisSaver(redis, keep=2))
    await run.do(("answer", "yes"), "sync")
    state = await run.app.aget_state(run.config)
    assert state.next == ()
    assert "ask20 yes" in state.values["said"]


@pytest.mark.parametrize("durability", ["sync", "async"])
@pytest.mark.parametrize("keep", [None, 5])
async def test_an_old_interrupt_that_is_answered_later_keeps_its_answer(
    redis: Redis, keep: int | None, durability: str
) -> None:
    """What a task of an old checkpoint wrote stays with it: a fork takes its place nowhere."""
    told_of: list[Any] = []
    for saver in (RedisSaver(redis, keep=keep), InMemorySaver()):
        run = Run(saver, (("say",), ("ask",)))
        await run.do(("say", "one"), durability)
        old = await run.app.aget_state(run.config)
        await run.do(("say", "another"), durability)
        await run.do(("answer", "late"), durability, old)
        told_of.append(told(await run.app.aget_state(old.config)))
    assert told_of[0][-1][0][-1] == {"said": ["ask10 late"]}
    assert told_of[0] == told_of[1]


@pytest.mark.parametrize("keep", [None, 2])
async def test_what_succeeded_beside_a_failure_is_not_run_again(redis: Redis, keep: int | None) -> None:
    """`fan` succeeds while `fail` fails: its writes wait in the store, and only `fail` runs on resumption."""
    run = Run(RedisSaver(redis, keep=keep))
    assert "Fault" in await run.do(("fail",), "sync")
    run.restart(RedisSaver(redis, keep=keep))
    run.ran.clear()
    await run.do(("go on",), "sync")
    assert "fail11" in run.ran
    assert "fan10" not in run.ran
    said = (await run.app.aget_state(run.config)).values["said"]
    assert [said.count(once) for once in ("fan10 1", "fail11 1")] == [1, 1]
