"""`tta play --character`: whom the player is, kept here or at a server."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from seen import DANGER
from serving import Serving
from test_play_far import objects, play, server  # noqa: F401 the fixture

from graphs.engine import open_engine
from graphs.settings import read_settings


def session_of(home: Path, *arguments: str) -> str:
    ran = play(home, "--json", *arguments, script="look\n")
    assert ran.returncode == 0, ran.stderr
    return objects(ran)[0]["session"]


def character_of(home: Path, session: str, place: tuple[str, ...]) -> Any:
    """Whom the session's player is, as it was stored."""
    if place:
        return httpx.get(f"{place[1]}/api/v1/sessions/{session}").json()["character"]

    async def look() -> Any:
        async with open_engine(read_settings(data_dir=home, linger_s=0.2)) as engine:
            return (await engine.session(session))["character"]

    found = asyncio.run(look())
    assert found
    return found


@pytest.fixture(params=["here", "there"])
def place(request: pytest.FixtureRequest, server: Serving) -> tuple[str, ...]:  # noqa: F811
    return ("--server", server.url) if request.param == "there" else ()


def test_a_new_name_makes_a_character_and_the_same_name_is_the_same_one(tmp_path: Path, place: tuple[str, ...]) -> None:
    first = session_of(tmp_path, "--character", "Wren", *place)
    second = session_of(tmp_path, "--character", "  wren ", *place)
    assert character_of(tmp_path, first, place) == character_of(tmp_path, second, place)
    again = play(tmp_path, "--session", first, "--character", "Wren", *place, script="look\n")
    assert again.returncode == 0, again.stderr


def test_a_session_keeps_whom_it_was_begun_with(tmp_path: Path, place: tuple[str, ...]) -> None:
    first, other = session_of(tmp_path, "--character", "Wren", *place), session_of(tmp_path, *place)
    for session, says in ((first, "begun with --character Wren"), (other, "begun without --character")):
        ran = play(tmp_path, "--session", session, "--character", "Ada", *place, script="look\n")
        assert says in ran.stderr
        assert (len(ran.stderr.splitlines()), ran.returncode) == (1, 2)


def test_the_server_knows_one_character_of_a_name(tmp_path: Path, server: Serving) -> None:  # noqa: F811
    for _ in range(2):
        session = session_of(tmp_path, "--character", "Marigold", "--server", server.url)
    told: dict[str, Any] = httpx.get(f"{server.url}/api/v1/players/me/characters").json()
    assert [each["name"] for each in told["characters"]].count("Marigold") == 1
    played = httpx.get(f"{server.url}/api/v1/sessions/{session}").json()["character"]
    assert played["name"] == "Marigold"


def test_a_name_that_none_can_have_is_one_line(tmp_path: Path, place: tuple[str, ...]) -> None:
    ran = play(tmp_path, "--character", "W" * 61, *place, script="look\n")
    assert "at most 60 characters" in ran.stderr
    assert (len(ran.stderr.splitlines()), ran.returncode, ran.stdout) == (1, 2, "")


@pytest.mark.parametrize("name", [DANGER, f"{DANGER} " + "so " * 30])
def test_a_cry_for_help_in_a_name_is_answered(tmp_path: Path, place: tuple[str, ...], name: str) -> None:
    ran = play(tmp_path, "--character", name, *place, script="look\n")
    assert ran.returncode != 0
    assert "findahelpline" in ran.stderr
    assert DANGER not in ran.stderr
