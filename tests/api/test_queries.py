"""What a query says that no operation reads is refused, not passed over; and a fault is told by its place."""

from typing import Any

import pytest
from httpx import AsyncClient


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "{session}/turns?multitask_strategy=interrupt", {"action": "look"}),
        ("POST", "{session}/undo?turns=2", {}),
        ("GET", "{session}/facts?abot=player", None),
        ("GET", "?crusor=1", None),
    ],
)
async def test_a_query_that_nobody_reads_is_refused(
    client: AsyncClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    session = (await client.post("/api/v1/sessions", json={})).json()["session"]
    where = f"/api/v1/sessions{path.format(session=f'/{session}')}"
    answer = await client.request(method, where, json=body)
    told = answer.json()
    assert (answer.status_code, told["code"], told["place"]) == (422, "invalid_request", "query")
    assert path.partition("?")[2].partition("=")[0] in told["detail"]
    assert (await client.get(f"/api/v1/sessions/{session}")).json()["position"]["turn"] == 0
    if method == "GET":
        assert told["choices"]


async def test_a_query_that_nobody_reads_is_screened_and_names_nobody(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/sessions?i+want+to+kill+myself+tonight=1")
    assert answer.json()["help"]["tier"] == "crisis"
    answer = await client.get("/api/v1/sessions?ada.lovelace%40example.com=1")
    assert "example.com" not in answer.text


async def test_a_field_is_named_by_its_place(client: AsyncClient) -> None:
    """`body.name` is no address of a site."""
    told = (await client.patch("/api/v1/players/me", json={"name": 3})).json()
    assert told["detail"].startswith("body.name: ")
    assert told["place"] == "body.name"
    told = (await client.patch("/api/v1/players/me", json={"ada@example.com": 3})).json()
    assert "example.com" not in str(told)


@pytest.mark.parametrize("text", ['{"preferences": {"x": "\\ud800"}}', '{"preferences": {"x": 1e400}}'])
async def test_what_no_store_can_keep_is_refused(client: AsyncClient, text: str) -> None:
    answer = await client.patch("/api/v1/players/me", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    both = '{"preferences": {"x": "\\ud83d\\ude00"}}'
    kept = await client.patch("/api/v1/players/me", content=both, headers={"Content-Type": "application/json"})
    assert kept.json()["preferences"]["x"] == "😀"
