"""Logging in and out, and who one is then."""

from typing import Any

from fastapi import APIRouter, Request, status

from api.auth.forms import CallerAnswer, TokenAnswer, read_form
from api.auth.grants import GRANTS, Grants
from api.auth.guard import basic_of
from api.auth.policy import guard_of
from api.routes.parts import Asking, Engine
from api.schemas import GRANT_PROBLEMS, PROBLEMS

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


def _form(required: list[str], **fields: str) -> dict[str, Any]:
    properties: dict[str, Any] = {name: {"type": "string", "description": says} for name, says in fields.items()}
    for name in required:
        properties[name]["minLength"] = 1
    schema = {"type": "object", "required": required, "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


TOKEN_FORM = _form(
    ["grant_type"],
    grant_type=f"One of {', '.join(GRANTS)}.",
    username="`password`: an account's name.",
    password="`password`: its password.",  # noqa: S106 - says what it is
    refresh_token="`refresh_token`: the last one that was given; each is good once.",  # noqa: S106
    client_id="`client_credentials`: an API key's id; or as HTTP Basic.",
    client_secret="`client_credentials`: its secret, or the whole key.",  # noqa: S106
    scope="Fewer scopes than one has, parted by spaces.",
)
REVOKE_FORM = _form(["token"], token="A refresh token, or an access token of a login.")  # noqa: S106


@router.post("/token", responses=GRANT_PROBLEMS, openapi_extra=TOKEN_FORM, response_model_exclude_none=True)
async def give_token(request: Request) -> TokenAnswer:
    """OAuth 2.0: an access token of 30 minutes; after a login also a refresh token of 7 days, which is good once."""
    return await (await _grants(request)).give()


@router.post("/revoke", status_code=status.HTTP_204_NO_CONTENT, responses=GRANT_PROBLEMS, openapi_extra=REVOKE_FORM)
async def revoke_token(request: Request) -> None:
    """Logs out: the refresh token and every access token of that login are good no more."""
    await (await _grants(request)).end()


@router.get("/me", responses=PROBLEMS)
async def show_me(caller: Asking, engine: Engine) -> CallerAnswer:
    """Who asks, as the API knows them."""
    scopes = [str(scope) for scope in sorted(caller.scopes)]
    tenant = engine.settings.tenant
    return CallerAnswer(
        player=caller.player, role=caller.role, scopes=scopes, kind=caller.kind, name=caller.name, tenant=tenant
    )


async def _grants(request: Request) -> Grants:
    address = request.client.host if request.client else ""
    return Grants(guard_of(request.scope), read_form(await request.body()), basic_of(request.headers), address)
