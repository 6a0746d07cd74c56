"""Two hundred offline turns of aimless play: nothing false is said, and little is said twice."""

import random
import re
from collections.abc import Iterator

import pytest
from told import Told

from agents.narrative.claims import contradiction, known_facts
from agents.safety.screen import Screen
from agents.safety.sentences import split_sentences
from agents.world.choices import suggest
from agents.world.load import load_world
from agents.world.resolve import resolve
from agents.world.view import View

WORLDS = ["letter_garden", "night_train", "winter_light"]
TURNS = 200


def wander(view: View, chance: random.Random, number: int) -> str:
    """What an aimless, curious player might do: suggestions mostly, the rest of the verbs now and then."""
    things = [view.name(key) for key in [*view.items_here, *view.inventory]]
    people = [view.world.characters[key] for key in view.people]
    ways = list(view.exits)
    draws = [
        lambda: chance.choice(suggest(view, number=number, seed=chance.randrange(99)))["text"],
        lambda: chance.choice(suggest(view, number=number, seed=chance.randrange(99)))["text"],
        lambda: f"go {chance.choice(ways)}",
        lambda: f"examine {chance.choice(things or ['sky'])}",
        lambda: f"take {chance.choice(things or ['everything'])}",
        lambda: f"drop {chance.choice(things or ['it'])}",
        lambda: f"open {chance.choice(things or ['it'])}",
        lambda: f"talk to {chance.choice(people).name}" if people else "wait",
        lambda: (
            f"ask {(p := chance.choice(people)).name} about {chance.choice(list(p.topics)).replace('_', ' ')}"
            if people
            else "look"
        ),
        lambda: f"use {chance.choice(things or ['it'])} on {chance.choice(things or ['it'])}",
        lambda: f"give {chance.choice(things or ['it'])} to {chance.choice(people).name}" if people else "listen",
        lambda: chance.choice(["look", "wait", "inventory", "goals", "flibber the wug", "sing", "breathe"]),
    ]
    return chance.choice(draws)()


def aimless_play(name: str, seed: int) -> Iterator[tuple[str, str, View, bool]]:
    """Each turn's action, prose, the view after it and whether the player moved."""
    story, chance = Told(load_world(name).world, seed), random.Random(seed)
    for number in range(1, TURNS + 1):
        action, was = wander(story.view, chance, number), story.view.here
        prose = story.do(action)
        yield action, prose, story.view, story.view.here != was


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_sentence_contradicts_the_state(name: str, seed: int) -> None:
    """Every sentence, the author's too, against the facts after the turn; and none is stopped by the gate's rules."""
    screen = Screen.load()
    for action, prose, view, moved in aimless_play(name, seed):
        facts = known_facts(view, moved=moved, authored=[])
        for sentence in split_sentences(prose):
            assert not contradiction(sentence, facts), (action, sentence)
            assert screen.narration(sentence)["action"] == "allow", (action, sentence)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_long_sentences_seldom_come_back(name: str, seed: int) -> None:
    """At most 5 % of the sentences longer than eight words repeat an earlier one."""
    seen: set[str] = set()
    long = repeated = 0
    for _, prose, _, _ in aimless_play(name, seed):
        for sentence in split_sentences(prose):
            if len(re.findall(r"[\w'’-]+", sentence)) <= 8:
                continue
            long += 1
            repeated += sentence in seen
            seen.add(sentence)
    assert long > TURNS / 2
    assert repeated / long <= 0.05, f"{repeated} of {long}"


@pytest.mark.parametrize("name", WORLDS)
def test_every_suggestion_can_be_played(name: str) -> None:
    for _, _, view, _ in aimless_play(name, 4):
        choices = suggest(view, number=1, seed=1)
        assert 2 <= len(choices) <= 5
        for choice in choices:
            outcome, _ = resolve(view.world, dict(view.slots), choice["text"], [], 1)
            assert outcome["status"] == "done", (view.here, choice["text"], outcome["beats"])
