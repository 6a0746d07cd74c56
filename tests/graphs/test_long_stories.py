"""Stories as a whole: long ones, retried ones, deleted ones, those of other tenants."""

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cottage import begun
from fakes import ScriptedModel
from redis.exceptions import ConnectionError as RedisConnectionError

from agents.errors import (
    Conflict,
    InvalidSetting,
    ModelUnavailable,
    StoreUnavailable,
    UnknownSession,
)
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings
from graphs.state import MAX_STATE


async def test_a_deleted_session_leaves_nothing(engine: StoryEngine) -> None:
    session = await begun(engine, "gone")
    await engine.act(session, "look")
    await engine.undo(session)
    await engine.act(session, "wait")
    assert await engine.delete(session) > 0
    assert await engine.memory.count(engine.scope(session)) == 0
    with pytest.raises(UnknownSession):
        await engine.position(session)
    keys = [key async for key in engine._stores.redis.scan_iter("*gone*")]  # pyright: ignore[reportPrivateUsage]
    assert [k for k in keys if b":events:" not in k and b":trace:" not in k and b"tta:local" not in k] == []


async def test_two_tenants_with_the_same_ids_do_not_meet(tmp_path: Path) -> None:
    async with (
        open_engine(read_settings(data_dir=tmp_path, tenant="one", linger_s=0.2)) as one,
        open_engine(read_settings(data_dir=tmp_path, tenant="two", linger_s=0.2)) as two,
    ):
        await begun(one, "same")
        with pytest.raises(UnknownSession):
            await two.act("same", "look")
        await begun(two, "same")
        await one.act("same", "take lamp")
        assert await two.turns("same") == []
        assert (await two.position("same"))["slots"]["lamp.in"] == "table"


@pytest.mark.timeout(1800)
async def test_a_long_story_stays_small(engine: StoryEngine, request: pytest.FixtureRequest) -> None:
    """The state in a checkpoint is bounded throughout: `--long-turns 1000` plays the full count."""
    session = await begun(engine, "long")
    actions = ["look", "go north", "talk to maren", "ask maren about the bell", "go south", "examine lamp", "wait",
               "down", "ring bell", "up", "take lamp", "drop lamp", "inventory", "goals"]  # fmt: skip
    largest = 0
    for number in range(request.config.getoption("--long-turns")):
        turn = await engine.act(session, actions[number % len(actions)])
        if number % 25 == 24:
            config = engine._runner(session).config(turn["line"])  # pyright: ignore[reportPrivateUsage]
            state = await engine._graph.aget_state(config)  # pyright: ignore[reportPrivateUsage]
            largest = max(largest, len(json.dumps(state.values)))
    assert largest < MAX_STATE
    print(f"largest state: {largest} bytes")


async def test_a_retry_that_fails_costs_no_turn(engine: StoryEngine) -> None:
    """Whether the model fails or the story stops for the player: HEAD, its line and what is held stay as they were."""
    session = await begun(engine)
    await engine.act(session, "take lamp")
    before = await engine.position(session)
    engine.use_model("offline", ScriptedModel(answers=["<fail>"]))
    with pytest.raises(ModelUnavailable):
        await engine.retry(session)
    assert await engine.position(session) == before
    engine.use_model("offline", ScriptedModel(answers=["You take the brass lamp."]))
    again = await engine.retry(session)
    assert (again["number"], again["action"], again["inventory"]) == (1, "take lamp", ["lamp"])
    assert again["line"] != before["line"]
    with pytest.raises(Conflict):
        await engine.retry(await begun(engine, "new"))


async def test_the_same_seed_tells_the_same_story_after_undo_and_retry(engine: StoryEngine) -> None:
    told: list[list[str]] = []
    for session in ("one", "two"):
        await engine.create("winter_light", session=session, seed=7)
        words = [(await engine.act(session, action))["narration"] for action in ("look", "n", "look")]
        await engine.undo(session)
        words += [(await engine.retry(session))["narration"], (await engine.retry(session))["narration"]]
        words.append((await engine.act(session, "look"))["narration"])
        told.append(words)
    assert told[0] == told[1]


async def test_a_session_is_deleted_whole_or_asked_for_again(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is out of sight at once, whatever fails then; asked for again, the rest goes, too."""
    session = await begun(engine)
    await engine.act(session, "look")

    async def gone(*_: Any) -> None:
        raise RedisConnectionError("redis://:password@host")

    with monkeypatch.context() as patched:
        patched.setattr(engine._saver, "adelete_thread", gone)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(StoreUnavailable) as caught:
            await engine.delete(session)
    assert "password" not in caught.value.line()
    with pytest.raises(UnknownSession):
        await engine.position(session)
    assert await engine.delete(session) > 0
    with pytest.raises(UnknownSession):
        await engine.delete(session)


async def test_a_model_that_cannot_work_is_told_when_the_story_begins(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def closed(_: str) -> Any:
        raise InvalidSetting("The model could not be set up", cure="Check it.")
        yield

    monkeypatch.setattr("graphs.storytellers.open_model", closed)
    monkeypatch.setattr("graphs.engine.check_spec", lambda _: None)
    with pytest.raises(InvalidSetting):
        await begun(engine, model="openai:one-that-cannot-work")
    assert await engine.memory.sessions("local") == []
