"""What a game needs of the client: every part of the API, its answers by type, its refusals as the errors of the house."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from seen import DANGER

from agents.errors import (
    Conflict,
    KeyReused,
    SessionPaused,
    UnknownBranch,
    UnknownCharacter,
    UnknownSession,
    UnknownTurn,
    UnknownWorld,
)
from api.client import Begun, Client, Committed, Sentence
from api.schemas import QueuedTurn
from graphs.engine import StoryEngine


async def every(found: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in found]


@pytest.fixture
async def story(game: Client) -> str:
    """The id of a session that has just begun."""
    return (await game.sessions.create("winter_light", seed=7, title="The client's own")).session


async def test_a_session_is_begun_listed_renamed_paused_and_removed(game: Client) -> None:
    begun = await game.sessions.create("night_train", seed=7, title="First")
    assert (begun.world, begun.title, begun.seed, begun.turn["turn_id"]) == ("night_train", "First", 7, "root")
    assert (await game.sessions.get(begun.session)).position.turn == 0
    assert (await game.sessions.rename(begun.session, "Second")).title == "Second"
    assert (await game.sessions.pause(begun.session)).paused
    with pytest.raises(SessionPaused, match="paused"):
        await game.turns.play(begun.session, "look")
    assert not (await game.sessions.resume(begun.session)).paused
    await game.sessions.delete(begun.session)
    with pytest.raises(UnknownSession):
        await game.sessions.get(begun.session)


async def test_sessions_are_listed_over_all_their_pages(game: Client) -> None:
    made = [(await game.sessions.create(user_id="lister")).session for _ in range(5)]
    found = [record.session for record in await every(game.sessions.list(player="lister", page=2))]
    assert found == made[::-1]


async def test_a_turn_is_played_and_found_again(game: Client, story: str) -> None:
    turn = await game.turns.play(story, "look around")
    assert (turn["number"], turn["kind"], turn["action"]) == (1, "story", "look around")
    assert await game.turns.get(story, turn["turn_id"]) == turn
    for action in ("wait", "look"):
        await game.turns.play(story, action)
    numbers = [found["number"] for found in await every(game.turns.list(story, page=1))]
    assert numbers == [3, 2, 1]


async def test_a_turn_is_told_as_it_happens(game: Client, story: str) -> None:
    events = await every(game.turns.stream(story, "look around"))
    begun, *sentences, committed = events
    assert isinstance(begun, Begun)
    assert isinstance(committed, Committed)
    assert begun.session == story
    assert begun.turn_id == committed.turn["turn_id"]
    assert all(isinstance(each, Sentence) for each in sentences)
    assert " ".join(" ".join(each.text for each in sentences).split()) == " ".join(committed.turn["narration"].split())
    again = await every(game.turns.follow(story, begun.turn_id))
    assert again == events
    assert await every(game.turns.follow(story, begun.turn_id, after=sentences[0].id)) == events[2:]


async def test_a_queued_turn_is_not_waited_for(game: Client, story: str) -> None:
    queued = await game.turns.queue(story, "look")
    assert isinstance(queued, QueuedTurn)
    turn = await game.turns.wait(story, queued.turn_id)
    assert (turn["turn_id"], turn["number"]) == (queued.turn_id, 1)
    with pytest.raises((Conflict, UnknownTurn)):
        await game.turns.cancel(story, queued.turn_id)


async def test_undo_retry_and_branches_move_the_story(game: Client, story: str) -> None:
    await game.turns.play(story, "look")
    second = await game.turns.play(story, "wait")
    tried = await game.turns.retry(story)
    assert (tried["number"], tried["action"], tried["parent"]) == (2, "wait", second["parent"])
    *_, last = await every(game.turns.stream_retry(story))
    assert isinstance(last, Committed)
    assert (await game.sessions.save(story, "here")).number == 2
    undone = await game.sessions.undo(story, 2)
    assert (undone.undone, undone.position.turn) == (2, 0)
    assert (await game.sessions.switch(story, "here")).position.turn == 2
    assert {branch.name for branch in await game.sessions.branches(story)} == {"main", "here"}
    await game.sessions.switch(story, "main")
    await game.sessions.delete_branch(story, "here")
    with pytest.raises(UnknownBranch):
        await game.sessions.switch(story, "here")


async def test_a_story_is_looked_into_and_taken_along(game: Client, story: str) -> None:
    turn = await game.turns.play(story, "look")
    assert any(fact["slot"] == "player.in" for fact in await game.sessions.facts(story))
    whole, about = await game.sessions.facts(story), await game.sessions.facts(story, about="player")
    assert 0 < len(about) < len(whole)
    trace = await game.sessions.trace(story)
    assert trace.nodes[0]["node"] == "begin"
    assert await game.turns.trace(story, turn["turn_id"]) == trace
    lines = [json.loads(line) for line in await every(game.sessions.export(story))]
    assert "end" in lines[-1]
    assert any("turn" in line for line in lines)


async def test_a_player_has_a_profile_progress_and_an_end(game: Client) -> None:
    begun = await game.sessions.create(user_id="pilot")
    changed = await game.players.change("pilot", name="Pilot", preferences={"techniques": True, "volume": 3})
    assert (changed.name, changed.preferences["volume"]) == ("Pilot", 3)
    assert await game.players.get("pilot") == changed
    acted = await game.players.act("look", "pilot")
    assert (acted["session"], acted["success"], acted["narrative_update"]) == (begun.session, True, acted["narration"])
    assert [each["session"] for each in await every(game.players.progress("pilot", page=1))] == [begun.session]
    assert "end_player" in json.loads((await every(game.players.export("pilot")))[-1])
    await game.players.delete("pilot")
    assert await every(game.sessions.list(player="pilot")) == []


async def test_a_player_keeps_characters_and_begins_as_one(game: Client) -> None:
    wren = await game.characters.create("Wren", "rower", pronouns="she/her", traits=["shy"])
    assert await game.characters.get(wren.character, "rower") == wren
    changed = await game.characters.change(wren.character, "rower", description="A pilot.", traits=[])
    assert (changed.name, changed.description, changed.traits) == ("Wren", "A pilot.", [])
    assert (await game.characters.list("rower")).characters == [changed]
    begun = await game.sessions.create("winter_light", player="rower", character=wren.character)
    await game.characters.delete(wren.character, "rower")
    assert begun.character is not None
    assert (begun.character.name, begun.character.description) == ("Wren", "A pilot.")
    with pytest.raises(UnknownCharacter):
        await game.sessions.create("winter_light", player="rower", character=wren.character)


async def test_worlds_and_who_asks(game: Client) -> None:
    assert {"winter_light", "night_train"} <= {world.world for world in await game.worlds()}
    me = await game.me()
    assert (me.kind, me.role) == ("local", "operator")


async def test_a_refusal_is_the_error_of_the_house_with_its_cure(game: Client, story: str) -> None:
    with pytest.raises(UnknownWorld) as world:
        await game.sessions.create("nigth_train")
    assert "night_train" in world.value.cure
    assert "night_train" in world.value.choices
    with pytest.raises(UnknownTurn):
        await game.turns.get(story, "never-played")
    await game.turns.play(story, "look", key="k-9")
    with pytest.raises(KeyReused):
        await game.turns.play(story, "wait", key="k-9")


async def test_a_person_at_risk_sees_the_resources_whatever_the_status(game: Client, story: str) -> None:
    turn = await game.turns.play(story, DANGER)
    assert turn["kind"] == "crisis"
    with pytest.raises(SessionPaused) as paused:
        await game.turns.play(story, DANGER)
    assert paused.value.help is not None
    assert paused.value.help["tier"] == "crisis"
    with pytest.raises(UnknownSession) as unknown:
        await every(game.turns.stream("nowhere", DANGER))
    assert unknown.value.help is not None
    with pytest.raises(Exception, match="no title") as held:
        await game.sessions.rename(story, DANGER)
    assert getattr(held.value, "help", None)


async def test_a_post_that_is_sent_again_is_done_once(game: Client, engine: StoryEngine, story: str) -> None:
    first = await game.turns.play(story, "look", key="k-1")
    assert await game.turns.play(story, "look", key="k-1") == first
    assert (await engine.position(story))["number"] == 1
    begun = await game.sessions.create("winter_light", key="k-2")
    assert (await game.sessions.create("winter_light", key="k-2")).session == begun.session
