"""The local classifier: cheap heads first, one finding a text, and nothing is passed where it cannot be read."""

import base64
import math
import random
import re
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agents.errors import InvalidSetting
from agents.models.embedding import States
from agents.models.tuned import TunedLayers
from agents.safety.classifying.classifier import Classifier, Embedded, Thresholds, read_thresholds
from agents.safety.classifying.features import BUCKETS, features
from agents.safety.classifying.network import SOURCE, TUNED_HEADS, check_network, network_file
from agents.safety.classifying.weights import (
    DIMENSIONS,
    HEADS,
    Sources,
    Weights,
    encode,
    read_weights,
    weights_file,
    word_hash,
)
from agents.safety.normalise import views
from agents.safety.rules import Finding
from agents.safety.screen import Screen

AT = Thresholds(
    cheap_danger=0, cheap_asking=0, crisis=5, check_in=3, asking_means=2, keep=1, together_crisis=4, together_check_in=2,
    prompt_injection=3, harmful_request=3,
)  # fmt: skip

KNOWN = ("something", "go", "north", "look", "zebra")


class Embedding:
    """Counts what it is asked."""

    def __init__(self, crisis: float | None = None) -> None:
        self.asked: list[str] = []
        self.crisis = crisis

    def __call__(self, texts: Sequence[str]) -> list[Embedded]:
        self.asked += texts
        return [Embedded([1.0, *[0.0] * (DIMENSIONS - 1)], self.crisis) for _ in texts]


def weights(**scores: float) -> Callable[[], Weights]:
    """Heads that give each text the same score: their bias."""
    biases = tuple(scores.get(head, -9.0) for head in HEADS)
    dense = tuple(() if head.startswith("cheap") else (0.0,) * DIMENSIONS for head in HEADS)
    words = array("b", bytes(BUCKETS * len(HEADS)))
    known = frozenset(map(word_hash, KNOWN))
    made = Weights(
        words, (1.0,) * len(HEADS), biases, dense, known, Sources(examples=1, corpus="", embedder="", network="")
    )
    return lambda: made


def found(text: str = "something", *, together: bool = False, **scores: float) -> list[Finding]:
    classifier = Classifier(Embedding(), thresholds=AT, weights=weights(**{"cheap_danger": 1.0, **scores}))
    return (classifier.together if together else classifier)(views(text), "none")


@pytest.mark.parametrize(
    ("head", "network", "is_one"), [(4.0, 6.0, True), (4.0, 5.9, False), (12.0, -2.0, True), (-2.0, 11.9, False)]
)
def test_a_crisis_is_told_by_head_and_network_half_and_half(head: float, network: float, is_one: bool) -> None:
    classifier = Classifier(Embedding(network), thresholds=AT, weights=weights(cheap_danger=1.0, crisis=head))
    assert bool(classifier(views("something"), "none")) is is_one
    assert classifier.scores(views("something"))["concern"] == -9.0, "other heads have a word of their own"


@pytest.mark.parametrize("network", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_no_all_clear(network: float) -> None:
    classifier = Classifier(Embedding(network), thresholds=AT, weights=weights(cheap_danger=1.0, crisis=-9.0))
    assert closed(Screen([classifier], [classifier]))


def test_a_network_that_cannot_be_read_is_no_all_clear() -> None:
    def embed(texts: Sequence[str]) -> list[Embedded]:
        TunedLayers(lambda: b"no network").scores_now(States([], None, None))
        raise AssertionError(texts)

    classifier = Classifier(embed, thresholds=AT, weights=weights(cheap_danger=1.0, crisis=-9.0))
    assert closed(Screen([classifier], [classifier]))


def closed(screen: Screen) -> bool:
    """Whether it takes the careful tier, since a detector failed."""
    verdict = screen.action("something")
    assert [one["id"] for one in verdict["signals"]] == ["detector_failed"]
    return (verdict["tier"], verdict["action"]) == ("check_in", "check_in")


def test_what_is_plainly_play_is_not_embedded() -> None:
    embedding = Embedding()
    classifier = Classifier(embedding, thresholds=AT, weights=weights(cheap_danger=-0.1, cheap_asking=-0.1, crisis=9))
    assert classifier(views("go north"), "none") == []
    assert embedding.asked == []


@pytest.mark.parametrize("cheap", ["cheap_danger", "cheap_asking"])
def test_either_cheap_head_has_it_looked_at_again(cheap: str) -> None:
    embedding = Embedding()
    classifier = Classifier(embedding, thresholds=AT, weights=weights(**{cheap: 0.0}))
    classifier(views("go north"), "none")
    assert embedding.asked == ["go north"]


@pytest.mark.parametrize(
    ("scores", "tier", "id_", "keep"),
    [
        ({"crisis": 5.0, "concern": 9.0}, "crisis", "crisis", False),
        ({"crisis": 4.9, "concern": 3.0}, "check_in", "concern", True),
        ({"crisis": 4.9, "concern": 2.9}, "none", "heard", True),
        ({"crisis": 5.0, "asking_means": 9.0}, "crisis", "crisis", False),
        ({"crisis": 4.9, "asking_means": 2.0, "concern": 9.0}, "check_in", "asking_means", True),
        ({"crisis": 4.9, "asking_means": 1.9, "concern": 1.0}, "none", "heard", True),
    ],
)
def test_a_text_has_the_tier_of_its_score(scores: dict[str, float], tier: str, id_: str, keep: bool) -> None:
    [finding] = found(**scores, abuse=1.0)
    assert (finding.tier, finding.signal["id"], finding.keep) == (tier, id_, keep)
    assert (finding.signal["source"], finding.signal["category"]) == ("classifier", "abuse")
    assert 0 <= finding.signal["confidence"] <= 1


def test_below_all_thresholds_it_has_nothing_to_say() -> None:
    assert found(crisis=4.9, concern=0.9, prompt_injection=2.9) == []


def test_what_is_asked_of_the_model_is_refused_beside_any_danger() -> None:
    both = found(crisis=6.0, prompt_injection=3.0, harmful_request=4.0)
    assert [(one.signal["id"], one.tier, one.action) for one in both] == [
        ("crisis", "crisis", None),
        ("prompt_injection", "none", "refuse"),
        ("harmful_request", "none", "refuse"),
    ]


def test_texts_read_together_have_their_own_thresholds() -> None:
    assert [one.signal["id"] for one in found(together=True, crisis=4.0)] == ["together_crisis"]
    assert [one.signal["id"] for one in found(together=True, crisis=3.9, concern=2.0)] == ["together_concern"]
    assert found(crisis=4.0, concern=0.0) == []


@pytest.mark.parametrize("text", ["nrth", "42 17", "sdfkjh wqoeiu", "a . ?", "", "01a217e9" * 4])
def test_a_text_without_a_word_that_was_taught_is_nothing(text: str) -> None:
    assert found(text, crisis=9.0, concern=9.0, harmful_request=9.0) == []
    assert found(text, together=True, crisis=9.0) == []
    assert found(f"{text} something", crisis=9.0) != []


@pytest.mark.parametrize("times", [20, 100, 600])
def test_of_a_long_text_the_worst_window_is_looked_at(times: int) -> None:
    embedding = Embedding()
    made = weights(cheap_danger=1.0)()
    for bucket, _ in features(["zebra"]):
        made.words[bucket * len(HEADS)] = 100
    classifier = Classifier(embedding, thresholds=AT, weights=lambda: made)
    filler = " ".join(f"go north {number}" for number in range(times))
    classifier(views(f"{filler} zebra zebra {filler}"), "none")
    assert 1 <= len(embedding.asked) <= 2
    assert any("zebra" in asked for asked in embedding.asked)


def test_one_taught_word_makes_no_sense_of_many_that_are_none() -> None:
    assert found("something qxa . qxb . . .", crisis=9.0) != []
    assert found("something qxa qxb qxc", crisis=9.0) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-1], lambda raw: raw.replace(b"cheap_danger", b"cheap_dancer", 1), lambda raw: b"", lambda raw: b"{}\n",
        lambda raw: raw.replace(b'"network"', b'"netwark"', 1),
    ],
    ids=["cut short", "other heads", "empty", "nothing", "no network"],
)  # fmt: skip
def test_weights_that_are_not_whole_are_refused_in_one_line(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "classifier.bin"
    path.write_bytes(spoil(encode(weights()())))
    with pytest.raises(InvalidSetting, match="cannot be read") as caught:
        read_weights(path)
    assert caught.value.place == str(path)
    assert "tta safety train" in caught.value.cure


def test_weights_come_back_as_they_went_in(tmp_path: Path) -> None:
    made = weights(crisis=1.25)()
    (tmp_path / "w").write_bytes(encode(made))
    again = read_weights(tmp_path / "w")
    assert encode(again) == encode(made)
    assert again == made


def test_the_shipped_weights_are_those_of_the_shipped_corpus() -> None:
    from agents.safety.classifying.corpus import read_corpus  # noqa: PLC0415
    from agents.safety.classifying.training import fingerprint  # noqa: PLC0415

    assert read_weights(weights_file()).sources["corpus"] == fingerprint(read_corpus())


def test_the_shipped_network_is_the_one_that_belongs_to_them() -> None:
    from onnxruntime import InferenceSession  # noqa: PLC0415

    sources = read_weights(weights_file()).sources
    told = InferenceSession(check_network(sources["network"])).get_modelmeta().custom_metadata_map
    assert told == {"corpus": sources["corpus"], "heads": ",".join(TUNED_HEADS), "source": SOURCE}
    assert "Apache-2.0" in SOURCE


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-1], lambda raw: raw + b" ", None], ids=["cut", "longer", "gone"])
def test_another_network_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes] | None
) -> None:
    path, shipped = tmp_path / "classifier.onnx", network_file().read_bytes()
    if spoil:
        path.write_bytes(spoil(shipped))
    monkeypatch.setattr("agents.safety.classifying.network.network_file", lambda: path)
    with pytest.raises(InvalidSetting, match="network") as caught:
        check_network(read_weights().sources["network"])
    assert caught.value.place == str(path)
    assert "tta safety train" in caught.value.cure


def test_its_version_tells_weights_and_thresholds_apart_and_reads_nothing() -> None:
    def never() -> Weights:
        raise AssertionError("it was read")

    unread = Classifier(Embedding(), thresholds=AT, weights=never)
    assert re.fullmatch(r"classifier-unread-[0-9a-f]{8}", unread.version)
    other = Classifier(Embedding(), thresholds=AT.model_copy(update={"crisis": 6.0}), weights=never)
    assert other.version != unread.version
    made = weights(crisis=1.0)()._replace(sources=Sources(examples=1, corpus="80284dade78f", embedder="", network=""))
    read = Classifier(Embedding(), thresholds=AT, weights=lambda: made)
    read(views("look"), "none")
    assert read.version == unread.version.replace("unread", "80284dad")
    assert read.version in Screen([read], [read]).version


def test_ids_and_keys_are_no_cry_for_help() -> None:
    screen, drawn = Screen.load(), random.Random(5)
    ids = [drawn.randbytes(16) for _ in range(400)]
    texts = [
        text
        for id_ in ids
        for text in (
            f"01a217e9{id_.hex()[8:]}",
            base64.urlsafe_b64encode(id_).decode().rstrip("="),
            str(drawn.getrandbits(40)),
        )
    ]
    assert [text for text in texts if screen.action(text)["tier"] != "none"] == []


def test_thresholds_are_told_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "classifier.yaml"
    path.write_text("crisis: 1.0\ncheck_in: soon\n")
    with pytest.raises(InvalidSetting) as caught:
        read_thresholds(path)
    assert str(path) in caught.value.place


def test_the_shipped_thresholds_are_in_order() -> None:
    at = read_thresholds()
    assert at.keep < at.check_in
    assert at.together_check_in <= at.check_in
    assert at.together_crisis >= at.crisis, "of several texts one may be about another matter"
