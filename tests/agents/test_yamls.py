"""Scalars of a YAML file: numbers that every store can hold, or the line of the fault."""

import pytest

from agents.yamls import YamlFault, read_yaml


@pytest.mark.parametrize(
    "value",
    ["9" * 5000, "99999999999999999999", '!!int "abc"', '!!float "x"', '!!int ""', "1.0e999", "-9007199254740993"],
)
def test_a_number_that_is_none_has_its_line(value: str) -> None:
    with pytest.raises(YamlFault, match="number") as caught:
        read_yaml(f"title: x\nversion: {value}\n")
    assert caught.value.line == 2


def test_plain_numbers_are_numbers() -> None:
    assert read_yaml("[1, -2, +3, 1.5, 0012, 9007199254740992]").data == [1, -2, 3, 1.5, 12, 2**53]
