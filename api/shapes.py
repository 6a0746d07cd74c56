"""How a body's values are read: as the published schema says, and nothing else besides."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetJsonSchemaHandler, StrictBool, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from typing_extensions import override


def _number(value: object) -> object:
    """JSON knows numbers: a text of digits is none, nor is `true`."""
    if isinstance(value, str | bool):
        raise PydanticCustomError("whole_number", "Input should be a whole number, and no text")
    return value


NUMBER = BeforeValidator(_number)
"""After a field's limits: a whole number; 3.0 is one, as JSON Schema has it."""

Flag = StrictBool
"""`true` or `false`."""


class Request(BaseModel):
    """A body that a client sends. A field that is not known is refused, not dropped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Changes(Request):
    """A body that says what is to be changed: one of its fields or more. What is left out stays; `null` is no value."""

    @model_validator(mode="after")
    def changes_something(self) -> "Changes":
        if not self.model_fields_set:
            given = " or ".join(f"`{name}`" for name in type(self).model_fields)
            raise PydanticCustomError("no_change", "Nothing is to be changed: give {given}", {"given": given})
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise PydanticCustomError("null", "`{name}` is null: leave it out to keep what is", {"name": name})
        return self

    @classmethod
    @override
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        made = handler.resolve_ref_schema(handler(schema))
        made["minProperties"] = 1
        for field in made["properties"].values():
            _without_null(field)
        return made


def _without_null(field: dict[str, Any]) -> None:
    kinds = [kind for kind in field.pop("anyOf", []) if kind.get("type") != "null"]
    if len(kinds) == 1:
        field.update({**kinds[0], **field})
    elif kinds:
        field["anyOf"] = kinds
    field.pop("default", None)
