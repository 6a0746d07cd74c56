"""Faults of what a session keeps in mind and leaves out, as `test_import.py` takes them: name, properties, what is told."""

from typing import Any

WREN = {"character": "c1", "name": "Wren", "pronouns": "", "description": "", "traits": list[str]()}

IN_MIND: list[tuple[str, dict[str, Any], str]] = [
    ("a risk beyond all", {"risk": 3}, "risk is missing or of the wrong kind"),
    ("a seed of words", {"seed": "seven"}, "seed is missing or of the wrong kind"),
    ("half a letter heard", {"heard": [{"text": "\ud800", "age": 0}]}, "heard is missing or of the wrong kind"),
    ("more heard than is kept", {"heard": [{"text": "a", "age": 0}] * 9}, "heard is missing or of the wrong kind"),
    ("something heard that is none", {"heard": ["a"]}, "heard is missing or of the wrong kind"),
    ("too many topics", {"avoid": "\n".join("abcdefghijklm")}, "no topics as they can be set"),
    ("too long a topic", {"avoid": "a" * 3_000}, "no topics as they can be set"),
    ("a topic that turns the line", {"avoid": "a\u202eb"}, "no topics as they can be set"),
    ("a character that is a text", {"character": "Wren"}, "character is none as it can be made"),
    ("a character without a name", {"character": {**WREN, "name": " "}}, "character is none as it can be made"),
    ("a character on two lines", {"character": {**WREN, "description": "a\nb"}}, "character is none as it can be made"),
    ("too long a character", {"character": {**WREN, "description": "a" * 401}}, "character is none as it can be made"),
    ("a character with more", {"character": {**WREN, "role": "narrator"}}, "character is none as it can be made"),
]
