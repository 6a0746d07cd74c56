"""Forms, which only the token endpoint takes (RFC 6749 says so)."""

from urllib.parse import parse_qsl

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
