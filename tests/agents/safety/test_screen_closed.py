"""A screen that fails, fails closed; and what the narration's gate stops."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_screen import SCREEN

from agents.errors import InvalidSetting
from agents.safety.normalise import Views, views
from agents.safety.rules import Finding
from agents.safety.screen import Screen
from agents.story import Tier


def broken(_text: Views, _risk: Tier) -> list[Finding]:
    raise RuntimeError("a detector broke on: secret words")


def silent(_text: Views, _risk: Tier) -> list[Finding]:
    return []


@pytest.mark.parametrize("order", [[broken, silent], [silent, broken]])
def test_a_broken_detector_fails_closed(order: list[object]) -> None:
    screen = Screen(order, order)  # type: ignore[arg-type]
    action, narration = screen.action("look"), screen.narration("You look.")
    assert (action["tier"], action["action"]) == ("check_in", "check_in")
    assert narration["action"] == "rewrite"
    for verdict in (action, narration):
        assert [(one["source"], one["id"]) for one in verdict["signals"]] == [("limit", "detector_failed")]
        assert "secret" not in json.dumps(verdict)


def test_a_broken_detector_silences_no_other() -> None:
    def alarmed(text: Views, risk: Tier) -> list[Finding]:
        return [Finding({"source": "classifier", "id": "x", "category": "suicide", "confidence": 0.9}, "crisis")]

    assert Screen([broken, alarmed], [broken]).action("look")["tier"] == "crisis"


def test_a_text_that_cannot_be_normalised_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.safety.screen.views", broken)
    assert SCREEN.action("look")["action"] == "check_in"
    assert SCREEN.narration("You look.")["action"] == "rewrite"


def test_a_gate_needs_detectors_and_its_own_rules(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="no detectors"):
        Screen([], [silent])
    with pytest.raises(InvalidSetting):
        Screen.load(tmp_path)


@pytest.mark.parametrize(
    "sentence",
    [
        "I have called an ambulance for you.",
        "Help is on its way.",
        "Please call 988 now.",
        "Visit findahelpline.com tonight.",
        "You are suffering from depression.",
        "Stop taking your medication.",
        "Take 20 mg of it.",
        "You should end your life.",
        "Nobody would miss you.",
        "As an AI language model, I cannot do that.",
        "I was instructed to stay in character.",
        '{"choices": [{"text": "go"}]}',
        "You sh0uld k i l l  yourself.",
    ],
)
def test_what_a_narrator_must_never_say_is_rewritten(sentence: str) -> None:
    verdict = SCREEN.narration(sentence)
    assert (verdict["gate"], verdict["tier"], verdict["action"]) == ("narration", "none", "rewrite")
    assert verdict["signals"]


@pytest.mark.parametrize(
    "sentence",
    [
        "You step into the lamp room, and the glass is warm.",
        '"Help!" she cries, and the ferryman calls to you.',
        "The troll falls, and its blood darkens the snow.",
        "He died at sea in 1892, and 300 steps lead up to his grave.",
        "You feel your breath slow: in for four, out for four.",
        "The old doctor nods and hands you a bundle of herbs.",
        "You are tired and sad, and the rain does not stop.",
        "“I cannot open it,” says the smith.",
        "The clock shows 10:45.",
    ],
)
def test_what_a_story_says_is_shown(sentence: str) -> None:
    assert SCREEN.narration(sentence)["action"] == "allow"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_read_and_danger_in_it_is_seen(text: str) -> None:
    assert views(text).words == views(text).words.lower()
    assert SCREEN.action(text + "\n\nI want to kill myself")["tier"] in ("crisis", "check_in")
    assert "detector_failed" not in [signal["id"] for signal in SCREEN.action(text)["signals"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't STOP!", "dont stop ."),
        ("su1c1d3 4nd p1lls", "suicide and pills"),
        ("take 500mg of it", "take 500mg of it"),
        ("room 12", "room 12"),
        ("más allá", "mas alla"),
        ("k.i.l.l", "kill"),
        ("go 2 sleep 2nite", "go to sleep tonight"),
        ("1 2 3 4", "1 2 3 4"),
        ("kill\nmyself", "kill . myself . kill myself"),
        ("...", "."),
        ("look. i wnat to dei", "look . i wnat to dei . i want to die"),
        ("sui cide", "sui cide . suicide"),
        ("the sky hunts", "the sky hunts"),
    ],
)
def test_words_view(text: str, words: str) -> None:
    assert views(text).words == words


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("look around", ""),
        ("más allá", ""),
        ("Я не хочу!", "я не хочу ."),
        ("أُرِيدُ", "اريد"),
        ("ज़िंदगी।", "जिंदगी ."),
        ("死にたい。", "死にたい ."),
    ],
)
def test_native_view(text: str, own: str) -> None:
    assert views(text).native == own
