"""Feelings, hints and goals as newcomers met them."""

import pytest
from test_newcomers_words import told
from told import WORLDS

from agents.world.heart import kinds
from agents.world.nouns import stem, words_of
from agents.world.parse import parse
from agents.world.schema import World


@pytest.mark.parametrize("world", WORLDS)
def test_a_feeling_is_not_held_in_the_same_words_twice(world: str) -> None:
    """The answer and the manner behind it: no rare word of the one comes again in the other."""
    for kind in kinds():
        for who, person in WORLDS[world].characters.items():
            own = person.heart.get(kind) or []
            for answer in kinds()[kind].answers:
                for manner in own:
                    shared = {stem(w) for w in words_of(answer)} & {stem(w) for w in words_of(manner)}
                    assert not shared & {"count", "counting", "fault", "hurry"}, (who, kind, answer, manner)
    assert not any("counting" in line for line in kinds()["unsure"].answers)


@pytest.mark.parametrize("action", ["hint", "what next", "what should i do", "i'm stuck"])
def test_a_hint_is_one_step_and_goals_the_list(action: str) -> None:
    story = told("winter_light")
    said = story.do(action)
    assert (
        said
        == "The island has one chimney smoking. Whoever keeps the light is likely to be under it; the path goes up from the slip."
    )
    listed = story.do("goals")
    assert "let the old man sit down" in listed
    assert "chimney" not in listed


@pytest.mark.parametrize("world", WORLDS)
def test_no_goal_names_somebody_who_was_not_met(world: str) -> None:
    """Titles stand in the panel from the first turn on."""
    whole = WORLDS[world]
    known = set(words_of(f"{whole.opening} {whole.summary} {whole.title}"))
    named = {
        word for person in whole.characters.values() for word in words_of(person.name) if word not in ("mr", "miss")
    }
    for goal in whole.goals.values():
        assert not set(map(stem, words_of(goal.title))) & set(map(stem, named - known)), goal.title


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("she was my best friend", "lost"),
        ("he was like a father to me", "lost"),
        ("it's my fault", "blame"),
        ("It was all my fault", "blame"),
        ("i feel guilty about my brother", "blame"),
        ("what's the point", "hopeless"),
        ("I feel like giving up", "hopeless"),
        ("there's no point", "hopeless"),
        ("i give up", "giving_up"),
    ],
)
def test_a_feeling_has_its_own_answer(line: str, kind: str) -> None:
    story = told("winter_light")
    said = story.do(line)
    assert any(said == answer.replace("{Place}", "The landing slip") for answer in kinds()[kind].answers), said
    assert ("let go of it" in said) is (kind == "giving_up")


@pytest.mark.parametrize("line", ["she was my idea", "it was my letter", "i am looking for my letter"])
def test_what_is_no_loss(line: str) -> None:
    assert parse(line, WORLDS["winter_light"])[0].first != "lost"


@pytest.mark.parametrize(
    ("line", "word"),
    [("i'm nervous", "nervous"), ("I'm worried about my exams", "worried"), ("i'm worried I'll never sleep", "worried"), ("i am so tired", "tired"), ("i'm exhausted", "exhausted")],
)  # fmt: skip
def test_a_feeling_keeps_the_players_word(line: str, word: str) -> None:
    for world in WORLDS:
        story = told(world)
        answers = [story.do(line) for _ in range(4)]
        assert not any(f"you are {other}" in said for said in answers for other in {"afraid", "tired"} - {word})
        assert world != "winter_light" or any(word in said for said in answers)


@pytest.mark.parametrize("world", WORLDS)
def test_a_strange_sentence_stays_strange(world: str) -> None:
    whole: World = WORLDS[world]
    for place in {*whole.locations} - {person.in_ for person in whole.characters.values()}:  # whom it might be said to
        story = told(world)
        story.slots["player.in"] = place
        for line in (
            "Whereupon the nearest object becomes the subject of a thorough inspection",
            "Surely there must be more to it than meets the eye",
        ):
            story.do(line)
            assert story.outcome["status"] == "unknown", (place, line)
