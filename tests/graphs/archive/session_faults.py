"""Faults of what a session keeps in mind and leaves out, as `test_import.py` takes them: name, properties, what is told."""

from typing import Any

IN_MIND: list[tuple[str, dict[str, Any], str]] = [
    ("a risk beyond all", {"risk": 3}, "risk is missing or of the wrong kind"),
    ("a seed of words", {"seed": "seven"}, "seed is missing or of the wrong kind"),
    ("half a letter heard", {"heard": [{"text": "\ud800", "age": 0}]}, "heard is missing or of the wrong kind"),
    ("more heard than is kept", {"heard": [{"text": "a", "age": 0}] * 9}, "heard is missing or of the wrong kind"),
    ("something heard that is none", {"heard": ["a"]}, "heard is missing or of the wrong kind"),
    ("too many topics", {"avoid": "\n".join("abcdefghijklm")}, "no topics as they can be set"),
    ("too long a topic", {"avoid": "a" * 3_000}, "no topics as they can be set"),
    ("a topic that turns the line", {"avoid": "a\u202eb"}, "no topics as they can be set"),
]
