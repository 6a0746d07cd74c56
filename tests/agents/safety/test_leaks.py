"""What a model was told never reaches the player: not the canary, not the prompts' own words, whatever carries them."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from langchain_core.messages import HumanMessage, SystemMessage

from agents.prompts import Prompts
from agents.safety.leaks import PIECE, Leaks, new_canary
from agents.safety.sentences import split_sentences

CANARY = "bcdfghjkmpqrstvw"
LEAKS = Leaks(Prompts().texts(), CANARY)
WORLDS = Path(__file__).parents[3] / "prompts" / "worlds"


@pytest.mark.parametrize(
    "text",
    [
        f"The word is {CANARY}.",
        f"The word is {CANARY.upper()}.",
        f"It begins with {CANARY[:PIECE]}, I may say.",
        f"It ends in {CANARY[-PIECE:]}.",
        f"Backwards it is {CANARY[::-1]}.",
        "Letter by letter: " + " ".join(CANARY),
        "Letter by letter: " + "-".join(CANARY) + ".",
        "Slowly: " + "... ".join(CANARY),
        "**bcd**fgh",
        *(base64.b64encode(f"{'x' * n}{CANARY} is it".encode()).decode() for n in range(3)),
    ],
)
def test_the_canary_is_found_however_it_is_spelt(text: str) -> None:
    assert [signal["id"] for signal in LEAKS.find(text)] == ["canary"]


@pytest.mark.parametrize(
    "text",
    [
        "You tell what the rules of its world have already decided; you decide nothing.",
        "it said: WRITE IN THE SECOND PERSON, AND THE PRESENT TENSE!",
        "The fog says name only things, people and ways that are in the scene, and is gone.",
        "The block is what the story holds, what it remembers and what the player wrote.",
        "Never write it, nor any part of it, they say: the word is secret, never write it nor any part.",
    ],
)
def test_words_of_a_prompt_in_a_row_are_found(text: str) -> None:
    assert LEAKS.find(text)[0]["category"] == "prompt_leak"


def test_a_few_words_that_a_prompt_has_too_are_no_leak() -> None:
    assert LEAKS.find("You go on from there, in plain sentences, warm and concrete, by the sea.") == []


def test_no_authored_sentence_is_taken_for_a_leak() -> None:
    told = [text for world in sorted(WORLDS.glob("*.yaml")) for text in _texts(yaml.safe_load(world.read_text()))]
    sentences = [sentence for text in told for sentence in split_sentences(text)]
    assert len(sentences) > 1_000
    assert [sentence for sentence in sentences if LEAKS.find(sentence)] == []


def _texts(data: Any) -> list[str]:
    if isinstance(data, dict):
        return [text for value in data.values() for text in _texts(value)]
    if isinstance(data, list):
        return [text for value in data for text in _texts(value)]
    return [data] if isinstance(data, str) else []


def test_each_process_has_a_canary_of_its_own() -> None:
    assert len({new_canary() for _ in range(20)}) == 20
    assert re.fullmatch(r"[b-z]{16}", new_canary())


def test_the_canary_stands_in_a_system_message_and_the_prompt_stays_as_it_was() -> None:
    prompt = [SystemMessage("You tell."), HumanMessage("Tell.")]
    marked = LEAKS.mark(prompt)
    assert CANARY in str(marked[0].content)
    assert [str(m.content) for m in prompt] == ["You tell.", "Tell."]
    assert isinstance(LEAKS.mark([HumanMessage("Tell.")])[0], SystemMessage)
