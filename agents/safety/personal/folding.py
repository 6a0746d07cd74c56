"""A text as patterns that ignore case see it: cheap to look into, before they are tried.

A pattern that ignores case is tried at every character of a text. Most texts hold none of the strings that it cannot match
without, and to look for those takes a hundredth of the time.
"""

from collections.abc import Iterable


def folded(text: str) -> str:
    """In small letters, also those that `re` takes for the same: the long s, the Kelvin sign, the i of Turkish."""
    return text.replace("İ", "i").casefold().replace("ı", "i")  # else İ becomes two characters


def holds(low: str, strings: Iterable[str]) -> bool:
    """Whether a folded text holds any of the strings."""
    return any(string in low for string in strings)
