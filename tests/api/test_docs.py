"""The documentation works with the network off, and describes what the API does."""

import re

from httpx import AsyncClient

from api.app import build_app


async def test_the_page_names_no_other_host(client: AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"https?:|//", page.text)
    assert "'self'" in page.headers["content-security-policy"]
    assert "http" not in page.headers["content-security-policy"]


async def test_the_address_alone_leads_to_the_page(client: AsyncClient) -> None:
    assert (await client.get("/")).headers["location"] == "docs"
    assert (await client.get("/", follow_redirects=True)).status_code == 200


async def test_all_that_the_page_loads_is_there(client: AsyncClient) -> None:
    page = (await client.get("/docs")).text
    wanted = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(wanted) == 4
    for name in wanted:
        asset = await client.get(f"/{name}")
        assert asset.status_code == 200, name
        assert asset.content
        assert asset.headers["content-type"].startswith(("text/javascript", "text/css", "image/png"))
    start = (await client.get("/docs/assets/start.js")).text
    assert "http" not in start
    assert "SwaggerUIBundle" in (await client.get("/docs/assets/swagger-ui-bundle.js")).text


async def test_no_other_file_is_served(client: AsyncClient) -> None:
    for name in ("__init__.py", "..%2f__init__.py", "..%2f..%2fmain.py", "%2fetc%2fpasswd"):
        assert (await client.get(f"/docs/assets/{name}")).status_code == 404


async def test_the_description(client: AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) == {
        "/health/live",
        "/health/ready",
        "/api/v1/auth/me",
        "/api/v1/auth/revoke",
        "/api/v1/auth/token",
        "/api/v1/worlds",
        "/api/v1/players/{player}",
        "/api/v1/players/{player}/actions",
        "/api/v1/players/{player}/characters",
        "/api/v1/players/{player}/characters/{character}",
        "/api/v1/players/{player}/export",
        "/api/v1/players/{player}/progress",
        "/api/v1/sessions",
        "/api/v1/sessions/{session}",
        "/api/v1/sessions/{session}/agui",
        "/api/v1/sessions/{session}/branches",
        "/api/v1/sessions/{session}/branches/{name}",
        "/api/v1/sessions/{session}/branches/{name}/switch",
        "/api/v1/sessions/{session}/export",
        "/api/v1/sessions/{session}/facts",
        "/api/v1/sessions/{session}/pause",
        "/api/v1/sessions/{session}/resume",
        "/api/v1/sessions/{session}/retry",
        "/api/v1/sessions/{session}/turns",
        "/api/v1/sessions/{session}/turns/{turn_id}",
        "/api/v1/sessions/{session}/trace",
        "/api/v1/sessions/{session}/turns/{turn_id}/events",
        "/api/v1/sessions/{session}/turns/{turn_id}/trace",
        "/api/v1/sessions/{session}/undo",
    }
    play = described["paths"]["/api/v1/sessions/{session}/turns"]["post"]
    assert set(play["responses"]["201"]["content"]) == {"application/json", "text/event-stream"}
    assert "application/problem+json" in play["responses"]["4XX"]["content"]
    assert described["components"]["schemas"]["NewTurn"]["examples"]


def test_every_reference_has_its_schema() -> None:
    described = build_app().openapi()
    wanted = set(re.findall(r"#/components/schemas/([\w-]+)", str(described)))
    assert "Problem" in wanted
    assert wanted <= set(described["components"]["schemas"])
    assert all(operation["summary"] for path in described["paths"].values() for operation in path.values())
