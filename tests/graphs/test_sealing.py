"""Encryption at rest: no word of a player is in any file of the stores, and other keys are told before anything is done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from fakes import ScriptedModel

from agents.errors import InvalidSetting, StoreSealed
from graphs.engine import StoryEngine, open_engine
from graphs.repeats import Answer
from graphs.settings import Settings, read_settings

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
WORDS = ("zebrafinch", "quillwort", "marmalade", "Thistledown")
MODES = pytest.mark.parametrize("search", ["none", "hashed"])
MODEL = ScriptedModel(answers=["A zebrafinch sings. It goes by."])
Set = Callable[..., Settings]


@pytest.fixture
def settings(tmp_path: Path) -> Set:
    def read(keys: str = OLD, **other: Any) -> Settings:
        return read_settings(data_dir=tmp_path, linger_s=0.2, encryption_keys=keys or None, **other)

    return read


def found_in(folder: Path) -> list[str]:
    """Which of the words stand in any file below the folder."""
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert len(written) > 10_000, "the stores wrote nothing"
    return [word for word in WORDS if word.encode() in written]


async def play(engine: StoryEngine, session: str = "s", turns: int = 5) -> None:
    engine.use_model("told", MODEL)
    await engine.create("winter_light", session=session, seed=1, model="told", title="Thistledown")
    await engine.act(session, "say quillwort")
    for _ in range(turns):
        await engine.act(session, "look at the marmalade")


@MODES
async def test_no_word_is_in_any_file(settings: Set, tmp_path: Path, search: str) -> None:
    async with open_engine(settings(encryption_search=search)) as engine:
        await play(engine, turns=40)  # past a keyframe and a chapter
        await engine.undo("s", 2)
        found = await engine.memory.recall(engine.scope("s"), "main", "who spoke of quillwort?")
        assert [moment["number"] for moment in found[:1]] == (
            [1] if search == "hashed" else found and [found[0]["number"]]
        )
        assert (await engine.session("s"))["title"] == "Thistledown"
        assert "zebrafinch" in (await engine.turns("s", limit=1))[0]["narration"]
        assert (await engine.trace("s", (await engine.turns("s", limit=1))[0]["turn_id"]))[0]["input"]
    assert found_in(tmp_path) == []


async def test_the_same_words_are_found_in_a_store_that_is_not_sealed(settings: Set, tmp_path: Path) -> None:
    """What the other test looks for would be seen."""
    async with open_engine(settings("")) as engine:
        await play(engine)
    assert set(found_in(tmp_path)) == set(WORDS)


async def test_without_hashes_the_last_turns_are_recalled(settings: Set) -> None:
    async with open_engine(settings()) as engine:
        await play(engine)
        found = await engine.memory.recall(engine.scope("s"), "main", "who spoke of quillwort?")
        assert found[0]["number"] == 1
        await engine.undo("s", 99)
        assert await engine.memory.recall(engine.scope("s"), "main", "quillwort", skip=0) == []
        assert await engine.memory.recall(engine.scope("s"), "main", "") == []


@pytest.mark.parametrize("keys", ["", NEW], ids=["none", "another"])
async def test_another_key_is_told_at_the_door(settings: Set, keys: str) -> None:
    async with open_engine(settings()) as engine:
        await play(engine, turns=1)
    with pytest.raises(StoreSealed) as caught:
        async with open_engine(settings(keys)):
            pass
    assert caught.value.line() == "The store is encrypted with another key. Put that key into TTA_ENCRYPTION_KEYS."
    async with open_engine(settings()) as engine:
        engine.use_model("told", MODEL)
        assert (await engine.act("s", "look"))["number"] == 3


@MODES
@pytest.mark.parametrize("before", ["", OLD], ids=["plain", "sealed"])
async def test_a_new_key_is_put_in_front_and_the_old_one_goes(
    settings: Set, tmp_path: Path, before: str, search: str
) -> None:
    both = ",".join(key for key in (NEW, before) if key)
    async with open_engine(settings(before, encryption_search=search)) as engine:
        await play(engine, turns=35)
        told = [turn async for turn in engine.export("s")]
    async with open_engine(settings(both, encryption_search=search)) as engine:
        engine.use_model("told", MODEL)
        await engine.act("s", "look")
        await engine.undo("s")
        done = await engine.reseal()
        assert done["sessions"] == 1
        assert done["nodes"] > 100
        assert (await engine.reseal())["nodes"] == 0
    async with open_engine(settings(NEW, encryption_search=search)) as engine:
        again = [turn async for turn in engine.export("s", traces=True)]
        assert set(told[3:-1]) <= set(again)
        found = await engine.memory.recall(engine.scope("s"), "main", "quillwort", skip=0)
        assert [moment["number"] for moment in found[:1]] == [1]
        engine.use_model("told", MODEL)
        engine.use_model("told", MODEL)
        assert (await engine.act("s", "look"))["number"] == 37
    if before:
        with pytest.raises(StoreSealed):
            async with open_engine(settings(before)):
                pass


async def test_what_cannot_be_is_told(settings: Set) -> None:
    for keys, words in (("short", "32 bytes"), (f"{OLD},", "32 bytes")):
        with pytest.raises(InvalidSetting, match=words) as caught:
            async with open_engine(settings(keys)):
                pass
        assert keys not in caught.value.line()
    with pytest.raises(InvalidSetting, match="TTA_EMBEDDER"):
        async with open_engine(settings(embedder="minilm")):
            pass
    async with open_engine(settings("")) as engine:
        with pytest.raises(InvalidSetting, match="Nothing is encrypted"):
            await engine.reseal()


async def test_an_answer_that_may_be_asked_for_again_is_sealed_anew(settings: Set) -> None:
    kept = Answer(201, (), b"quillwort")
    async with open_engine(settings()) as engine, engine.repeats.attempt("n", b"asked") as attempt:
        await attempt.keep(kept)
    async with open_engine(settings(f"{NEW},{OLD}")) as engine:
        await engine.reseal()
    async with open_engine(settings(NEW)) as engine, engine.repeats.attempt("n", b"asked") as attempt:
        assert attempt.answer == kept
