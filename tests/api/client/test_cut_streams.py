"""A connection that breaks loses nothing: each event comes once, in order, and what was sent is done once."""

import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cutting import Cutter, cutter
from fakes import ScriptedModel
from patient import HASTY
from served import served
from serving import serving

from api.client import Begun, Client, Committed, Patience, Sentence, TurnEvent, open_client
from graphs.engine import StoryEngine

PROSE = (
    "The range ticks. Rain falls on the slates. A gull walks along the sill. The kettle thinks about it. Nobody knocks."
)


@asynccontextmanager
async def far(way: Cutter) -> AsyncGenerator[Client]:
    """A client that has been answered before: a server that never was is told at once, not waited for."""
    async with open_client(way.where, patience=HASTY) as client:
        client.wire.answered = True
        yield client


async def told(client: Client, session: str, action: str) -> list[TurnEvent]:
    return [event async for event in client.turns.stream(session, action)]


@pytest.mark.parametrize("seed", range(6))
async def test_a_stream_that_is_cut_anywhere_tells_every_event_once(engine: StoryEngine, seed: int) -> None:
    chance = random.Random(seed)
    # An answer's head alone has some 600 bytes: some are cut in it, some in a frame, some between two.
    cuts: Iterator[int] = iter([chance.randrange(1, 2500) for _ in range(5)])
    session = (await engine.create("winter_light", seed=seed))["session"]
    async with served(engine) as host, cutter(host, cuts) as way, open_client(way.where, patience=HASTY) as client:
        client.wire.answered = True  # what never answered would not be waited for
        events = await told(client, session, "look around")
    async with served(engine) as host, open_client(f"http://{host}") as client:
        whole = [event async for event in client.turns.follow(session, events[0].turn_id)]  # type: ignore[union-attr]
    assert way.cut >= 1
    assert events == whole
    assert [type(event) for event in events] == [Begun, *[Sentence] * (len(events) - 2), Committed]
    assert (await engine.position(session))["number"] == 1


async def test_a_post_whose_answer_is_lost_is_done_once(engine: StoryEngine) -> None:
    """Cut before the answer's first byte, in its head, and in its body."""
    session = (await engine.create("winter_light", seed=1))["session"]
    async with served(engine) as host, cutter(host, iter([0, 150, 900])) as way, far(way) as client:
        turn = await client.turns.play(session, "look around")
    assert way.cut == 3
    assert (turn["number"], (await engine.position(session))["number"]) == (1, 1)


async def test_what_an_author_deletes_is_gone_though_the_answer_was_lost(engine: StoryEngine) -> None:
    session = (await engine.create("winter_light", seed=1))["session"]
    async with served(engine) as host, cutter(host, iter([0])) as way, open_client(way.where, patience=HASTY) as client:
        client.wire.answered = True
        await client.sessions.delete(session)
    assert way.cut == 1


async def test_leaving_a_stream_cancels_nothing_and_it_can_be_taken_up(engine: StoryEngine) -> None:
    model = ScriptedModel(answers=[PROSE])
    engine.use_model("offline", model)
    session = (await engine.create("winter_light", seed=1))["session"]
    async with served(engine) as host, open_client(f"http://{host}") as client:
        stream = client.turns.stream(session, "look around")
        begun = await anext(stream)
        first = await anext(stream)
        await stream.aclose()
        assert isinstance(begun, Begun)
        rest = [event async for event in client.turns.follow(session, begun.turn_id, after=first.id)]
        turn = await client.turns.wait(session, begun.turn_id)
    assert isinstance(rest[-1], Committed)
    assert rest[-1].turn == turn
    assert first not in rest


async def test_a_server_that_is_killed_in_mid_turn_ends_it_when_it_is_back(tmp_path: Path) -> None:
    patience = Patience(first_s=0.1, most_s=1.0, total_s=120.0)
    with serving(tmp_path, TTA_LINGER_S="30") as server:
        async with open_client(server.url, patience=patience) as client:
            session = (await client.sessions.create("winter_light", seed=7)).session
            await client.turns.play(session, "look")
            events: list[TurnEvent] = []
            async for event in client.turns.stream(session, "go north"):
                if not events:
                    server.kill()
                    server.start()
                events.append(event)
            assert [type(event) for event in events] == [Begun, *[Sentence] * (len(events) - 2), Committed]
            committed = events[-1]
            assert isinstance(committed, Committed)
            said = " ".join(event.text for event in events if isinstance(event, Sentence))
            assert " ".join(said.split()) == " ".join(committed.turn["narration"].split())
            assert (await client.sessions.get(session)).position.turn == 2
