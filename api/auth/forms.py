"""What the token endpoint takes and answers (RFC 6749)."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, Field

from api.refusals import GrantRefused

FIELDS = 20
"""The most that a form may have."""


def read_form(raw: bytes) -> dict[str, str]:
    """The fields of a form in UTF-8. Raises GrantRefused for one that is none, or has a field twice."""
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:  # of UnicodeDecodeError, too
        raise GrantRefused("The body is no form in UTF-8", error="invalid_request", cure="See /docs.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise GrantRefused("The form has a field twice", error="invalid_request")
    return form


class TokenAnswer(BaseModel):
    """As RFC 6749, 5.1, says."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of it
    expires_in: Annotated[int, Field(description="Seconds.", examples=[1800])]
    refresh_token: Annotated[str | None, Field(description="The next one; the one before is used up.")] = None
    scope: Annotated[str, Field(examples=["read play"])]


class CallerAnswer(BaseModel):
    """Who asks."""

    player: Annotated[str, Field(examples=["anna"])]
    role: Literal["player", "author", "operator"]
    scopes: list[str]
    kind: Annotated[str, Field(description="`local`, `account`, `key` or `external`.")]
    name: Annotated[str, Field(description="The account's name, the key's id, the issuer's subject.")]
    tenant: str
