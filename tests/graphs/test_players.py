"""Profiles are the tenant's own, sealed where encryption is on, sealed anew with a new key, and gone with their player."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from agents.errors import StoreSealed
from graphs.engine import StoryEngine, open_engine
from graphs.players import Players, Profile
from graphs.sealing import FernetSeal
from graphs.settings import Settings, read_settings


def profile(player: str = "ada", name: str = "Quince") -> Profile:
    return Profile(
        player=player, name=name, preferences={"avoid": ["zebras"]}, characters=[], created="now", changed="now"
    )


@pytest.fixture
def tenant() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


async def test_a_profile_is_its_tenants_and_its_players(redis: Any, tenant: str) -> None:
    mine, others = Players(redis, tenant), Players(redis, f"{tenant}-other")
    await mine.put(profile())
    assert await mine.get("ada") == profile()
    assert (await mine.get("bob"))["created"] == ""
    assert (await others.get("ada"))["created"] == ""
    await mine.put(profile("bob"))
    assert await mine.remove("ada")
    assert not await mine.remove("ada")
    assert await mine.get("bob") == profile("bob")
    assert await mine.remove()
    assert (await mine.get("bob"))["created"] == ""


async def test_a_profile_is_sealed_and_sealed_anew(redis: Any, tenant: str) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    await Players(redis, tenant).put(profile("plain"))  # from before there was a key
    await Players(redis, tenant, seal=FernetSeal([old])).put(profile())
    raw = (await redis.hget(f"tta:1:players:{{{tenant}}}", "ada")).decode()
    assert "Quince" not in raw
    assert "zebras" not in raw
    with pytest.raises(StoreSealed):
        await Players(redis, tenant, seal=FernetSeal([new])).get("ada")
    await Players(redis, tenant, seal=FernetSeal([new, old])).reseal()
    renewed = Players(redis, tenant, seal=FernetSeal([new]))
    assert await renewed.get("ada") == profile()
    assert await renewed.get("plain") == profile("plain")
    assert "Quince" not in (await redis.hget(f"tta:1:players:{{{tenant}}}", "plain")).decode()


@pytest.mark.parametrize("engine", ["embedded", "cluster"], indirect=True)
async def test_profiles_go_with_their_tenant(engine: StoryEngine) -> None:
    await engine.change_profile("ada", name="Quince")
    await engine.delete_tenant()
    assert (await engine.profile("ada"))["created"] == ""


@pytest.mark.parametrize("engine", ["embedded", "cluster"], indirect=True)
async def test_two_who_change_a_profile_at_once_lose_nothing(engine: StoryEngine) -> None:
    for number in range(5):
        await asyncio.gather(
            engine.change_profile("ada", name=f"Quince {number}"),
            engine.change_profile("ada", preferences={"number": number}),
        )
        kept = await engine.profile("ada")
        assert (kept["name"], kept["preferences"]) == (f"Quince {number}", {"number": number})


async def test_the_engine_seals_profiles_anew(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()

    def settings(keys: str) -> Settings:
        return read_settings(data_dir=tmp_path, linger_s=2, encryption_keys=keys)

    async with open_engine(settings(old)) as engine:
        await engine.change_profile("ada", name="Quince")
    async with open_engine(settings(f"{new},{old}")) as engine:
        await engine.reseal()
    async with open_engine(settings(new)) as engine:
        assert (await engine.profile("ada"))["name"] == "Quince"
