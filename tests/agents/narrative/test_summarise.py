"""A chapter's summary: told by rules from what changed, or a model's that nothing speaks against."""

import json
from pathlib import Path
from typing import Any

import pytest
from cottage import COTTAGE
from fakes import Answering, telling_of
from told import WORLDS, Told

from agents.models.offline import OfflineStoryteller
from agents.models.storyteller.chapter import CHAPTER_CHARS, SO_FAR_CHARS, tell_chapter, tell_so_far
from agents.narrative.claims import contradiction, known_facts
from agents.narrative.happenings import find_happenings
from agents.narrative.summarise import Stretch, Summary, extract, summarise
from agents.prompts import Prompts
from agents.safety.screen import Screen
from agents.safety.sentences import split_sentences
from agents.story import change
from agents.world.load import load_text
from agents.world.resolve import resolve
from agents.world.schema import World
from agents.world.view import View

ACTIONS = [
    "take lamp",
    "north",
    "talk to maren",
    "take stone",
    "give stone to maren",
    "take large key",
    "drop large key",
]


def played(world: World, actions: list[str], *, skip: int = 0, so_far: str = "") -> Stretch:
    """The actions after the first `skip`, as the rules decide them and the offline storyteller tells them."""
    story = Told(world)
    story.do(*actions[:skip])
    before, turns = dict(story.slots), list[Any]()
    for action in actions[skip:]:
        _, changes = resolve(world, story.slots, action, story.focus, story.number + 1)
        prose = story.do(action)
        number = story.number
        turns.append(
            {"turn_id": str(number), "number": number, "kind": "story", "narration": prose, "changes": changes}
        )
    return Stretch(
        world=world, number=1, turns=turns, moments={}, before=before, after=dict(story.slots), so_far=so_far
    )


@pytest.fixture
def stretch() -> Stretch:
    return played(load_text(Path(COTTAGE).read_text(), "cottage.yaml").world, ACTIONS)


def answer(summary: object, so_far: object = "You met Maren.") -> str:
    return json.dumps({"summary": summary, "story_so_far": so_far})


async def ask(stretch: Stretch, text: str, timeout_s: float = 5) -> Summary:
    return await summarise(stretch, Answering(answers=[text]), Prompts(), telling_of(), timeout_s=timeout_s)


async def test_a_fitting_summary_of_the_model_is_kept(stretch: Stretch) -> None:
    made = await ask(stretch, "```json\n" + answer("You took the brass lamp and met Maren in the garden.") + "\n```")
    assert made.source == "model"
    assert made.text == "You took the brass lamp and met Maren in the garden."
    assert (made.so_far, made.fault) == ("You met Maren.", "")
    assert made.usage == {"calls": 1, "input_tokens": 70, "output_tokens": 9}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("no json at all", "garbage"),
        ('{"summary": ', "garbage"),
        ('["summary"]', "garbage"),
        (answer(""), "empty"),
        (answer(["a"]), "empty"),
        (answer("You met Maren. " * 60), "too long"),
        (answer("You met Maren. Help is on its way to you."), "unsafe"),
        (answer("You met Maren. You hold the hand bell."), "untrue"),
        (answer("You met Maren. You win."), "untrue"),
        (answer("You met Maren, who told you of the folded note and the cellar."), "names what was not there"),
        ("<fail>", "RuntimeError"),
        ("<hang>", "TimeoutError"),
    ],
)
async def test_whatever_is_wrong_with_the_models_the_rules_summary_stands(
    stretch: Stretch, text: str, fault: str
) -> None:
    made = await ask(stretch, text, timeout_s=0.3 if text == "<hang>" else 5)
    plain = extract(stretch)
    assert (made.text, made.so_far, made.source) == (plain.text, plain.so_far, "extract")
    assert made.fault == fault
    assert made.usage["calls"] == 1


async def test_an_unfit_story_so_far_costs_only_itself(stretch: Stretch) -> None:
    for so_far, fault in (
        ("", "so_far empty"),
        ("word " * 400, "so_far too long"),
        ("You hold the hand bell.", "so_far untrue"),
    ):
        made = await ask(stretch, answer("You met Maren in the garden.", so_far))
        assert (made.source, made.text, made.fault) == ("model", "You met Maren in the garden.", fault)
        assert made.so_far == "You met Maren in the garden."


async def test_the_model_reads_what_happened_and_nothing_that_is_no_story(stretch: Stretch) -> None:
    taken = [change("small_key", "in", "player", "verb:take")]
    aside: Any = {"turn_id": "x", "number": 3, "kind": "check_in", "narration": "asideword", "changes": taken}
    model = Answering(answers=[answer("You met Maren.")])
    wide = Stretch(**{**vars(stretch), "turns": [*stretch.turns, aside], "so_far": "You had slept."})
    await summarise(wide, model, Prompts(), telling_of(), timeout_s=5)
    prompt = "\n".join(str(message.text) for message in model.asked[-1])
    assert "You had slept." in prompt
    assert '"kind":"met"' in prompt
    assert "asideword" not in prompt
    assert '{"thing":"the small key"}' not in prompt
    assert "small key" not in extract(wide).text
    assert len(prompt) < 3_000 + 260 * len(wide.turns)


async def test_the_offline_model_answers_with_the_rules_summary(stretch: Stretch) -> None:
    made = await summarise(stretch, OfflineStoryteller(), Prompts(), telling_of(), timeout_s=5)
    assert (made.text, made.source, made.fault) == (extract(stretch).text, "model", "")


def test_what_came_to_nothing_is_not_told(stretch: Stretch) -> None:
    text = extract(stretch).text
    assert "brass lamp" in text
    assert "large key" not in text, "it was put down again"


def test_told_twice_is_told_the_same(stretch: Stretch) -> None:
    assert extract(stretch) == extract(stretch)


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_a_whole_play_is_told_within_its_bounds_and_passes_the_gate(name: str) -> None:
    script = Path(__file__).parents[2] / "worlds" / f"{name}.txt"
    actions = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    world, so_far, screen = WORLDS[name], "", Screen.load()
    for last in range(32, len(actions) + 1, 32):
        stretch = played(world, actions[:last], skip=last - 32, so_far=so_far)
        summary = extract(stretch)
        facts = known_facts(View(world, stretch.after), moved=True, authored=())
        assert [wrong for sentence in split_sentences(summary.text) if (wrong := contradiction(sentence, facts))] == []
        so_far = summary.so_far
        assert 0 < len(summary.text) <= CHAPTER_CHARS
        assert len(so_far) <= SO_FAR_CHARS
        assert all(screen.narration(sentence)["action"] == "allow" for sentence in (summary.text, so_far))
        assert summary.text.endswith((".", "”"))


def test_a_story_so_far_stays_bounded_and_keeps_what_was_reached() -> None:
    so_far = ""
    for n in range(40):
        happenings = [
            {"turn": n, "kind": "took", "where": f"in room {n}", "names": {"thing": f"the ring {n}"}},
            {"turn": n, "kind": "met", "where": f"in hall {n}", "names": {"who": f"Ann{n}", "pronoun": "she"}},
        ]
        if n % 8 == 0:
            happenings.append(
                {"turn": n, "kind": "reached", "where": "in the hall", "names": {"goal": f"Light lamp {n}"}}
            )
        so_far = tell_so_far(so_far, tell_chapter(happenings))
        assert len(so_far) <= SO_FAR_CHARS
        assert f"Ann{n}" in so_far
    assert all(f"You managed to light lamp {n}." in so_far for n in range(0, 40, 8))
    assert "the ring 3." not in so_far


@pytest.mark.parametrize("limit", [0, 10, 60, 300])
def test_a_summary_keeps_to_any_limit(stretch: Stretch, limit: int) -> None:
    found = find_happenings(
        stretch.world, stretch.before, stretch.turns, {"3": ["A sentence of an author that is long enough."]}
    )
    assert len(tell_chapter(found, limit)) <= limit
    assert len(tell_so_far("You were there. " * 50, tell_chapter(found), limit)) <= limit


def test_turns_of_an_earlier_edition_of_the_world_are_told_without_what_it_no_longer_has(stretch: Stretch) -> None:
    text = Path(COTTAGE).read_text().replace("garden", "orchard").replace("brass lamp", "tin lamp")
    later = Stretch(**{**vars(stretch), "world": load_text(text, "cottage.yaml").world})
    told = extract(later).text
    assert "the tin lamp" in told
    assert "You met Maren" in told
    assert "garden" not in told
