"""The rules of the world decide what an action does."""

from collections.abc import Callable

import pytest

from agents.world.view import is_bookkeeping

Begin = Callable[..., "Ruled"]  # noqa: F821 - the fixture's class


def test_things_are_taken_carried_and_put_down(play: Begin) -> None:
    story = play("take the lamp")
    assert story.view.inventory == ["lamp"]
    story.do("go north", "drop it")
    assert story.view.inventory == []
    assert "lamp" in story.view.items_here


def test_several_things_at_once(play: Begin) -> None:
    story = play("n", "take the small key and the stone")
    assert set(story.view.inventory) == {"small_key", "stone"}
    story.do("drop everything")
    assert story.view.inventory == []


def test_pronouns_mean_what_was_spoken_of_last(play: Begin) -> None:
    story = play("examine lamp", "take it")
    assert story.view.inventory == ["lamp"]
    story.do("n", "talk to maren", "ask her about the lamp")
    assert story.beat("told")["names"]["who"] == "Maren"


def test_which_one_is_asked_and_answered(play: Begin) -> None:
    story = play("n")
    assert story.do("take key")["status"] == "unclear"
    assert story.beat("unclear")["listed"] == ["the small key", "the large key"]
    story.do("small")
    assert story.view.inventory == ["small_key"]


def test_a_question_can_be_left_unanswered(play: Begin) -> None:
    story = play("n", "take key", "go south")
    assert story.view.here == "kitchen"


def test_a_verb_prefers_what_it_can_act_on(play: Begin) -> None:
    story = play("n", "take small key", "take large key", "drop large key")
    story.do("take key")
    assert set(story.view.inventory) == {"small_key", "large_key"}


@pytest.mark.parametrize(
    ("actions", "why"),
    [
        (["go west"], "no_exit"),
        (["take range"], "not_portable"),
        (["take table"], "not_portable"),
        (["take unicorn"], "not_here"),
        (["take"], "what"),
        (["open box"], "is_locked"),
        (["unlock box"], "no_key"),
        (["open lamp"], "not_openable"),
        (["close cellar door"], "is_closed"),
        (["take lamp", "take lamp"], "have_it"),
        (["drop lamp"], "not_held"),
        (["put lamp in box"], "closed_container"),
        (["take lamp", "put lamp on lamp"], "in_itself"),
        (["take lamp", "put table on lamp"], "not_surface"),
        (["take lamp", "put table in lamp"], "not_container"),
        (["talk to lamp"], "not_person"),
        (["talk"], "nobody_here"),
        (["read lamp"], "not_readable"),
        (["n", "take note"], "kept"),
        (["take lamp", "use lamp"], "no_effect"),
        (["go home"], "no_way"),
    ],
)
def test_refusals_have_a_reason_and_change_nothing(play: Begin, actions: list[str], why: str) -> None:
    story = play(*actions[:-1])
    before = dict(story.slots)
    outcome = story.do(actions[-1])
    assert outcome["status"] == "refused"
    assert story.outcome["beats"][0]["names"]["why"] == why
    assert story.slots == before


def test_hands_are_full_at_the_capacity(play: Begin) -> None:
    story = play("take lamp", "take box", "n", "take small key", "take large key", "take stone")
    assert story.outcome["beats"][0]["names"]["why"] == "hands_full"
    assert len(story.view.inventory) == story.world.capacity


def test_a_locked_box_needs_its_key(play: Begin) -> None:
    story = play("n", "take large key", "s", "unlock box with large key")
    assert story.beat("refused")["names"]["why"] == "no_key"
    story.do("n", "take small key", "s", "unlock box with the small key", "open it")
    assert story.beat("opened")["listed"] == ["some matches"]


def test_a_closed_door_is_opened_on_the_way(play: Begin) -> None:
    story = play("down")
    assert story.view.here == "cellar"
    assert story.kinds[:2] == ["opened", "arrived"]


def test_a_way_may_need_a_condition(play: Begin) -> None:
    story = play("east")
    assert story.beat("refused")["says"] == "It is too dark up there without a lamp."


def test_known_places_are_walked_to(play: Begin) -> None:
    story = play("n", "s", "down", "go to the garden")
    assert story.view.here == "garden"


LIT = ("n", "take small key", "s", "unlock box", "open box", "take matches", "light lamp")


def test_an_authors_rule_decides_first(play: Begin) -> None:
    story = play(*LIT)
    assert story.slots["lamp.lit"] is True
    assert story.beat("ruled")["says"] == "The match flares and the wick takes it."
    assert "goal_done" in story.kinds
    story.do("use matches on lamp")
    assert story.beat("ruled")["says"] == "It is lit already."


def test_a_rule_whose_condition_fails_says_why(play: Begin) -> None:
    assert play("n", "take small key", "s", "unlock box", "open box", "light lamp with matches").beat("refused")["says"]


def test_a_rule_counts(play: Begin) -> None:
    story = play("down", "ring bell", "ring the bell", "toll it")
    assert story.slots["world.letters"] == 3


def test_topics_gifts_and_what_is_not_known(play: Begin) -> None:
    story = play("n", "ask maren about the bell")
    assert story.beat("told")["says"].startswith('"It hung')
    story.do("ask maren about taxes")
    assert story.kinds == ["unsure"]
    story.do("ask maren about the secret")
    assert story.beat("unsure")["says"] == '"Later," Maren says.'
    story.do("take stone", "give maren the stone")
    assert story.slots["note.in"] == "player"
    assert story.slots["stone.in"] == "maren"
    story.do("give note to maren")
    assert story.kinds == ["handed_back"]
    assert story.slots["note.in"] == "player"


def test_free_speech_finds_its_topic(play: Begin) -> None:
    story = play("n", "what happened to the bell?")
    assert story.kinds == ["told"]
    story.do('"hello"')
    assert story.kinds == ["met"]


def test_consequences_come_due_where_the_player_is(play: Begin) -> None:
    story = play(*LIT, "wait", "wait")
    assert story.beat("consequence")["says"] == "A draught bends the flame and lets it be."
    assert "consequence" not in play(*LIT, "wait").kinds
    elsewhere = play(*LIT, "n", "wait")
    assert elsewhere.beat("consequence")["says"] == "A door bangs somewhere."


def test_the_world_can_be_won_and_play_goes_on(play: Begin) -> None:
    story = play(*LIT, "down", "take bell", "up", "n", "give bell to maren")
    assert story.view.won
    assert story.beat("won")["says"] == story.world.ending
    story.do("look")
    assert "won" not in story.kinds


def test_techniques_are_opt_in_and_rare(play: Begin) -> None:
    assert "technique" not in play(*LIT, "wait", "wait", "wait").kinds
    story = play(*LIT)
    story.slots["player.techniques"] = True
    offered = []
    for _ in range(6):
        story.do("wait")
        offered.append("technique" in story.kinds)
    assert offered == [True, False, False, True, False, False]
    assert play("breathe").kinds == ["breathed"], "grounding waits for the lamp"
    assert play(*LIT, "breathe").kinds == ["technique"]


def test_gestures_change_nothing(play: Begin) -> None:
    story = play("n")
    before = dict(story.slots)
    for action in ("smell", "listen", "sing", "hug maren", "attack maren", "climb wall", "think about home", "laugh"):
        story.do(action)
    after = {slot: value for slot, value in story.slots.items() if not is_bookkeeping(slot.split(".", 1)[1])}
    assert after == {slot: value for slot, value in before.items() if not is_bookkeeping(slot.split(".", 1)[1])}


def test_what_cannot_be_read_is_no_error(play: Begin) -> None:
    assert play("flibber the wug").outcome["status"] == "unknown"


def test_a_long_chain_says_that_the_rest_waits(play: Begin) -> None:
    story = play("wait; wait; wait; wait; wait; wait")
    assert story.outcome["beats"][-1]["names"]["why"] == "too_many"


def test_the_second_telling_differs(play: Begin) -> None:
    story = play("examine lamp")
    first = story.beat("examined")["says"]
    story.do("examine lamp")
    assert story.beat("examined")["says"] not in ("", first)
