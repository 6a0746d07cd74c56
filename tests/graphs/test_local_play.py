"""Ten turns with a real, small language model, through the real engine and stores: whatever it writes, the world stays
whole and every turn is committed."""

import os
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedModel

import agents.narrative.narrate as narrating
from agents.errors import InvalidSetting
from agents.models import check_spec
from agents.safety.gate import Gate
from agents.story import Turn, Value, apply_changes
from agents.world.language import NOWHERE, PLAYER, all_hold
from agents.world.load import shipped_worlds
from agents.world.schema import World
from agents.world.settle import check_changes, why_not
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings

TURNS = 10
FREE = {
    3: "Whereupon the nearest object becomes the subject of a thorough inspection",
    7: "Methinks the furniture deserves our undivided attention",
}
"""Turns with a sentence that the parser cannot read, so that the model interprets; else the first choice is played."""


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
def gates(monkeypatch: pytest.MonkeyPatch) -> list[Gate]:
    """Every gate that a narration goes through; they are watched, not replaced."""
    made: list[Gate] = []

    def build(*args: Any, **kwargs: Any) -> Gate:
        made.append(Gate(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(narrating, "Gate", build)
    return made


@pytest.mark.local
@pytest.mark.usefixtures("local_here")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", shipped_worlds()[:1])
async def test_ten_turns_are_ten_commits_and_the_world_stays_whole(
    name: str, tmp_path: Path, gates: list[Gate]
) -> None:
    settings = read_settings(data_dir=tmp_path, linger_s=0.2, model_timeout_s=120)
    async with open_engine(settings) as engine:
        session = (await engine.create(name, model="local", seed=5))["session"]
        world = await engine.world(session)
        played: list[Turn] = []
        action = "look around"
        for number in range(1, TURNS + 1):
            before = (await engine.position(session))["slots"]
            turn = await engine.act(session, FREE.get(number, action))
            await check_commit(engine, session, turn, number)
            after = (await engine.position(session))["slots"]
            check_world(world, before, turn, after)
            if number in FREE:
                assert turn["usage"]["calls"] >= 2, "the parser can read this now: choose a stranger sentence"
            played.append(turn)
            action = turn["choices"][0]["text"] if turn["choices"] else "wait"
        committed = await engine.turns(session, limit=TURNS + 5)
        assert [turn["turn_id"] for turn in reversed(committed)] == [turn["turn_id"] for turn in played]
    tell(name, played, gates)


async def test_the_figure_of_replaced_sentences_counts(tmp_path: Path, gates: list[Gate]) -> None:
    """The same watch over a model whose every answer is stopped: its first one and its continuation, in each turn."""
    async with open_engine(read_settings(data_dir=tmp_path, linger_s=0.2)) as engine:
        engine.use_model("scripted", ScriptedModel(answers=["Rain falls. An ambulance has been called. You wait."]))
        session = (await engine.create(shipped_worlds()[0], model="scripted", seed=5))["session"]
        for _ in range(2):
            await engine.act(session, "look around")
    assert [gate.replaced for gate in gates] == [2, 2]


async def check_commit(engine: StoryEngine, session: str, turn: Turn, number: int) -> None:
    """The turn is the next one, is told, and is in story memory as it was returned."""
    assert turn["number"] == number
    assert turn["kind"] == "story"
    assert turn["model"] == "local"
    assert turn["narration"].strip()
    assert turn["usage"]["calls"] >= 1
    assert await engine.turn(session, turn["turn_id"]) == turn


def check_world(world: World, before: dict[str, Value], turn: Turn, after: dict[str, Value]) -> None:
    """What the turn changed keeps the rules of the world, and what is stored is what it changed."""
    kept, rejected = check_changes(world, before, turn["changes"])
    assert rejected == []
    assert kept == turn["changes"]
    assert apply_changes(before, turn["changes"]) == after
    for key, invariant in world.invariants.items():
        assert not all_hold(invariant.never, after), key
    slots: dict[str, Value] = {}
    for item in turn["changes"]:
        assert why_not(world, {**before, **slots}, item) == ""
        slots[item["slot"]] = item["value"]
    assert after[f"{PLAYER}.in"] in world.locations
    assert all(after[f"{key}.in"] in {*world.locations, NOWHERE} for key in world.characters)
    for key, item in world.items.items():
        if not item.door:
            assert ends_somewhere(world, after, key), f"{key} is lost"


def ends_somewhere(world: World, slots: dict[str, Value], key: str) -> bool:
    """One place, which is in one place, and so on, up to a location, a person or nowhere; never in a circle."""
    seen: set[str] = set()
    place = slots.get(f"{key}.in")
    while isinstance(place, str) and place in world.items and place not in seen:
        seen.add(place)
        place = slots.get(f"{place}.in")
    return isinstance(place, str) and place in {*world.locations, *world.characters, PLAYER, NOWHERE}


def tell(name: str, played: list[Turn], gates: list[Gate]) -> None:
    """The figures that CI prints."""
    stopped = sum(gate.replaced for gate in gates)
    released = sum(len(gate.sentences) for gate in gates)
    kinds = sorted({signal["id"] for gate in gates for signal in gate.vetoes})
    read = sum(turn["usage"]["input_tokens"] for turn in played)
    written = sum(turn["usage"]["output_tokens"] for turn in played)
    asked = sum(turn["usage"]["calls"] for turn in played)
    print(f"\nlocal, {name}: {len(played)} turns, {asked} model calls, {read} tokens read, {written} written")
    print(f"local, {name}: {released} sentences out, the gate replaced {stopped} ({', '.join(kinds) or 'none'})")
    assert len(gates) == len(played)
