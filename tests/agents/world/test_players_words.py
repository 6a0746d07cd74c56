"""How an answer treats the player's own words: little words are never strange, nouns come back as typed, pronouns fit,
a nod is short, a place has its own small word, and what is told twice is answered in two ways."""

from itertools import pairwise

import pytest
from told import WORLDS, Told

from agents.safety.sentences import split_sentences
from agents.world.choices import possible
from agents.world.echo import as_typed, is_little, noun_of
from agents.world.heart import answer_heart, kinds
from agents.world.parse import parse
from agents.world.schema import World
from agents.world.view import View, initial_slots


def told(world: str, *before: str) -> Told:
    story = Told(WORLDS[world])
    story.do(*before)
    return story


# ---------------------------------------------------------------- what was not understood


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("this is the Gloaming of it", "Gloaming"),
        ("i'd the flibber a wug", "flibber"),
        ("of the my Zanzibar", "Zanzibar"),
        ("to a", ""),
        ("my", ""),
        ("i would the of", ""),
        ("I'd", ""),
        ("the lamp of the boat", ""),  # words that are known, in no order that means anything
    ],
)
def test_the_word_that_was_not_understood_is_one_that_means_something(line: str, word: str) -> None:
    story = told("winter_light")
    said = story.do(line)
    assert story.outcome["status"] == "unknown"
    assert story.outcome["beats"][0].get("names", {}).get("word", "") == word
    assert (f"“{word}”" in said) if word else ("“" not in said)


@pytest.mark.parametrize("word", ["this", "I", "the", "my", "I'd", "a", "to", "of", "don't", "can't", "we're", "onto"])
def test_little_words(word: str) -> None:
    assert is_little(word)


def test_no_name_of_the_world_is_called_unknown() -> None:
    """Nor does the answer tell whether the thing exists: it only says that the sentence was not understood."""
    story = told("winter_light")
    story.do("the spectacles of the keeper therefore")
    assert story.outcome["beats"][0].get("names", {}).get("word", "") == "therefore"


# ---------------------------------------------------------------- what was named and is not here


@pytest.mark.parametrize(
    ("phrase", "noun"),
    [
        ("up coat", "coat"),
        ("letter off cliff", "letter"),
        ("coat up", "coat"),
        ("the box of matches in the drawer", "box of matches"),
        ("of the", ""),
        ("big old blue coat", "big old blue coat"),
    ],
)
def test_a_noun_is_cut_out_of_its_phrase(phrase: str, noun: str) -> None:
    assert noun_of(phrase) == noun


def test_words_come_back_as_they_were_typed() -> None:
    assert as_typed("blue coat", "Take The Blue coat") == "Blue coat"
    assert as_typed("maren", "Ask MAREN’s friend Maren") == "Maren"


@pytest.mark.parametrize(
    ("line", "holds", "lacks"),
    [
        ("hang up Coat", "Coat", "up"),
        ("throw anchor off Cliff", "anchor", "Cliff"),
        ("talk to Barnaby", "Barnaby", "barnaby"),
        ("take The Blue Anchor", "Blue Anchor", "The"),
        ("go to London", "London", "london"),
    ],
)
def test_a_refusal_repeats_the_noun_and_nothing_else(line: str, holds: str, lacks: str) -> None:
    story = told("winter_light")
    said = story.do(line)
    assert holds in said
    assert story.outcome["beats"][0]["names"]["phrase"] == holds
    assert lacks not in story.outcome["beats"][0]["names"]["phrase"]


@pytest.mark.parametrize("line", ["throw letter off cliff", "hang up the letter", "examine letter by the lamp"])
def test_what_is_there_is_not_denied_for_the_words_around_it(line: str) -> None:
    story = told("winter_light")  # the letter is in hand
    story.do(line)
    assert story.outcome["beats"][0].get("names", {}).get("why") != "not_here"


def test_who_and_what_is_elsewhere_is_named_only_where_it_is_known() -> None:
    story = told("winter_light")
    story.do("ask dod about the bell")
    assert story.outcome["beats"][0]["names"]["why"] == "not_here", "nobody has spoken of him yet"
    story.do("north", "northwest", "back")  # out to the point, where he sits
    assert "Dod" in story.do("ask dod about the bell")
    assert story.outcome["beats"][0]["names"]["why"] == "away"
    story = told("winter_light", "take spectacles")
    assert story.outcome["beats"][0]["names"] == {"why": "not_here", "phrase": "spectacles"}
    story.do("drop letter", "north")
    assert "the stained letter" in story.do("take Letter").lower()
    assert story.outcome["beats"][0]["names"]["why"] == "out_of_sight"


# ---------------------------------------------------------------- pronouns


@pytest.mark.parametrize("line", ["kiss her", "ask her about pease", "give her a hug", "talk to her"])
def test_a_pronoun_that_fits_nobody_is_told_so(line: str) -> None:
    story = told("letter_garden", "west")  # Desmond alone
    said = story.do(line)
    assert "“her”" in said
    assert "Desmond is here" in said
    assert "More than one" not in said


@pytest.mark.parametrize(
    "line", ["kiss him", "ask him about pease", "give him a hug", "ask them about pease", "kiss them"]
)
def test_a_pronoun_that_fits_one_means_them(line: str) -> None:
    story = told("letter_garden", "west")
    story.do(line)
    assert story.outcome["status"] == "done"
    assert "desmond" in story.outcome["focus"]


def test_a_pronoun_that_fits_two_is_asked_about() -> None:
    story = told("winter_light")
    story.slots |= {"player.in": "kitchen", "lunt.in": "kitchen", "dod.in": "kitchen"}
    said = story.do("ask her about the boat")
    assert story.outcome["beats"][0]["names"]["why"] == "who"
    assert "Isbel" in said
    assert "Miss Lunt" in said
    assert "Dod" not in said
    story.do("ask him about the boat")
    assert story.outcome["focus"][0] == "dod"


def test_what_is_said_of_somebody_far_away_is_no_refusal() -> None:
    story = told("letter_garden", "west")
    story.do("tell her i miss her")
    assert story.outcome["status"] == "done"


# ---------------------------------------------------------------- nods


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        ("perhaps", "nod"),
        ("Yes please", "nod"),
        ("no way", "nod"),
        ("perhaps so", "nod"),
        ("perhaps there is more to this than anybody says", "unknown"),
        ("maybe the old ones knew something of the matter", "unknown"),
        ("maybe i should look at the range", "examine"),
        ("perhaps take the lamp", "take"),
        ("no, go north", "go"),
        ("well perhaps i go north", "go"),
        ("maybe i am only tired", "heart"),
        ("of course i will take the lamp", "take"),
    ],
)
def test_only_a_short_nod_is_one(cottage: World, line: str, verb: str) -> None:
    assert parse(line, cottage)[-1].verb == verb


# ---------------------------------------------------------------- places


@pytest.mark.parametrize(
    ("world", "place", "where"),
    [
        ("winter_light", "slip", "on the landing slip"),
        ("winter_light", "kitchen", "in the keeper's kitchen"),
        ("night_train", "footbridge", "on the footbridge"),
        ("night_train", "engine", "at the foot of the engine"),
        ("letter_garden", "pond", "by the dipping pond"),
    ],
)
def test_a_place_has_its_small_word(world: str, place: str, where: str) -> None:
    story = told(world)
    story.slots |= {"player.in": place, f"{place}.visits": 1}
    story.number = 6  # of the two ways to say it, the one with the small word
    said = {story.do(f"go to {WORLDS[world].locations[place].name}") for _ in range(2)}
    assert any(f"You are {where} already." in line for line in said), said


def test_leaving_a_place_is_not_going_there() -> None:
    story = told("winter_light")
    assert "already" not in story.do("jump off the slip")
    assert "north, east or west" in story.do("leave the slip")
    story.do("north", "leave the slip")
    assert story.outcome["beats"][0]["names"]["why"] == "not_there"
    assert story.view.here == "yard"
    story.do("jump off the cliff")  # the point, where the player has not been
    assert story.outcome["beats"][0]["names"] == {"why": "not_here", "phrase": "cliff"}


def test_there_is_no_way_back_from_the_beginning() -> None:
    story = told("winter_light")
    said = story.do("go back")
    assert "“back”" not in said
    assert "north, east or west" in said
    assert story.outcome["beats"][0]["names"]["why"] == "nowhere_back"
    story.do("north", "go back")
    assert story.view.here == "slip"


def test_a_slope_says_which_way_it_lies() -> None:
    story = told("winter_light")
    said = story.do("up")
    assert story.view.here == "yard"
    assert "the landing slip" in split_sentences(said)[0]
    assert "north" in split_sentences(said)[0]
    story.do("south", "climb up")
    assert story.view.here == "yard"
    story.do("south", "north")
    assert all(beat["kind"] != "bearing" for beat in story.outcome["beats"])


# ---------------------------------------------------------------- told twice

ROUNDS = (
    ("i feel sad", "i feel sad", "i feel sad"),
    ("i feel sad", "i am so tired", "everything hurts", "i feel sad", "i am angry"),
    ("i am happy", "i am glad", "i am happy"),
)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("round_", ROUNDS)
def test_two_feelings_in_a_row_share_no_sentence(world: str, round_: tuple[str, ...]) -> None:
    """Whoever is near, and also where two kinds of feeling are answered from the same lines."""
    for who, person in WORLDS[world].characters.items():
        story = told(world)
        story.slots |= {"player.in": person.in_} | {f"{o}.in": "nowhere" for o in WORLDS[world].characters if o != who}
        answers = [set(split_sentences(story.do(line))) for line in round_]
        for first, second in pairwise(answers):
            assert not first & second, (who, first & second)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", kinds())
def test_no_answer_comes_twice_running(world: str, kind: str) -> None:
    for who in ("", *WORLDS[world].characters):
        view, answers = View(WORLDS[world], initial_slots(WORLDS[world])), list[str]()
        for _ in range(5):
            heard = answer_heart(view, kind, who)
            view = view.after(heard.changes)
            answers.append(heard.beats[0].get("says", ""))
        assert all(first != second for first, second in pairwise(answers)), (who, answers)


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("world", WORLDS)
def test_every_example_of_help_can_be_done_at_that_moment(world: str) -> None:
    places = [WORLDS[world].start, *(person.in_ for person in WORLDS[world].characters.values())]
    for place in places:
        story = told(world)
        story.slots |= {"player.in": place, f"{place}.visits": 1}
        said = story.do("help")
        assert all(word in said for word in ("`inventory`", "`goals`", "`hint`"))
        examples = story.outcome["beats"][0]["names"]["examples"]
        assert examples in said
        for example in examples.strip("`").split("`, `"):
            assert possible(story.view, example), (place, example)
