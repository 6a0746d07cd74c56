"""A second action while a turn is played: it is refused, waits, cuts in, or takes the other one back."""

import asyncio

import pytest
from cottage import begun
from fakes import ScriptedModel
from second import running, told

from agents.errors import Conflict, SessionPaused, TurnCancelled, TurnInProgress, UnknownTurn
from graphs.engine import StoryEngine, open_engine
from graphs.locks import is_held
from graphs.queueing import Strategy
from graphs.waiting import Waiting

CRISIS = "I am going to kill myself tonight, I have the pills here"


async def test_refused_by_default(engine: StoryEngine, held: ScriptedModel) -> None:
    session, _, task = await running(engine)
    with pytest.raises(TurnInProgress):
        await engine.send(session, "wait")
    held.go.set()
    await task
    assert [turn["action"] for turn in await engine.turns(session)] == ["look"]


@pytest.mark.parametrize("engine", ["embedded", "cluster"], indirect=True)
async def test_what_waits_is_played_in_its_order(engine: StoryEngine, held: ScriptedModel) -> None:
    session, _, first = await running(engine)
    sent = [await engine.send(session, f"say {word}", strategy="enqueue") for word in ("one", "two", "three")]
    assert (await engine.queued(session, sent[2][0])) == {
        "turn_id": sent[2][0], "session": session, "status": "queued", "ahead": 3,
    }  # fmt: skip
    held.go.set()
    await first
    turns = [await task for _, task in sent]
    assert [turn["action"] for turn in turns] == ["say one", "say two", "say three"]
    assert [turn["number"] for turn in turns] == [2, 3, 4]
    assert [turn["parent"] for turn in turns[1:]] == [turn["turn_id"] for turn in turns[:-1]]
    kinds = [event["kind"] for event in await told(engine, session, sent[1][0])]
    assert (kinds[0], kinds.count("metadata"), kinds[-2:]) == ("metadata", 1, ["committed", "end"])


async def test_nine_are_too_many(engine: StoryEngine, held: ScriptedModel) -> None:
    session, _, _ = await running(engine)
    for number in range(8):
        await engine.enqueue(session, f"say {number}")
    with pytest.raises(TurnInProgress, match="8 actions wait"):
        await engine.enqueue(session, "say nine")
    held.go.set()
    await engine.delete(session)


async def test_the_same_id_waits_once(engine: StoryEngine, held: ScriptedModel) -> None:
    session, _, _ = await running(engine)
    first = await engine.enqueue(session, "say hello", turn_id="a" * 32)
    assert await engine.enqueue(session, "say hello", turn_id="a" * 32) == first
    held.go.set()
    _, task = await engine.send(session, "say hello", turn_id="a" * 32, strategy="enqueue")
    await task
    assert [turn["action"] for turn in await engine.turns(session)] == ["say hello", "look"]


async def test_who_cuts_in_leaves_what_was_told(engine: StoryEngine, held: ScriptedModel) -> None:
    session, turn_id, first = await running(engine)
    dropped, waited = await engine.send(session, "say nothing", strategy="enqueue")
    _, second = await engine.send(session, "wait", strategy="interrupt")
    cut = await first
    assert cut["narration"] == "The range ticks.", "as far as it was told, and not a word of ours"  # type: ignore[index]
    assert (await second)["parent"] == turn_id
    with pytest.raises(TurnCancelled):
        await waited
    assert [event["kind"] for event in await told(engine, session, dropped)] == ["metadata", "error", "end"]
    assert [turn["action"] for turn in await engine.turns(session)] == ["wait", "look"]


@pytest.mark.parametrize("engine", ["embedded", "cluster"], indirect=True)
async def test_who_takes_back_leaves_nothing(engine: StoryEngine, held: ScriptedModel) -> None:
    session, turn_id, first = await running(engine)
    _, second = await engine.send(session, "wait", strategy="rollback")
    with pytest.raises(TurnCancelled):
        await first
    turn = await second
    assert (turn["number"], turn["parent"]) == (1, "root")
    assert [each["action"] for each in await engine.turns(session)] == ["wait"]
    with pytest.raises(UnknownTurn):
        await engine.turn(session, turn_id)
    assert (await told(engine, session, turn_id))[-2]["data"]["code"] == "turn_cancelled"


@pytest.mark.parametrize("strategy", ["enqueue", "interrupt", "rollback"])
async def test_one_that_is_over_is_answered_and_touches_no_other(
    engine: StoryEngine, held: ScriptedModel, strategy: Strategy
) -> None:
    session, turn_id, first = await running(engine)
    held.go.set()
    turn = await first
    before = await told(engine, session, turn_id)
    held.go.clear()
    _, other = await engine.start(session, "wait")
    known, task = await engine.send(session, "look", turn_id=turn_id, strategy=strategy)
    assert (known, await task) == (turn_id, turn)
    assert await told(engine, session, turn_id) == before
    queued = await engine.enqueue(session, "look", turn_id=turn_id, strategy=strategy)
    assert (queued["status"], queued["ahead"]) == ("committed", 0)
    held.go.set()
    assert (await other)["number"] == 2
    assert not await engine.waits(session)


async def never(*_: object) -> None:
    """The wish that a turn should stop, where it comes too late."""


async def test_taken_back_though_it_was_committed_meanwhile(
    engine: StoryEngine, held: ScriptedModel, monkeypatch
) -> None:
    """The wish came while the turn was played; that its commit was quicker is nothing that the player could know."""
    monkeypatch.setattr("graphs.inbox.Inbox.ask_to_halt", never)
    session, turn_id, first = await running(engine)
    _, second = await engine.send(session, "wait", strategy="rollback")
    held.go.set()
    assert (await first)["turn_id"] == turn_id  # type: ignore[index]
    assert (await second)["parent"] == "root"
    assert [turn["action"] for turn in await engine.turns(session)] == ["wait"]


async def test_the_last_one_that_waited_is_ended_when_its_process_died(engine: StoryEngine) -> None:
    session = await begun(engine)
    queued = await engine.enqueue(session, "look")
    runner, waiting = engine._runner(session), engine._waiting(session)  # pyright: ignore[reportPrivateUsage]
    entry = await engine._entry(await engine.session(session), "look", queued["turn_id"], runner)  # pyright: ignore[reportPrivateUsage]
    await runner.inbox.put(entry)
    await waiting.remove(queued["turn_id"])
    assert await engine.play_left() == [session]
    async with asyncio.timeout(60):
        while await runner.stored(queued["turn_id"]) is None:
            await asyncio.sleep(0.02)


async def test_who_is_in_danger_waits_for_no_worker(engine: StoryEngine) -> None:
    """Whoever was to play what waits is not there: nobody nudges, nobody sweeps."""
    session = await begun(engine)
    queued = await engine.enqueue(session, CRISIS)
    async with asyncio.timeout(60):
        while not (await engine.session(session))["paused"]:
            await asyncio.sleep(0.02)
    assert (await engine.turn(session, queued["turn_id"]))["kind"] == "crisis"


@pytest.mark.parametrize("strategy", ["reject", "enqueue", "interrupt", "rollback"])
async def test_who_is_in_danger_waits_for_nobody(engine: StoryEngine, held: ScriptedModel, strategy: str) -> None:
    session, _, first = await running(engine)
    _, other = await engine.send(session, "say nothing", strategy="enqueue")
    turn_id, task = await engine.send(session, CRISIS, strategy=strategy)  # type: ignore[arg-type]
    turn = await task
    assert (turn["turn_id"], turn["kind"], turn["action"]) == (turn_id, "crisis", "")
    with pytest.raises((SessionPaused, TurnCancelled)):
        await other
    await asyncio.wait([first])
    assert (await engine.session(session))["paused"]
    async with asyncio.timeout(30):
        while await engine.waits(session):  # whoever waited is told first, then it waits no more
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("after", ["interrupt", "rollback", "enqueue"])
async def test_nothing_drops_a_cry_that_waits(
    engine: StoryEngine, held: ScriptedModel, monkeypatch: pytest.MonkeyPatch, after: Strategy
) -> None:
    session, _, _ = await running(engine)
    with monkeypatch.context() as nobody_plays:
        nobody_plays.setattr(engine, "play_waiting", lambda _: None)
        cry = await engine.enqueue(session, CRISIS, strategy="reject")
        other = await engine.enqueue(session, "say nothing", strategy=after)
        with pytest.raises(Conflict, match="at risk"):
            await engine.cancel(session, cry["turn_id"])
        again = await engine.enqueue(session, CRISIS)
    await engine.play_all(session)
    assert (await engine.turn(session, cry["turn_id"]))["kind"] == "crisis"
    stands = await engine.session(session)
    assert (stands["paused"], stands["risk"]) == (True, "crisis")
    assert isinstance(await engine.failure(session, other["turn_id"]), SessionPaused)
    late = await engine.failure(session, again["turn_id"])
    assert isinstance(late, SessionPaused)
    assert late.help
    assert late.help["tier"] == "crisis"


async def test_a_cry_that_waits_while_the_story_is_paused_by_choice_is_told_where_to_turn(
    engine: StoryEngine, held: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _, _ = await running(engine)
    with monkeypatch.context() as nobody_plays:
        nobody_plays.setattr(engine, "play_waiting", lambda _: None)
        cry = await engine.enqueue(session, CRISIS)
    await engine.pause(session)
    await engine.play_all(session)
    late = await engine.failure(session, cry["turn_id"])
    assert isinstance(late, SessionPaused)
    assert late.help
    assert late.help["tier"] == "crisis"


@pytest.mark.parametrize("strategy", ["enqueue", "reject"])
async def test_the_audit_finds_it_by_its_words_once(
    engine: StoryEngine, held: ScriptedModel, strategy: Strategy
) -> None:
    """It is noted when it comes, while its words are at hand, and not again when it is played."""
    session, _, _ = await running(engine)
    _, task = await engine.send(session, CRISIS, strategy=strategy)
    await task
    assert len(await engine.audit_entries(session=session)) == 1
    assert len(await engine.audit_entries(text=CRISIS)) == 1


async def test_its_words_are_kept_nowhere(engine: StoryEngine, held: ScriptedModel) -> None:
    session, _, _ = await running(engine)
    await engine.enqueue(session, CRISIS)
    kept = await engine._stores.redis.lrange(f"tta:1:waiting:{{local:{session}}}", 0, -1)
    assert len(kept) == 1
    assert b"pills" not in kept[0]
    assert b"crisis" in kept[0]
    held.go.set()
    await engine.delete(session)


async def test_what_a_dead_process_left_waiting(engine: StoryEngine, held: ScriptedModel) -> None:
    session = await begun(engine, "", model="offline")
    await engine.enqueue(session, "look around")
    assert await engine.turns(session) == []
    async with open_engine(engine.settings) as other:
        assert session in await other.play_left()
        async with asyncio.timeout(60):
            while await other.waits(session):
                await asyncio.sleep(0.02)
    assert [turn["action"] for turn in await engine.turns(session)] == ["look around"]


async def test_what_waits_goes_with_its_session(engine: StoryEngine, held: ScriptedModel) -> None:
    session = await begun(engine, "", model="scripted")
    await engine.enqueue(session, "look around")
    await engine.delete(session)
    assert session not in await engine.play_left()
    assert not [key async for key in engine._stores.redis.scan_iter(match=f"*{session}*")]


async def test_a_reader_that_waits_for_one_that_waits(engine: StoryEngine, held: ScriptedModel) -> None:
    """Its events begin at once, and go on when it is played."""
    session, _, first = await running(engine)
    queued = await engine.enqueue(session, "wait")
    reading = asyncio.create_task(told(engine, session, queued["turn_id"]))
    engine.play_waiting(session)
    held.go.set()
    assert [event["kind"] for event in await reading] == ["metadata", "sentence", "committed", "end"]
    await first


async def test_whoever_is_refused_has_those_played_that_wait(engine: StoryEngine, held: ScriptedModel) -> None:
    """Whoever was to play them may be dead."""
    session = await begun(engine, "", model="offline")
    waiting = (await engine.enqueue(session, "look around"))["turn_id"]
    with pytest.raises(TurnInProgress):
        await engine.start(session, "wait")
    assert [event["kind"] for event in await told(engine, session, waiting)][-2] == "committed"
    async with asyncio.timeout(60):
        while await is_held(engine._stores.redis, f"local:{session}"):
            await asyncio.sleep(0.02)
    assert (await engine.act(session, "wait"))["number"] == 2


async def test_one_that_is_taken_up_twice_is_played(
    engine: StoryEngine, held: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store dies as it answers: the removal is sent again, and finds nothing. Nobody wanted the turn to be dropped."""
    session = await begun(engine, "", model="scripted")
    held.go.set()
    queued = await engine.enqueue(session, "look")
    remove = Waiting.remove

    async def twice(self: Waiting, turn_id: str) -> bool:
        await remove(self, turn_id)
        return await remove(self, turn_id)

    monkeypatch.setattr(Waiting, "remove", twice)
    await engine.play_all(session)
    assert [turn["turn_id"] for turn in await engine.turns(session)] == [queued["turn_id"]]
