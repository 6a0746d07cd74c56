"""A request that failed, or whose process died in it, is done once by whoever sends it again with its key."""

from typing import Any

import pytest
from cottage import begun
from httpx import AsyncClient
from repeated import KEY, SESSIONS, WORLD, Died, died, number, refused, stored, told

from agents.errors import HeadMoved, StoreUnavailable
from graphs.engine import StoryEngine


@pytest.fixture(autouse=True)
async def nothing_was_tried(engine: StoryEngine) -> None:
    """The tests of a module share a store."""
    await engine.repeats.remove()


async def test_a_session_is_begun_once_whenever_the_process_dies(
    client: AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(await stored(engine))
    await died(client, monkeypatch, SESSIONS, WORLD)
    (there,) = set(await stored(engine)) - before
    made = await client.post(SESSIONS, json=WORLD, headers=KEY)
    assert (made.status_code, made.json()["session"], made.json()["turn"]["turn_id"]) == (201, there, "root")
    assert set(await stored(engine)) - before == {there}


async def test_turns_are_taken_back_at_most_once_whenever_the_process_dies(
    client: AsyncClient, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await died(client, monkeypatch, f"{session}/undo", {"turns": 2})
    assert await number(client, session) == 1
    again = await client.post(f"{session}/undo", json={"turns": 2}, headers=KEY)
    assert (again.status_code, again.json()["undone"], again.json()["position"]["turn"]) == (200, 2, 1)
    assert again.json()["note"] == "Back at turn 1: 2 turns taken back."
    assert told(await client.post(f"{session}/undo", json={"turns": 2}, headers=KEY)) == told(again)
    assert await number(client, session) == 1


async def test_what_was_played_since_is_not_taken_back(
    client: AsyncClient, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await died(client, monkeypatch, f"{session}/undo", {"turns": 3})
    for _ in range(4):
        await client.post(f"{session}/turns", json={"action": "wait"})
    again = await client.post(f"{session}/undo", json={"turns": 3}, headers=KEY)
    assert (again.status_code, again.json()["undone"], again.json()["position"]["turn"]) == (200, 0, 4)


async def test_turns_are_taken_back_by_the_next_try_where_the_first_died_before_it(
    client: AsyncClient, engine: StoryEngine, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: Any, **__: Any) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(engine, "undo", die)
        with pytest.raises(Died):
            await client.post(f"{session}/undo", headers=KEY)
    again = await client.post(f"{session}/undo", headers=KEY)
    assert (again.json()["undone"], again.json()["position"]["turn"]) == (1, 2)


async def test_an_undo_whose_turn_is_no_longer_the_last_is_refused_and_can_be_sent_again(
    client: AsyncClient, engine: StoryEngine, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    undo = engine.undo

    async def too_late(*args: Any, **options: Any) -> Any:
        await engine.act(session.rpartition("/")[2], "wait")
        return await undo(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(engine, "undo", too_late)
        refused(await client.post(f"{session}/undo", headers=KEY), 409, HeadMoved("").code)
    assert await number(client, session) == 4
    assert (await client.post(f"{session}/undo", headers=KEY)).json()["position"]["turn"] == 3


async def test_undoing_twice_without_a_key_takes_two_turns_back(client: AsyncClient, session: str) -> None:
    assert [(await client.post(f"{session}/undo")).json()["position"]["turn"] for _ in range(2)] == [2, 1]


async def test_a_branch_is_made_once_whenever_the_process_dies(
    client: AsyncClient, engine: StoryEngine, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{session}/branches"
    refused(await client.post(path, json={"name": "late"}, headers=KEY), 409, "conflict")
    await died(client, monkeypatch, path, {"name": " harbour "})
    made = await client.post(path, json={"name": " harbour "}, headers=KEY)
    assert (made.status_code, made.json()["name"], made.json()["number"]) == (201, "harbour", 3)
    assert [branch["name"] for branch in (await client.get(path)).json()] == ["main", "late", "harbour"]


async def test_an_action_is_played_once_and_in_the_story_of_its_first_try(
    client: AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = [await begun(engine, "", player="heron") for _ in range(2)]
    await engine.act(first, "look")
    at, body = "/api/v1/players/heron/actions", {"action": "wait"}
    await died(client, monkeypatch, at, body)
    await engine.act(other, "look")  # which is now the one that was played last
    again = await client.post(at, json=body, headers=KEY)
    assert (again.json()["session"], again.json()["number"]) == (first, 2)
    assert [(await engine.position(session))["number"] for session in (first, other)] == [2, 1]


@pytest.mark.parametrize("fault", [StoreUnavailable("gone"), RuntimeError("quince")])
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
async def test_what_failed_can_be_sent_again_and_is_done_once(
    client: AsyncClient, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch, fault: Exception, late: bool
) -> None:
    before, create = set(await stored(engine)), engine.create

    async def fails(*args: Any, **options: Any) -> Any:
        if late:
            await create(*args, **options)
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(engine, "create", fails)
        assert (await client.post(SESSIONS, json=WORLD, headers=KEY)).status_code >= 500
    refused(await client.post(SESSIONS, json={**WORLD, "seed": 8}, headers=KEY), 422, "key_reused")
    made = await client.post(SESSIONS, json=WORLD, headers=KEY)
    assert (made.status_code, "idempotent-replayed" in made.headers) == (201, False)
    assert set(await stored(engine)) - before == {made.json()["session"]}
    assert told(await client.post(SESSIONS, json=WORLD, headers=KEY)) == told(made)


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    client: AsyncClient, engine: StoryEngine, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr("graphs.repeats.Attempt.keep", gone)
        assert (await client.post(f"{session}/undo", headers=KEY)).json()["undone"] == 1
    assert (await client.post(f"{session}/undo", headers=KEY)).json()["position"]["turn"] == 2
