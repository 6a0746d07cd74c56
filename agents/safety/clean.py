"""What a model may hand over: text without characters that no store and no terminal can bear, and data of bounded size.

A lone surrogate cannot be written as UTF-8, a number of thirty digits fits no column, an escape sequence drives a
terminal. They are taken out where a model's answer enters, so that nothing behind has to expect them.
"""

import math
import re
from typing import Any

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_MOST = 2**53
"""Whole numbers beyond it are not exact in JSON (RFC 8259, 6) and fit no store of ours."""

MAX_DEPTH = 8
MAX_PARTS = 64
"""Members kept of a list or an object: a tail asks for a handful."""

MAX_TEXT = 2_000


def clean(text: str) -> str:
    """The text without lone surrogates, control characters (but for tabs and line ends) and marks that turn it around."""
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub("", text)


def clean_data(value: Any, depth: int = 0) -> Any:
    """JSON data with clean texts, numbers that every store can hold, and an end. What is too deep becomes None."""
    if isinstance(value, str):
        return clean(value)[:MAX_TEXT]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -_MOST <= value <= _MOST else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [clean_data(part, depth + 1) for part in value[:MAX_PARTS]]
    if isinstance(value, dict):
        parts = list(value.items())[:MAX_PARTS]
        return {clean(str(key))[:MAX_TEXT]: clean_data(part, depth + 1) for key, part in parts}
    return None


def count_of(value: object) -> int:
    """A model's own count of tokens as a number that can be stored; 0 for anything that is none."""
    return min(value, _MOST // 1024) if isinstance(value, int) and value > 0 else 0
