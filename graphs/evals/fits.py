"""Whether data fits a JSON schema, for the part of the language that prompts use.

Keywords: type, enum, const, properties, required, additionalProperties (true or false), items, minLength, maxLength,
minItems, maxItems. Anything else is a misfit by name, so that no keyword is taken for checked when it is not.
(Meaning as in JSON Schema 2020-12, https://json-schema.org/draft/2020-12/json-schema-validation; lengths in characters.)
"""

from typing import Any, cast

from agents.story import Json

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_IGNORED = frozenset({"title", "description", "default", "examples", "$schema"})
_LIMITS = {"minLength": str, "maxLength": str, "minItems": list, "maxItems": list}


def misfit(data: Json, schema: dict[str, Any], at: str = "answer") -> str:
    """The first way in which the data breaks the schema, as one sentence; empty when it fits."""
    for keyword, wanted in schema.items():
        if keyword in _IGNORED:
            continue
        check = _CHECKS.get(keyword)
        if check is None:
            return f"the schema's keyword '{keyword}' cannot be checked"
        if wrong := check(data, wanted, schema, at):
            return wrong
    return ""


def _type(data: Json, wanted: Any, schema: dict[str, Any], at: str) -> str:
    del schema
    names = cast("list[str]", wanted if isinstance(wanted, list) else [wanted])
    if unknown := [name for name in names if name not in _TYPES]:
        return f"the schema's type '{unknown[0]}' is not known"
    fits = any(isinstance(data, _TYPES[name]) and (name == "boolean" or not isinstance(data, bool)) for name in names)
    return "" if fits else f"{at} is no {' or '.join(names)}"


def _enum(data: Json, wanted: Any, schema: dict[str, Any], at: str) -> str:
    del schema
    return "" if data in wanted else f"{at} is none of {wanted}"


def _const(data: Json, wanted: Any, schema: dict[str, Any], at: str) -> str:
    return _enum(data, [wanted], schema, at)


def _properties(data: Json, wanted: Any, schema: dict[str, Any], at: str) -> str:
    del schema
    if not isinstance(data, dict):
        return ""
    found = (misfit(data[key], inner, f"{at}.{key}") for key, inner in wanted.items() if key in data)
    return next((wrong for wrong in found if wrong), "")


def _required(data: Json, wanted: Any, schema: dict[str, Any], at: str) -> str:
    del schema
    missing = [key for key in wanted if key not in data] if isinstance(data, dict) else []
    return f"{at} misses '{missing[0]}'" if missing else ""


def _additional(data: Json, wanted: Any, schema: dict[str, Any], at: str) -> str:
    if not isinstance(wanted, bool):
        return "the schema's additionalProperties is neither true nor false"
    extra = sorted(set(data) - set(schema.get("properties", {}))) if isinstance(data, dict) and not wanted else []
    return f"{at} has '{extra[0]}', which the schema does not know" if extra else ""


def _items(data: Json, wanted: Any, schema: dict[str, Any], at: str) -> str:
    del schema
    found = (misfit(item, wanted, f"{at}[{i}]") for i, item in enumerate(data)) if isinstance(data, list) else ()
    return next((wrong for wrong in found if wrong), "")


def _limit(keyword: str) -> Any:
    kind, least = _LIMITS[keyword], keyword.startswith("min")

    def check(data: Json, wanted: Any, schema: dict[str, Any], at: str) -> str:
        del schema
        if not isinstance(data, kind):
            return ""
        size = len(data)
        return "" if (size >= wanted if least else size <= wanted) else f"{at} breaks {keyword} {wanted} with {size}"

    return check


_CHECKS: dict[str, Any] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    **{keyword: _limit(keyword) for keyword in _LIMITS},
}
