"""The documentation page, with assets of a package and none of another host: it works with the network off."""

from importlib import resources
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.links import add_links
from api.refusals import UnknownRoute
from api.repeats import HEADER, LONGEST, PATTERN, UNKEPT
from api.schemas import PROBLEM, Problem

_PACKAGE = "fastapi_swagger.resources"
"""PyPI `fastapi-swagger` carries a current Swagger UI (MIT over Apache-2.0). Only its files are used."""

_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TTA API</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/assets/favicon-32x32.png">
</head>
<body>
<div id="docs"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/assets/start.js"></script>
</body>
</html>
"""

_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
"""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_KEY: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The same key with the same body is answered as it was the first time, and done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": PATTERN},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}
_REFUSALS = {
    "409": f"It cannot be done as things stand, or the first request with that {HEADER} is not answered yet (`Retry-After`)",
    "422": f"What was sent does not fit, or that {HEADER} belongs to another request",
}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def go_to_docs() -> RedirectResponse:
    """Whoever opens the address that `tta serve` says finds the documentation."""
    return RedirectResponse("docs", status_code=307)


@router.get("/docs")
async def show_docs() -> HTMLResponse:
    """The page."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/assets/{name}")
async def show_asset(name: str) -> Response:
    """One of the page's files. Raises UnknownRoute for any other."""
    if name == "start.js":
        return Response(_START, media_type="text/javascript")
    if name not in _TYPES:
        raise UnknownRoute("There is no such file", choices=[*_TYPES, "start.js"])
    content = resources.files(_PACKAGE).joinpath(name).read_bytes()
    return Response(content, media_type=_TYPES[name], headers={"Cache-Control": "private, max-age=86400"})


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, made once, with the shape of problems."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components = made.setdefault("components", {})
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "A token or an API key, with TTA_AUTH alone."}
        }
        made["security"] = [{"bearer": []}, {}]
        parts = components.setdefault("schemas", {})
        parts.update(problem.pop("$defs", {}))
        parts["Problem"] = problem
        for path, operations in made["paths"].items():
            if "post" in operations and not path.startswith(UNKEPT):
                _describe_key(operations["post"])
        add_links(made["paths"])
        app.openapi_schema = made
    return app.openapi_schema


def _describe_key(operation: dict[str, Any]) -> None:
    """What `api.repeats` does for every POST."""
    others = [each for each in operation.get("parameters", []) if each["name"].lower() != HEADER.lower()]
    operation["parameters"] = [*others, dict(_KEY)]
    for status, description in _REFUSALS.items():
        operation["responses"][status] = {"description": description, "content": PROBLEM}
