"""Personal data that has a structure: where it stands in a text, and of what kind it is. No model, no network.

    find("write to anna@example.org")        -> [Span(9, 25, "email")]

Kinds are in `span.py`. Names of persons, ages and dates are not looked for: nothing but their meaning tells them from words
of a story. Every pattern is bounded, so that the time grows with the text's length and no faster.
"""

import re

from agents.safety.personal.span import Kind, Span

__all__ = ["Kind", "Span", "find"]

_DIGIT_OR_AT = re.compile(r"[\d@]")
_ANYTHING = re.compile(
    r"www\.|://|-----BEGIN|\.[A-Za-z]{2}|\bdot\b|[\w-]{20}|(?:corner|section|junction) of"
    r"|Street|Road|Avenue|Boulevard|Drive|Lane",
    re.IGNORECASE,
)
"""What every one of them needs, if no digit; tried at each character, so after what is found at once."""


def find(text: str) -> list[Span]:
    """The spans of a text, in order; none overlaps another. Line ends that JSON has escaped are read as line ends."""
    if not (_DIGIT_OR_AT.search(text) or _ANYTHING.search(text)):
        return []
    from agents.safety.personal.everywhere import find_all  # noqa: PLC0415 - see there

    return find_all(text.replace("\\n", " \n").replace("\\t", "  ") if "\\" in text else text)
