"""Sessions are listed page by page, renamed and paused, never by who knows an old one; and looked into."""

import asyncio

import pytest
from httpx import AsyncClient

from graphs.engine import StoryEngine

SESSIONS = "/api/v1/sessions"


async def test_sessions_are_listed_page_by_page_each_once(client: AsyncClient, engine: StoryEngine) -> None:
    mine = [(await engine.create("night_train", player="lister"))["session"] for _ in range(5)]
    other = (await engine.create("night_train", player="another"))["session"]
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = (await client.get(SESSIONS, params={"player": "lister", "limit": 2, "cursor": cursor})).json()
        seen += [one["session"] for one in page["sessions"]]
        cursor, pages = page["cursor"], pages + 1
        await engine.act(mine[0], "look")  # what is played meanwhile moves to no other page
    assert (seen, pages) == (mine[::-1], 3), "those begun last first"
    everybody = (await client.get(SESSIONS, params={"limit": 200})).json()["sessions"]
    assert {one["session"] for one in everybody} >= {*mine, other}
    assert "position" not in everybody[0]
    for wrong in ({"limit": 0}, {"limit": 201}, {"player": "../x"}, {"cursor": "x" * 65}):
        assert (await client.get(SESSIONS, params=wrong)).status_code == 422


async def test_a_session_is_renamed_and_what_it_leaves_out_stays(client: AsyncClient, begin) -> None:
    at = (await begin(avoid=["bells"])).removesuffix("/turns")
    title = (await client.get(at)).json()["title"]
    renamed = (await client.patch(at, json={"title": "  Second try "})).json()
    assert (renamed["title"], renamed["avoid"]) == ("Second try", ["bells"])
    assert (await client.patch(at, json={"title": ""})).json()["title"] == title, "the world's own again"
    held = await client.patch(at, json={"title": "I want to end my life tonight"})
    assert (held.status_code, held.json()["help"]["tier"]) == (422, "crisis")
    assert (await client.get(at)).json()["title"] == title


@pytest.mark.parametrize(
    "title", ["a\u001b[31mred", "two\nlines", "tab\there", "\u202egnp.exe", "\u200b\u200b", "\u0000"]
)
async def test_a_title_is_one_line_that_a_terminal_can_bear(client: AsyncClient, begin, title: str) -> None:
    at = (await begin()).removesuffix("/turns")
    before = (await client.get(at)).json()["title"]
    for refused in (
        await client.patch(at, json={"title": title}),
        await client.post(SESSIONS, json={"world": "night_train", "title": title}),
    ):
        assert refused.status_code == 422
    assert (await client.get(at)).json()["title"] == before
    family = "Tea \N{WOMAN}\u200d\N{GIRL}"
    assert (await client.patch(at, json={"title": family})).json()["title"] == family


async def test_a_cursor_that_is_none_is_no_last_page(client: AsyncClient) -> None:
    for cursor in ("\u0000", "'", "../x"):
        assert (await client.get(SESSIONS, params={"cursor": cursor})).status_code == 422


async def test_a_client_that_knows_a_session_need_not_get_it(client: AsyncClient, begin) -> None:
    turns = await begin()
    at = turns.removesuffix("/turns")
    tag = (await client.get(at)).headers["etag"]
    known = await client.get(at, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    await client.post(turns, json={"action": "look"})
    again = await client.get(at, headers={"If-None-Match": tag})
    assert (again.status_code, again.json()["position"]["turn"]) == (200, 1)
    assert again.headers["etag"] != tag


async def test_a_session_that_moved_on_is_not_changed_by_who_knows_an_old_one(client: AsyncClient, begin) -> None:
    at = (await begin()).removesuffix("/turns")
    tag = (await client.get(at)).headers["etag"]
    first = await client.patch(at, json={"title": "First"}, headers={"If-Match": tag})
    assert (first.status_code, first.json()["title"]) == (200, "First")
    late = await client.patch(at, json={"title": "Late"}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "changed")
    assert (await client.get(at)).json()["title"] == "First"
    for held in (first.headers["etag"], "*"):
        assert (await client.patch(at, json={"title": "Next"}, headers={"If-Match": held})).status_code == 200
    tag = (await client.get(at)).headers["etag"]
    raced = await asyncio.gather(
        *(client.patch(at, json={"title": f"Race {n}"}, headers={"If-Match": tag}) for n in range(6))
    )
    codes = [answer.status_code for answer in raced]
    assert codes.count(200) == 1
    assert set(codes) <= {200, 412, 409}, "409 for who did not get the session's lease in time"


async def test_a_player_pauses_and_goes_on_and_is_told_of_no_danger(client: AsyncClient, begin) -> None:
    turns = await begin()
    at = turns.removesuffix("/turns")
    paused = await client.post(f"{at}/pause")
    assert (paused.status_code, paused.json()["paused"]) == (200, True)
    refused = await client.post(turns, json={"action": "look"})
    assert (refused.status_code, refused.json()["code"]) == (409, "session_paused")
    assert "help" not in refused.json(), "nobody said anything"
    danger = await client.post(turns, json={"action": "I want to end my life tonight"})
    assert (danger.status_code, danger.json()["help"]["tier"]) == (409, "crisis")
    assert (await client.post(f"{at}/resume")).json()["paused"] is False
    assert (await client.post(turns, json={"action": "look"})).status_code == 201


async def test_what_is_true_and_what_a_turn_did_is_told(client: AsyncClient, begin) -> None:
    turns = await begin()
    at = turns.removesuffix("/turns")
    played = [(await client.post(turns, json={"action": action})).json() for action in ("take lamp", "wait")]
    facts = (await client.get(f"{at}/facts")).json()
    assert {"slot", "subject", "relation", "value", "since", "until", "turn_id", "because"} == set(facts[0])
    thing = facts[0]["subject"]
    about = (await client.get(f"{at}/facts", params={"about": thing, "at": 0})).json()
    assert about
    assert len(about) < len(facts)
    trace = (await client.get(f"{at}/trace")).json()
    assert (trace["turn_id"], trace["number"]) == (played[1]["turn_id"], 2)
    assert [node["node"] for node in trace["nodes"]][:2] == ["begin", "screen_action"]
    first = (await client.get(f"{at}/trace", params={"turn": 1})).json()
    assert first == (await client.get(f"{turns}/{played[0]['turn_id']}/trace")).json()
    for path, code in (
        ("facts?at=9", "unknown_turn"),
        ("trace?turn=9", "unknown_turn"),
        ("facts?branch=no", "unknown_branch"),
    ):
        refused = await client.get(f"{at}/{path}")
        assert (refused.status_code, refused.json()["code"]) == (404, code)
