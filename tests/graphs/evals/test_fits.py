"""A schema's keywords are checked, and one that cannot be checked is never taken for fulfilled."""

from typing import Any

import pytest

from graphs.evals.fits import misfit


@pytest.mark.parametrize(
    ("data", "schema"),
    [
        ({}, {"type": "object", "description": "anything"}),
        (None, {"type": ["string", "null"]}),
        ([1, 2], {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}),
        (1.5, {"type": "number"}),
        ("none", {"enum": ["none", "crisis"]}),
        ("a", {"const": "a"}),
        ({"a": 1, "b": 2}, {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": True}),
    ],
)
def test_data_that_fits(data: Any, schema: dict[str, Any]) -> None:
    assert misfit(data, schema) == ""


@pytest.mark.parametrize(
    ("data", "schema", "reason"),
    [
        (True, {"type": "integer"}, "no integer"),
        (1, {"type": "boolean"}, "no boolean"),
        ([1, "2"], {"items": {"type": "integer"}}, r"answer\[1\] is no integer"),
        ([], {"minItems": 1}, "minItems 1 with 0"),
        ([1, 2, 3], {"maxItems": 2}, "maxItems"),
        ("", {"minLength": 1}, "minLength"),
        ("x", {"enum": ["a"]}, "none of"),
        ("x", {"const": "a"}, "none of"),
        ({"a": {"b": 1}}, {"properties": {"a": {"properties": {"b": {"type": "string"}}}}}, r"answer\.a\.b"),
        ({"c": 1}, {"additionalProperties": False}, "'c'"),
        ({}, {"additionalProperties": {"type": "string"}}, "neither true nor false"),
        ("x", {"type": "text"}, "'text' is not known"),
        ("x", {"pattern": "^a"}, "'pattern' cannot be checked"),
    ],
)
def test_data_that_does_not_fit(data: Any, schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(misfit(data, schema))
