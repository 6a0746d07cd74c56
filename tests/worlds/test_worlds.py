"""Each shipped world is sound, large enough, and won by its script through the engine, the same on every backend."""

from pathlib import Path
from typing import Any

import pytest

from agents.world.load import load_world, shipped_worlds
from agents.world.view import is_bookkeeping
from graphs.engine import open_engine
from graphs.settings import Settings, read_settings

HERE = Path(__file__).parent
WORLDS = ["letter_garden", "night_train", "winter_light"]


def script(world: str) -> list[str]:
    lines = [line.strip() for line in (HERE / f"{world}.txt").read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_three_worlds_are_shipped() -> None:
    assert shipped_worlds() == WORLDS


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_large_enough_and_valid(name: str) -> None:
    world = load_world(name).world
    assert len(world.locations) >= 12
    assert len(world.items) >= 15
    assert len(world.characters) >= 4
    assert len(world.consequences) >= 6
    assert world.techniques


async def won(world: str, settings: Settings, session: str) -> dict[str, Any]:
    """Plays the script; the final slots."""
    async with open_engine(settings) as engine:
        await engine.create(world, session=session, model="offline", seed=7)
        for action in script(world):
            turn = await engine.act(session, action)
            assert turn["kind"] == "story", f"{world}: '{action}' was taken for {turn['verdicts'][0]}"
        assert turn["won"], [goal["id"] for goal in turn["goals"] if not goal["done"]]
        slots = (await engine.position(session))["slots"]
        await engine.delete(session)
    return slots


@pytest.mark.parametrize("name", WORLDS)
async def test_its_script_wins_it_embedded(name: str, tmp_path: Path) -> None:
    slots = await won(name, read_settings(data_dir=tmp_path, linger_s=0.2), f"win-{name}")
    assert slots["world.ended"] is True


@pytest.mark.parametrize("name", WORLDS)
async def test_the_end_is_the_same_on_real_servers(name: str, tmp_path: Path, real_servers: dict[str, str]) -> None:
    embedded = await won(name, read_settings(data_dir=tmp_path, linger_s=0.2), f"win-{name}")
    real = await won(name, read_settings(data_dir=tmp_path / "unused", **real_servers), f"win-{name}")
    assert real == embedded
    assert any(not is_bookkeeping(slot.split(".", 1)[1]) for slot in real)
