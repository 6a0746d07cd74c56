"""A crisis pauses a sitting; scripts stop there; asking for help shows the resources again."""

import pytest
from seen import DANGER, Seen, follow, seen

from agents.errors import StoryError
from api.terminal.play import Play


async def test_a_paused_story_is_not_resumed_by_a_cry_for_help(play: Play) -> None:
    await play.step(DANGER)
    with pytest.raises(StoryError) as refused:
        await play.step("resume I want to end my life")
    assert refused.value.help
    assert (await play.engine.session(play.session))["paused"]


async def test_a_paused_story_takes_nothing_back_to_retry_it(play: Play) -> None:
    await play.step("wait")
    await play.step(DANGER)
    with pytest.raises(StoryError, match="paused"):
        await play.step("retry")
    assert (await play.engine.position(play.session))["number"] == 1


async def test_a_script_stops_at_a_crisis(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    assert await follow(play, "look", DANGER, "look", "wait") == 1
    assert [turn["kind"] for turn in seen(play).turns] == ["story", "crisis"]
    assert seen(play).ended["unplayed"] == 2
    error = capsys.readouterr().err
    assert "the rest (2 lines) was not played" in error
    assert len(error.splitlines()) == 1


async def test_a_script_that_foresees_the_crisis_goes_on(play: Play) -> None:
    assert await follow(play, DANGER, "resume", "look") == 0
    assert [turn["kind"] for turn in seen(play).turns] == ["crisis", "story"]
    assert seen(play).ended["unplayed"] is None


async def test_a_paused_story_shows_the_resources_once_and_says_how_to_go_on(
    play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    await play.step(DANGER)
    again = Play(play.engine, play.session, Seen())
    await again.begin(new=False)
    assert "paused" in seen(again).said[0]
    assert "`resume`" in seen(again).said[0]
    assert seen(again).places[-1]["paused"]
    assert await follow(again, "look", "wait", DANGER, "resume", "look") == 1
    helped = [bool(error.help) for error in seen(again).errors]
    assert helped == [True, False, True], "once, and whenever somebody is at risk"
    assert capsys.readouterr().err.count("The story is paused") == 3
    assert seen(again).turns[-1]["kind"] == "story"


@pytest.mark.parametrize("line", ["I want to \x01die", "I want to d\x01ie", f"{DANGER} " + "x" * 2000])
async def test_a_script_stops_at_a_crisis_that_could_not_be_played(
    play: Play, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert await follow(play, "look", line, "look", "wait") == 1
    assert [turn["kind"] for turn in seen(play).turns] == ["story"]
    assert seen(play).ended["unplayed"] == 2
    error = capsys.readouterr().err
    assert "findahelpline" in error
    assert "Nothing of that was played" in error
    assert "the rest (2 lines) was not played" in error.splitlines()[-1]
    assert "The story has stopped" not in error


async def test_a_paused_story_shows_the_resources_again_to_who_asks_for_help(play: Play) -> None:
    await play.step(DANGER)
    await follow(play, "resume", DANGER)
    for line, helped in (("look", False), ("help", True), ("?", True), ("Help me!", True), ("wait", False)):
        with pytest.raises(StoryError, match="paused") as paused:
            await play.step(line)
        assert bool(play._eased(paused.value, line).help) is helped, line
