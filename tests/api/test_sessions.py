"""A client begins a story in a shipped world and sees where it stands; it names no file of the machine."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from httpx import AsyncClient

from agents.world.load import shipped_worlds
from api.app import build_app
from graphs.engine import StoryEngine
from graphs.settings import read_settings

SESSIONS = "/api/v1/sessions"


@pytest.fixture
async def world(client: AsyncClient) -> str:
    """A shipped world."""
    return (await client.get("/api/v1/worlds")).json()[0]["world"]


async def test_a_session_begins_with_its_opening(client: AsyncClient, world: str) -> None:
    asked = {"world": world, "seed": 7, "title": "Mine", "player": "ada"}
    made = await client.post(SESSIONS, json=asked)
    assert made.status_code == 201
    body = made.json()
    assert made.headers["location"] == f"{SESSIONS}/{body['session']}"
    assert body["turn"]["number"] == 0
    assert body["turn"]["narration"]
    assert {key: body[key] for key in asked} == asked
    seen = (await client.get(made.headers["location"])).json()
    assert seen == {key: value for key, value in body.items() if key != "turn"}


async def test_what_a_session_leaves_out_is_chosen_and_changed(client: AsyncClient, world: str) -> None:
    made = (await client.post(SESSIONS, json={"world": world, "avoid": ["spiders", "suicide"]})).json()
    at = f"{SESSIONS}/{made['session']}"
    assert made["avoid"] == ["spiders", "suicide"]
    changed = await client.patch(at, json={"avoid": ["bells"]})
    assert (changed.status_code, changed.json()["avoid"]) == (200, ["bells"])
    assert (await client.get(at)).json()["avoid"] == ["bells"]
    for wrong in ({"avoid": ["x" * 41]}, {"avoid": ["a"] * 13}, {"avoid": "bells"}, {}, {"title": "x" * 121}):
        assert (await client.patch(at, json=wrong)).status_code == 422
    help_ = await client.patch(at, json={"avoid": ["suicide", "I want to kill myself"]})
    assert (help_.status_code, help_.json()["help"]["tier"]) == (422, "crisis")
    assert (await client.get(at)).json()["avoid"] == ["bells"]


async def test_where_a_session_stands(client: AsyncClient, begin) -> None:
    turns = await begin()
    played = (await client.post(turns, json={"action": "look"})).json()
    seen = (await client.get(turns.removesuffix("/turns"))).json()
    at = seen["position"]
    assert (at["turn"], at["turn_id"], at["branch"]) == (1, played["turn_id"], "main")
    assert at["location"]["id"] == played["location"]
    assert at["location"]["name"]
    assert at["goals"] == played["goals"]
    assert at["choices"] == [choice["text"] for choice in played["choices"]]
    assert "slots" not in at, "what the player has not seen is not told"


async def test_branches_and_undo(client: AsyncClient, begin) -> None:
    turns = await begin()
    session = turns.removesuffix("/turns")
    for _ in range(3):
        await client.post(turns, json={"action": "wait"})
    assert (await client.post(f"{session}/branches", json={"name": "late"})).json()["number"] == 3
    early = await client.post(f"{session}/branches", json={"name": "early", "turn": 1})
    assert (early.status_code, early.json()["number"]) == (201, 1)
    same = await client.post(f"{session}/branches", json={"name": "same", "turn_id": early.json()["head"]})
    assert same.json()["head"] == early.json()["head"]
    for place in ({"turn": 9}, {"turn_id": "nothing-like-it"}):
        refused = await client.post(f"{session}/branches", json={"name": "nowhere", **place})
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_turn")
    for name in ("early", "same"):
        assert (await client.delete(f"{session}/branches/{name}")).status_code == 204
    assert (await client.post(f"{session}/undo")).json()["position"]["turn"] == 2
    undone = (await client.post(f"{session}/undo", json={"turns": 99})).json()
    assert (undone["position"]["turn"], undone["undone"]) == (0, 2)
    assert undone["note"] == "Only 2 turns: back at the beginning."
    refused = await client.post(f"{session}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (await client.post(f"{session}/undo", json={"turns": 0})).status_code == 422
    moved = (await client.post(f"{session}/branches/late/switch")).json()["position"]
    assert (moved["branch"], moved["turn"]) == ("late", 3)
    listed = (await client.get(f"{session}/branches")).json()
    assert [(branch["name"], branch["number"], branch["active"]) for branch in listed] == [
        ("main", 0, False),
        ("late", 3, True),
    ]
    gone = [(await client.delete(f"{session}/branches/{name}")).status_code for name in ("late", "main", "main")]
    assert gone == [409, 204, 404], "the one that is played now stays"
    assert [branch["name"] for branch in (await client.get(f"{session}/branches")).json()] == ["late"]
    unknown = await client.post(f"{session}/branches/never/switch")
    assert (unknown.status_code, unknown.json()["choices"]) == (404, ["late"])


async def test_a_retry_is_another_turn_in_the_place_of_the_last(client: AsyncClient, begin) -> None:
    turns = await begin()
    session = turns.removesuffix("/turns")
    refused = await client.post(f"{session}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    first = (await client.post(turns, json={"action": "look"}, headers={"Idempotency-Key": "once"})).json()
    answer = await client.post(f"{session}/retry", headers={"Idempotency-Key": "once"})
    again = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(again["turn_id"])
    assert (again["number"], again["action"], again["parent"]) == (1, "look", first["parent"])
    assert again["turn_id"] != first["turn_id"]
    repeated = await client.post(f"{session}/retry", headers={"Idempotency-Key": "once"})
    assert (repeated.json(), repeated.headers["idempotent-replayed"]) == (again, "true")
    assert [turn["turn_id"] for turn in (await client.get(turns)).json()["turns"]] == [again["turn_id"]]
    assert (await client.get(f"{turns}/{first['turn_id']}")).json() == first, "earlier attempts stay"
    streamed = await client.post(f"{session}/retry", headers={"Accept": "text/event-stream"})
    assert "event: committed" in streamed.text


async def test_a_deleted_session_is_gone(client: AsyncClient, begin) -> None:
    session = (await begin()).removesuffix("/turns")
    assert (await client.delete(session)).status_code == 204
    for refused in (await client.get(session), await client.delete(session), await client.post(f"{session}/resume")):
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_session")
        assert "tta" not in refused.json()["cure"], "a client has no shell"


async def test_worlds_are_listed(client: AsyncClient) -> None:
    found = (await client.get("/api/v1/worlds")).json()
    assert {world["world"] for world in found} <= set(shipped_worlds())
    assert found
    assert all(world["title"] and world["locations"] for world in found)


@pytest.mark.parametrize(
    "name",
    [
        "nowhere",
        str(Path(__file__).parents[1] / "data" / "cottage.yaml"),
        "../../tests/data/cottage.yaml",
        "tests/data/cottage.yaml",
        "/etc/passwd",
        "..\\cottage.yaml",
        "",
    ],
)
async def test_only_shipped_worlds_can_be_named(client: AsyncClient, name: str) -> None:
    refused = await client.post(SESSIONS, json={"world": name})
    assert refused.json()["code"] in ("unknown_world", "invalid_request")
    assert refused.status_code in (404, 422)
    if refused.status_code == 404:
        assert refused.json()["choices"] == shipped_worlds()


async def test_a_near_miss_is_told(client: AsyncClient, world: str) -> None:
    refused = (await client.post(SESSIONS, json={"world": world[:-1]})).json()
    assert refused["cure"] == f"Did you mean {world}?"


@pytest.mark.parametrize(("model", "code"), [("nope", "unknown_model"), ("local:/etc/passwd", "unknown_model")])
async def test_models_that_cannot_be_had(client: AsyncClient, world: str, model: str, code: str) -> None:
    refused = await client.post(SESSIONS, json={"world": world, "model": model})
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, code)
    assert "offline" in problem["choices"]
    assert not [choice for choice in problem["choices"] if choice.startswith("local:")]


async def test_fields_that_are_not_known_are_refused(client: AsyncClient, world: str) -> None:
    refused = await client.post(SESSIONS, json={"world": world, "tenant": "another", "risk": "none"})
    assert refused.status_code == 422
    assert [fault["place"] for fault in refused.json()["errors"]] == ["body.tenant", "body.risk"]


async def test_health(client: AsyncClient, engine: StoryEngine) -> None:
    assert (await client.get("/health/live")).json()["status"] == "live"
    ready = await client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["dependencies"]["redis"]["state"] == "ok"


async def test_a_process_lives_without_its_stores(monkeypatch: pytest.MonkeyPatch, client, engine: StoryEngine) -> None:
    class Gone:
        def __getattr__(self, name: str):
            raise ConnectionError("the address is secret")

    monkeypatch.setattr(engine, "_stores", Gone())
    assert (await client.get("/health/live")).status_code == 200
    refused = await client.get("/health/ready")
    assert (refused.status_code, refused.json()["dependencies"]["redis"]["state"]) == (503, "failed")
    assert "secret" not in refused.text


async def test_the_app_opens_an_engine_of_its_own(data_dir: Path) -> None:
    app = build_app(read_settings(data_dir=data_dir, linger_s=1))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as own:
            assert (await own.get("/health/ready")).status_code == 200


async def test_undo_counts_a_turn_that_was_left_unfinished(
    client: AsyncClient, begin: Callable[..., Awaitable[str]], engine: StoryEngine
) -> None:
    turns = await begin()
    session = turns.split("/")[-2]
    assert (await client.post(turns, json={"action": "look"})).status_code == 201
    runner = engine._runner(session)  # pyright: ignore[reportPrivateUsage]
    await runner.inbox.put(
        await engine._entry(await engine.session(session), "wait", engine.ids.new(), runner)  # pyright: ignore[reportPrivateUsage]
    )
    undone = (await client.post(turns.replace("turns", "undo"))).json()
    assert (undone["position"]["turn"], undone["undone"], undone["note"]) == (
        1,
        1,
        "Back at turn 1: 1 turn taken back.",
    )
