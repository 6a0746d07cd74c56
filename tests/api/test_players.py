"""A player has a name and preferences, sees how far the stories have come, acts in the last one, and can take or remove all."""

import json
from typing import Any

import pytest
from cottage import begun
from httpx import AsyncClient

from graphs.engine import StoryEngine
from graphs.players import LARGEST

SESSIONS = "/api/v1/sessions"
PLAYERS = "/api/v1/players"
DANGER = "I want to end my life tonight"


async def test_a_player_has_a_name_and_preferences(client: AsyncClient) -> None:
    at = f"{PLAYERS}/wren"
    assert (await client.get(at)).json() == {
        "player": "wren", "name": "", "preferences": {}, "created": "", "changed": ""
    }  # fmt: skip
    named = (await client.patch(at, json={"name": " Wren "})).json()
    assert (named["name"], named["preferences"]) == ("Wren", {})
    kept = {"avoid": ["spiders", "suicide"], "techniques": True, "theme": {"dark": True}}
    changed = (await client.patch(at, json={"preferences": kept})).json()
    assert (changed["name"], changed["preferences"]) == ("Wren", kept), "what else a client keeps is given back"
    assert changed["created"] == named["created"] <= changed["changed"]
    assert (await client.get(at)).json() == changed


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x" * 121},
        {"preferences": {"avoid": ["x" * 41]}},
        {"preferences": {"techniques": "perhaps"}},
        {"preferences": {"notes": "x" * LARGEST}},
        {"role": "operator"},
        {"player": "another", "name": "Me"},
    ],
)
async def test_what_is_no_profile_changes_nothing(client: AsyncClient, body: dict[str, Any]) -> None:
    refused = await client.patch(f"{PLAYERS}/lark", json=body)
    assert refused.status_code == 422
    assert (await client.get(f"{PLAYERS}/lark")).json()["created"] == ""


@pytest.mark.parametrize(
    "body", [{"name": DANGER}, {"preferences": {"avoid": [DANGER]}}, {"preferences": {"note": DANGER}}]
)
async def test_a_cry_for_help_is_answered_and_not_kept(client: AsyncClient, body: dict[str, Any]) -> None:
    held = await client.patch(f"{PLAYERS}/swift", json=body)
    assert (held.status_code, held.json()["help"]["tier"]) == (422, "crisis")
    assert (await client.get(f"{PLAYERS}/swift")).json()["created"] == ""


async def test_a_session_begins_with_what_its_player_prefers(client: AsyncClient) -> None:
    await client.patch(f"{PLAYERS}/finch", json={"preferences": {"avoid": ["spiders"], "techniques": True}})
    for asked, avoid in (
        ({"player": "finch"}, ["spiders"]),
        ({"user_id": "finch"}, ["spiders"]),
        ({"user_id": "finch", "preferences": {"avoid": ["bells"], "colour": "green"}}, ["bells"]),
        ({"player": "finch", "preferences": {"avoid": ["bells"]}, "avoid": []}, []),
        ({"player": "someone-else"}, []),
    ):
        made = await client.post(SESSIONS, json=asked)
        assert (made.status_code, made.json()["avoid"]) == (201, avoid), asked
        assert made.json()["player"] == asked.get("player", asked.get("user_id"))
    for wrong in ({"user_id": "ab"}, {"user_id": "finch", "player": "wren"}, {"preferences": {"avoid": "spiders"}}):
        assert (await client.post(SESSIONS, json=wrong)).status_code == 422


async def test_a_player_acts_in_the_story_that_was_played_last(client: AsyncClient, engine: StoryEngine) -> None:
    at = f"{PLAYERS}/heron"
    nothing = await client.post(f"{at}/actions", json={"action": "look"})
    assert (nothing.status_code, nothing.json()["code"]) == (404, "unknown_session")
    told = await client.post(f"{at}/actions", json={"action": DANGER})
    assert (told.status_code, told.json()["help"]["tier"]) == (404, "crisis"), "no one in danger gets an error page"
    first, last = [await begun(engine, f"heron-{n}", player="heron") for n in range(2)]
    await engine.act(first, "look")
    played = (await client.post(f"{at}/actions", json={"action": "take lamp"})).json()
    assert played["session"] == first
    assert (played["success"], played["narrative_update"]) == (True, played["narration"])
    assert played["state_changes"] == played["changes"] != []
    crisis = (await client.post(f"{at}/actions", json={"action": DANGER})).json()
    assert (crisis["kind"], crisis["success"], crisis["state_changes"]) == ("crisis", False, [])
    assert (await engine.position(last))["number"] == 0


async def test_how_far_the_stories_have_come(client: AsyncClient, engine: StoryEngine) -> None:
    mine = [await begun(engine, f"crane-{n}", player="crane") for n in range(3)]
    await engine.act(mine[1], "take lamp")
    seen, cursor = [], ""
    while cursor is not None:
        page = (await client.get(f"{PLAYERS}/crane/progress", params={"limit": 2, "cursor": cursor})).json()
        seen, cursor = [*seen, *page["stories"]], page["cursor"]
    assert [story["session"] for story in seen] == mine[::-1]
    assert [story["turns"] for story in seen] == [0, 1, 0]
    assert all(story["goals"] >= 1 and not story["won"] for story in seen)


async def test_a_player_takes_everything_along_and_removes_it(client: AsyncClient, engine: StoryEngine) -> None:
    mine = [await begun(engine, f"stork-{n}", player="stork") for n in range(2)]
    other = await begun(engine, "stork-other", player="gull")
    await client.patch(f"{PLAYERS}/stork", json={"name": "Stork", "preferences": {"avoid": ["bells"]}})
    lines = [json.loads(line) for line in (await client.get(f"{PLAYERS}/stork/export")).text.splitlines()]
    assert lines[0]["player"]["name"] == "Stork"
    assert lines[-1] == {"end_player": {"player": "stork", "sessions": 2}}
    assert [line["session"]["session"] for line in lines if "session" in line] == mine
    assert (await client.delete(f"{PLAYERS}/stork")).status_code == 204
    assert (await client.get(f"{PLAYERS}/stork")).json()["name"] == ""
    assert (await client.get(SESSIONS, params={"player": "stork"})).json()["sessions"] == []
    assert (await client.get(f"{SESSIONS}/{other}")).status_code == 200


async def test_me_is_whoever_asks(client: AsyncClient) -> None:
    await client.patch(f"{PLAYERS}/me", json={"name": "Kim"})
    assert (await client.get(f"{PLAYERS}/player")).json()["name"] == "Kim", "without a login, the one player"
