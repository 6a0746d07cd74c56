"""A sitting at a session: what steers it, what a person at risk is answered, and how a script goes on or stops."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from fakes import ScriptedModel
from seen import DANGER, follow, seen

from agents.errors import StoreUnavailable, StoryError
from agents.safety.crisis import as_typed
from agents.world.avoidance import LEFT_OUT
from api.terminal.play import Play
from api.terminal.scripts import Line
from api.terminal.sitting import sit
from api.terminal.steering import STEERING, USAGE
from graphs.engine import StoryEngine


@pytest.mark.parametrize(
    "line",
    [
        f"save me {DANGER}",
        "retry because I want to end my life",
        "undo I want to end my life",
        "branches I want to end my life",
        f"load {DANGER}",
        f"SAVE {DANGER}",
        "switch I want to end my life",
        "quit I want to end my life",
        f"avoid {DANGER}",
        "avoid suicide, I want to end my life",
    ],
)
async def test_words_of_a_person_at_risk_never_steer(play: Play, line: str) -> None:
    await play.step("look")
    assert await play.step(line)
    assert seen(play).turns[-1]["kind"] == "crisis"
    assert as_typed(seen(play).turns[-1]["narration"]) in seen(play).said
    assert seen(play).notes == []
    assert [branch["name"] for branch in await play.engine.branches(play.session)] == ["main"]
    assert (await play.engine.position(play.session))["number"] == 1, "nothing was undone or played anew"


async def test_undo_says_what_it_took_back(play: Play) -> None:
    for _ in range(3):
        await play.step("wait")
    await play.step("undo 2")
    assert seen(play).notes[-1]["text"] == "Back at turn 1: 2 turns taken back."
    await play.step("undo 9")
    assert seen(play).notes[-1] == {
        "what": "undo", "text": "Only 1 turn: back at the beginning.", "branch": "main", "turn": 0
    }  # fmt: skip
    with pytest.raises(StoryError, match="nothing to undo"):
        await play.step("undo")


async def test_topics_to_avoid_are_added_listed_and_taken_back(play: Play) -> None:
    await play.step("avoid spiders, self-harm")
    await play.step("avoid lamps")
    assert seen(play).notes[-1]["avoid"] == ["spiders", "self-harm", "lamps"]
    await play.step("avoid")
    assert seen(play).notes[-1]["text"] == "The story leaves out: spiders, self-harm, lamps."
    assert seen(play).turns == []
    await play.step("examine lamp")
    assert LEFT_OUT in seen(play).said
    await play.step("avoid none")
    assert seen(play).notes[-1] == {
        "what": "avoid", "text": "The story leaves out nothing in particular.", "avoid": []
    }  # fmt: skip


async def test_saving_says_on_which_branch_play_goes_on(play: Play) -> None:
    await play.step("wait")
    await play.step("save quiet")
    note = seen(play).notes[-1]
    assert (note["saved"], note["branch"], note["turn"]) == ("quiet", "main", 1)
    await play.step("wait")
    await play.step("load quiet")
    assert (seen(play).notes[-1]["branch"], play.number) == ("quiet", 1)
    await play.step("branches")
    assert seen(play).notes[-1]["branches"] == [
        {"branch": "main", "turn": 2, "active": False},
        {"branch": "quiet", "turn": 1, "active": True},
    ]
    with pytest.raises(StoryError) as refused:
        await play.step("load zz")
    assert refused.value.choices


async def test_retry_plays_the_action_again(play: Play) -> None:
    await play.step("wait")
    await play.step("retry")
    assert [turn["number"] for turn in seen(play).turns] == [1, 1]
    assert seen(play).said[-2:] == ["> wait", seen(play).turns[-1]["narration"]]


async def test_attempts_are_listed_and_gone_back_to(play: Play) -> None:
    await play.step("attempts")
    assert seen(play).notes[-1]["text"] == "Nothing was tried yet: this is the beginning."
    await play.step("take lamp")
    await play.step("retry")
    await play.engine.undo(play.session)
    await play.step("look")
    await play.step("attempts")
    listed = seen(play).notes[-1]["attempts"]
    assert [(a["attempt"], a["turn"], a["action"], a["active"]) for a in listed] == [
        (1, 1, "take lamp", False),
        (2, 1, "take lamp", False),
        (3, 1, "look", True),
    ]
    await play.step("attempt 1")
    assert seen(play).notes[-1]["text"].startswith("At attempt 1 of turn 1. ")
    position = await play.engine.position(play.session)
    assert (position["head"], position["slots"]["lamp.in"]) == (listed[0]["turn_id"], "player")
    await play.step("wait")
    lines = [turn["line"] for turn in await play.engine.turns(play.session)]
    assert len(set(lines)) == 2, "what is played on from another attempt is a line of its own"
    await play.step("undo")
    with pytest.raises(StoryError) as refused:
        await play.step("attempt 4")
    assert [*refused.value.choices] == ["1", "2", "3"]


async def test_help_names_what_steers_the_sitting(play: Play) -> None:
    await play.step("look")
    assert STEERING not in seen(play).said
    await play.step("help")
    assert seen(play).said[-1] == STEERING
    assert all(f"`{word}" in STEERING for word in USAGE)


async def test_a_terminal_says_to_type_resume_whatever_the_story_keeps(play: Play) -> None:
    await play.step(DANGER)
    assert "type `resume`" in seen(play).said[-1]
    with pytest.raises(StoryError) as paused:
        await play.step("look")
    told = play._eased(paused.value, DANGER)
    assert told.help
    assert "type `resume`" in str(told.help["text"])


async def test_a_line_that_cannot_be_played_does_not_end_the_script(play: Play) -> None:
    assert await follow(play, "x" * 2001, "save", "load zz", "look") == 1
    assert [error.code for error in seen(play).errors] == ["invalid_action", "invalid_input", "unknown_branch"]
    assert seen(play).ended["turns"] == 1
    assert await follow(play, "look", "quit", "look") == 0
    assert seen(play).ended["turns"] == 2


async def test_a_turn_is_shown_whole_when_reading_along_fails(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(session: str, turn_id: str) -> AsyncGenerator[Any]:
        async for event in whole(session, turn_id):
            if event["kind"] == "sentence":
                yield event
                break
        raise StoreUnavailable("Redis is not reachable")

    whole = play.engine.events
    monkeypatch.setattr(play.engine, "events", broken)
    await play.step("look")
    turn = seen(play).turns[-1]
    said = seen(play).said[seen(play).said.index("> look") + 1 :]
    assert "".join(said).replace(" ", "") == turn["narration"].replace(" ", "")


async def test_no_turn_is_left_unawaited(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that fails while reading along fails too: its own error is the one that is told."""

    async def broken(session: str, turn_id: str) -> AsyncGenerator[Any]:
        raise StoreUnavailable("Redis is not reachable")
        yield

    play.engine.use_model("offline", ScriptedModel(answers=["<fail>"]))
    monkeypatch.setattr(play.engine, "events", broken)
    unraised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unraised.append(context))
    with pytest.raises(StoryError) as failed:
        await play.step("look")
    assert failed.value.code.startswith("model")
    assert unraised == []


async def test_a_conversation_goes_on_after_a_mistake(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def typed(engine: StoryEngine, session: str) -> AsyncGenerator[str]:
        for line in ("look", "  ", "save", "wait", "quit", "look"):
            yield line

    monkeypatch.setattr("api.terminal.prompt.read_lines", typed)
    await play.converse()
    assert [turn["action"] for turn in seen(play).turns] == ["look", "wait"]
    assert len(seen(play).errors) == 1
    assert seen(play).ended == {"goodbye": play.session}


async def test_a_sitting_that_is_broken_off_in_mid_turn_says_how_to_go_on(play: Play) -> None:
    play.engine.use_model("offline", ScriptedModel(answers=["The range ticks. <slow> <slow> Rain falls."], pause_s=1.0))
    sitting = asyncio.create_task(sit(play, [Line("look", "script:1")], new=False, typed=False))
    while "> look" not in seen(play).said:
        assert not sitting.done()
        await asyncio.sleep(0.01)
    while not sitting.done():
        # Python 3.11's wait_for, in which redis-py sends, may swallow a cancellation that comes as it ends (bpo-37658).
        sitting.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await sitting
    assert seen(play).ended == {"goodbye": play.session}
