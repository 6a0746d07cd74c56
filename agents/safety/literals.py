"""What a text must contain before a pattern can possibly match it: plain strings, cheap to look for.

Hundreds of patterns over every action would cost tens of milliseconds; looking for a few hundred short strings costs
a tenth of one. The strings are derived from the pattern itself and not written by its author, so that a rule cannot be
silenced by a forgotten keyword: `\\b(?:hang|drown)(?:ing)? my ?self\\b` needs `hang` or `drown`.

The parse tree is that of the standard library's own `re` compiler. It is not a public interface: wherever the tree is
not as expected, no strings are derived and the pattern is simply always tried (slower, never wrong).
"""

import importlib
import re
from typing import Any

MOST = 120
"""A pattern that needs one of more strings than this is always tried."""

Literals = frozenset[str]


def literals_of(pattern: str) -> Literals | None:
    """Strings of which every match contains at least one; None when nothing useful can be said.

    Raises re.error for a pattern that cannot be parsed.
    """
    try:
        tree: Any = importlib.import_module("re._parser").parse(pattern)
        found = _of_sequence(list(tree))
    except re.error:
        raise
    except Exception:  # an unexpected tree: the pattern is always tried
        return None
    return found if found and len(found) <= MOST and _worth(found) >= 2 else None


def _worth(found: Literals) -> int:
    """How telling the weakest of the strings is. A letter of another script tells as much as two: texts in it are few."""
    return min(len(text.strip()) * (1 if text.isascii() else 2) for text in found)


def _of_sequence(items: list[Any]) -> Literals | None:
    """The most telling of what a sequence's parts need; letters side by side are one string."""
    best: Literals | None = None
    run = ""
    for kind, value in items:
        if str(kind) == "LITERAL":
            run += chr(value)
            continue
        best, run = _better(best, _of_run(run)), ""
        best = _better(best, _of_part(str(kind), value))
    return _better(best, _of_run(run))


def _of_run(letters: str) -> Literals | None:
    return frozenset([letters]) if letters.strip() else None


def _of_part(kind: str, value: Any) -> Literals | None:
    """What one part of a sequence needs."""
    if kind == "SUBPATTERN":
        return _of_sequence(list(value[3]))
    if kind in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"} and value[0] >= 1:
        return _of_sequence(list(value[2]))
    if kind == "BRANCH":
        ways = [_of_sequence(list(way)) for way in value[1]]
        if all(way is not None for way in ways):
            return frozenset(text for way in ways if way is not None for text in way)
    return None


def _better(one: Literals | None, other: Literals | None) -> Literals | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda found: (min(_worth(found), 5), -len(found)))
