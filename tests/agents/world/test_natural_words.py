"""What people really type: feelings and small words are answered, wishes are understood, refusals say which word."""

import pytest
from told import WORLDS, Told

from agents.safety.screen import Screen
from agents.safety.sentences import split_sentences
from agents.world.breath import draw_breath
from agents.world.choices import suggest
from agents.world.heart import kind_of, kinds
from agents.world.view import looks_plural

FEELINGS = (
    "i feel sad", "my friend died", "nobody likes me", "i miss my dad", "i'm lonely too", "i am scared", "i'm so tired",
    "I'm angry", "i hate this", "i am happy", "i give up", "i feel nothing anymore", "sorry", "goodbye", "thank you",
    "i'm sorry for your loss", "tell me a story", "ask for help", "who am i", "what time is it", "i wish it was over",
    "I can't sleep", "my mother is ill", "i feel like crying", "everything hurts", "i am not okay", "i love this place",
)  # fmt: skip
PARSER_ERRORS = (
    "isn't here",
    "in vain",
    "not here",
    "lose the thread",
    "does not quite land",
    "means nothing",
    "You could",
)


@pytest.mark.parametrize("name", WORLDS)
def test_a_feeling_is_answered_wherever_it_is_said(name: str) -> None:
    """Plainly, as something done, with nothing behind it, the same feeling differently the second time."""
    story, screen = Told(WORLDS[name]), Screen.load()
    people = next(iter(story.world.characters.values()))
    for place in (story.world.start, people.in_):
        story.slots["player.in"] = place
        for feeling in FEELINGS:
            said = story.do(feeling)
            assert story.outcome["status"] == "done", feeling
            assert [beat["kind"] for beat in story.outcome["beats"] if beat["kind"] not in ("consequence",)] == [
                "heard"
            ]
            assert not any(error in said for error in PARSER_ERRORS), (feeling, said)
            assert all(screen.narration(sentence)["action"] == "allow" for sentence in split_sentences(said)), said
            assert story.do(feeling) != said


@pytest.mark.parametrize("kind", kinds())
def test_every_answer_may_be_told(kind: str) -> None:
    screen = Screen.load()
    lines = [*kinds()[kind].answers, *kinds()[kind].beside]
    assert lines
    for sentence in (sentence for line in lines for sentence in split_sentences(line)):
        assert screen.narration(sentence)["action"] == "allow", sentence


@pytest.mark.parametrize(
    ("action", "kind", "who"),
    [
        ("tell isbel i am sorry", "sorry", "isbel"),
        ("tell dod i love him", "love", "dod"),
        ("tell miss lunt a joke", "joke", "miss lunt"),
        ("give isbel a hug", "hug", "isbel"),
        ("thank you, isbel", "thanks", "isbel"),
        ("i think nobody cares", "lonely", ""),
        ("I've lost my brother", "lost", ""),
        ("i lost my way", "", ""),
        ("take the lamp", "", ""),
        ("i feel the wall", "", ""),
        ("i need to look around", "", ""),
    ],
)
def test_what_is_said_to_whom(action: str, kind: str, who: str) -> None:
    assert kind_of(action, WORLDS["winter_light"]) == (kind, who)


def test_a_person_takes_it_in_their_own_manner() -> None:
    story = Told(WORLDS["winter_light"])
    assert "Isbel" not in story.do("i feel sad")
    story.do("north", "east")
    assert "Isbel" in story.do("i feel sad")
    assert "says Isbel" in story.do("hello")
    story.do("tell dod i am sorry")
    assert story.outcome["beats"][0]["names"] == {"phrase": "dod", "why": "not_here"}, "nobody has spoken of him yet"
    story.slots["dod.met"] = 1
    story.do("tell dod i am sorry")
    assert story.outcome["beats"][0]["names"] == {"who": "Dod", "why": "away"}


@pytest.mark.parametrize(
    ("before", "action", "holds", "lacks"),
    [
        # Who is there; the place in short where nothing is new, and whole as often as that is asked for.
        (["north"], "east", ["Isbel"], []),
        (
            ["north", "east", "look closely"],
            "look again",
            ["A low room", "Isbel", "west to the walled yard", "oatcake"],
            ["again"],
        ),
        (
            ["north", "east"],
            "look",
            ["Isbel", "Ways on: |Ways out: ", "oatcake", "Look closely"],
            ["A low room"],
        ),
        (["north", "east"], "have a closer look", ["A low room"], ["Look closely"]),
        (["look"], "look around once more", ["A ramp of granite setts"], []),
        (["look"], "look", ["Ways on: |Ways out: "], ["A ramp of granite setts"]),
        ([], "look", ["A ramp of granite setts"], ["The slip again", "Back on"]),
        (["north", "east"], "who is here", ["Isbel"], []),
        ([], "where is everybody", ["but you", "Nobody", "only one"], []),
        # Several things: each is answered.
        (["north", "east"], "take the card and the oatcake and look at them", ["card", "roof|oatcake"], ["urn"]),
        # Ways by the words of the description, and back.
        ([], "go up the path", ["Four whitewashed walls"], []),
        ([], "climb the path", ["Four whitewashed walls"], []),
        ([], "go up", ["Four whitewashed walls"], []),
        (["west"], "go outside", ["slip"], []),
        (["north"], "go back", ["slip"], []),
        (["north"], "go to the pump", ["the pump|The pump"], ["no way"]),
        # What is not understood is named.
        ([], "xyzzy", ["xyzzy"], ["There is time", " Or "]),
        ([], "take the broom", ["broom"], ["in vain"]),
        ([], "go southwest", ["southwest", "north"], ["perhaps"]),
        ([], "drop all", ["stained letter"], []),
        (["drop all"], "drop all", ["empty|nothing"], ["all"]),
        # Whom a pronoun means.
        (["north", "east"], "talk to her", ["Isbel"], []),
        ([], "talk to her", ["obody|alone"], []),
        ([], "talk to isbel", ["isbel"], []),
        (["north", "east"], "help isbel read the letter", ["says Isbel"], []),
        ([], "x me", ["You|Yourself"], ["not here"]),
        ([], "look out of the water", ["Grey-green"], []),
        ([], "pull the boat up", ["boat"], ["No boat|no boat"]),
        ([], "stand up", ["You"], ["again"]),
        (
            ["east"],
            "take the beach stones",
            ["stones are|stones stay|take the beach stones"],
            ["stones stays", "stones is"],
        ),
    ],
)
def test_an_action_as_people_type_it(before: list[str], action: str, holds: list[str], lacks: list[str]) -> None:
    story = Told(WORLDS["winter_light"])
    story.do(*before)
    said = story.do(action)
    if action == "where is everybody":
        assert any(part in said for part in holds)
    else:
        assert all(any(way in said for way in part.split("|")) for part in holds), said
    assert not any(way in said for part in lacks for way in part.split("|")), said


def test_nothing_is_told_behind_a_refusal_or_a_feeling() -> None:
    story = Told(WORLDS["winter_light"])
    for action in ("xyzzy", "take the moon", "go southwest", "i feel sad", "goodbye") * 6:
        story.do(action)
        assert not draw_breath(story.view, story.outcome, story.number)[0], action


@pytest.mark.parametrize(
    ("name", "many"),
    [("beach stones", True), ("box of matches", False), ("lens", False), ("glass", False), ("reading spectacles", True),
     ("armful of peats", False), ("beans", True), ("compass", False)],
)  # fmt: skip
def test_a_name_shows_whether_it_is_many(name: str, many: bool) -> None:
    assert looks_plural(name) is many


@pytest.mark.parametrize("name", WORLDS)
def test_no_suggestion_stands_for_long_or_twice(name: str) -> None:
    """Sitting still: nothing is offered nine times running unless it is a way or a rest, nothing in two forms."""
    story, run, longest = Told(WORLDS[name]), dict[str, int](), dict[str, int]()
    for number in range(1, 40):
        texts = [choice["text"] for choice in suggest(story.view, number=number, seed=7)]
        objects = [text.split(" ", 1)[-1] for text in texts if text.startswith(("examine", "read"))]
        assert len(objects) == len(set(objects)), texts
        run = {text: run.get(text, 0) + 1 for text in texts}
        longest |= {text: max(count, longest.get(text, 0)) for text, count in run.items()}
    assert all(count < 9 for text, count in longest.items() if not text.startswith(("go ", "look", "wait"))), longest


WARM = ("north", "take peats", "east", "stoke the range")
LETTER = (*WARM, "give the letter to isbel")


@pytest.mark.parametrize(
    ("world", "before", "action", "holds", "lacks"),
    [
        ("winter_light", WARM, "stoke the range", "has had its armful", "Nothing has changed"),
        ("winter_light", LETTER, "ask about spectacles", "chessboard", "Nothing there"),
        ("winter_light", LETTER, "ask for the key", "you has it", "at dusk"),
        ("winter_light", ("north", "east", "east"), "give her the letter", "ho", "takes"),
        ("winter_light", ("north", "east", "take oatcake"), "eat the oatcake", "sturdier", "You would rather not"),
        ("winter_light", (), "open the letter", "MISS I. RASK", "does not open"),
        ("winter_light", (*LETTER, "west", "unlock tower door", "north", "east", "take spectacles", "west", "south", "east",
                          "give spectacles to isbel"), "what does the letter say?", "concertina", "when I have one"),
        ("winter_light", ("north", "east", "talk to isbel"), "what should i do", "Something was left", "give her the letter"),
        ("winter_light", ("east",), "look at the sea", "The waves come in", "They come"),
        ("night_train", (), "open the suitcase", "catches will not give", "does not open"),
        ("night_train", ("look", "look", "look"), "look closely", "In Berth Eleven", "Behind the door"),
        ("letter_garden", ("west", "ring the bell", "give card to desmond"), "ring the bell", "Ting", "Assistant Sorter"),
        ("letter_garden", ("west", "hello"), "ring the bell", "Ting", "Assistant Sorter"),
        ("letter_garden", (), "yes", "nothing was asked|Nothing was asked", "could yes"),
        ("night_train", ("out", "east"), "take the card and the broom", "the card", "urn"),
        ("night_train", (), "look", "You can only go out|From here you can only go out", "out is out"),
        ("night_train", ("out", "east", "east", "east", "east"), "open the door", "brass handle", "does not open"),
        ("letter_garden", ("west", "ring the bell"), "ask desmond what happened to pease", "Gone quiet", "another department"),
    ],
)  # fmt: skip
def test_the_fiction_holds_together(world: str, before: tuple[str, ...], action: str, holds: str, lacks: str) -> None:
    story = Told(WORLDS[world])
    story.do(*before)
    said = story.do(action)
    assert any(way in said for way in holds.split("|")), said
    assert lacks not in said


def test_a_mute_character_is_given_no_words() -> None:
    story = Told(WORLDS["letter_garden"])
    story.slots |= {"player.in": "potting_shed", "zinc_tag.in": "player"}
    for action in ("give pease the tag", "ask pease about the moon", "talk to pease") * 12:
        assert "says Pease." not in story.do(action)
