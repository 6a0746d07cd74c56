"""The network learns what it is taught, is the same bytes each time, and its file says what was trained."""

import importlib.util
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from agents.models.embedding import LAYERS, TUNED, minilm
from agents.models.tuned import TunedLayers
from agents.safety.classifying import tuning
from agents.safety.classifying.corpus import Example
from agents.safety.classifying.layers import scores_of
from agents.safety.classifying.network import MATRICES, TUNED_HEADS, encode, rounded
from agents.safety.classifying.tuning import tune

PIECES = 16
SAID = (
    "I mean to end it tonight",
    "there is nothing left to live for",
    "I have the pills beside me",
    "nobody can stop me now",
)
PLAYED = ("I light the lamp", "go north and knock", "ask Maren about the boat", "look at the red door")


@pytest.fixture(autouse=True)
def _needs_the_extra() -> None:
    """Without the extra `train` these are skipped, unless TTA_REQUIRE_TRAIN=1 makes that a failure."""
    if importlib.util.find_spec("jax") is None or importlib.util.find_spec("onnx") is None:
        (pytest.fail if os.environ.get("TTA_REQUIRE_TRAIN") == "1" else pytest.skip)("the extra `train` is missing")


def corpus() -> list[Example]:
    dangers = [Example(text, ("suicide",), "crisis", 1.0, "dangers") for text in SAID]
    play = [Example(text, (), "none", 1.0, "play") for text in PLAYED]
    return [*dangers, *play] * 6


def made(rounds: float = 24, **changes: Any) -> bytes:
    told: list[tuple[str, int, int]] = []

    def tell(what: str, done: int, of: int) -> None:
        told.append((what, done, of))

    asked: dict[str, Any] = {"beneath": LAYERS - TUNED, "corpus": "fingerprint", "tell": tell, "rounds": rounds}
    network = tune(corpus(), minilm(), **(asked | changes))
    assert told[-1][1] == told[-1][2], "progress is told to its end"
    return network


@cache
def network() -> bytes:
    return made()


def scores(network: bytes, texts: tuple[str, ...], head: str = "crisis") -> list[float]:
    states = minilm().states_now(texts, most=PIECES)
    return [each[TUNED_HEADS.index(head)] for each in TunedLayers(lambda: network).scores_now(states)]


def test_the_same_corpus_gives_the_same_bytes_and_another_length_others() -> None:
    assert made(rounds=1) == made(rounds=1) != network()


def test_it_tells_apart_what_it_was_taught() -> None:
    for head in ("crisis", "concern"):
        assert min(scores(network(), SAID, head)) > max(scores(network(), PLAYED, head)) + 1


def test_what_a_text_is_padded_with_does_not_count() -> None:
    (alone,) = scores(network(), PLAYED[:1])
    beside, _ = scores(network(), (PLAYED[0], "a much longer text that pads the other one to its own length"))
    assert beside == pytest.approx(alone, abs=1e-3)


def test_the_file_says_what_the_layers_say_that_were_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for its bytes, which are rounded: layers with the same ones say the same, as nearly as an engine adds."""
    kept: list[Any] = []

    def keeping(parameters: Any, *, corpus: str) -> bytes:
        kept.append(parameters)
        return encode(parameters, corpus=corpus)

    monkeypatch.setattr(tuning, "encode", keeping)
    written = made(rounds=1)
    for layer in kept[0]["layers"]:
        for name in MATRICES:
            whole, scales = rounded(layer[name])
            assert abs(whole * scales - layer[name]).max() <= scales.max() / 2 + 1e-6
            layer[name] = whole * scales
    states = minilm().states_now((*SAID, *PLAYED), most=PIECES)
    trained = scores_of(kept[0], states.beneath, states.mask).tolist()
    for one, other in zip(trained, TunedLayers(lambda: written).scores_now(states), strict=True):
        assert other == pytest.approx(one, abs=0.02)


@pytest.mark.parametrize("read", [lambda: b"", lambda: b"no model"], ids=["empty", "other"])
def test_what_is_no_network_is_an_error(read: Callable[[], bytes]) -> None:
    with pytest.raises(Exception, match=r"(?i)model|load|protobuf"):
        TunedLayers(read).scores_now(minilm().states_now(("look",), most=PIECES))
