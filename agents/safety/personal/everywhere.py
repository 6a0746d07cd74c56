"""All that is looked for, in one pass over a text. Imported when the first text has something to look at: its patterns take
some forty milliseconds to compile.
"""

import re
from collections.abc import Iterator

from agents.safety.personal.addresses import find_addresses, find_streets
from agents.safety.personal.numbers import find_numbers
from agents.safety.personal.online import find_online
from agents.safety.personal.span import Kind, Span

_DIGITS = re.compile(r"\d+")
_BEFORE, _AFTER = 200, 500
"""Characters around a number that are looked at with it: in a long text only those."""

_WEIGHT: dict[Kind, int] = {
    "key": 9,
    "email": 8,
    "url": 7,
    "account": 6,
    "card": 5,
    "national_id": 4,
    "ip": 3,
    "address": 2,
    "phone": 1,
}


def find_all(text: str) -> list[Span]:
    """The spans of a text, in order; none overlaps another."""
    found = [*find_online(text), *find_streets(text)]
    for start, end in _around_digits(text):
        part = text[start:end]
        near = (*find_numbers(part), *find_addresses(part))
        found += [Span(span.start + start, span.end + start, span.kind) for span in near]
    return _merged(found)


def _around_digits(text: str) -> Iterator[tuple[int, int]]:
    """The stretches of a text around its numbers, cut between words; none overlaps another."""
    start = end = 0
    for digits in _DIGITS.finditer(text):
        if digits.start() - _BEFORE > end:
            if end:
                yield start, end
            start = _blank(text, digits.start() - _BEFORE)
        end = max(end, _blank(text, digits.end() + _AFTER))
    if end:
        yield start, end


def _blank(text: str, place: int) -> int:
    """The next blank from there on; where none is near, a place in the middle of what is no word."""
    for near in range(place, min(place + 64, len(text))):
        if text[near].isspace():
            return near
    return min(place + 64, len(text))


def _merged(spans: list[Span]) -> list[Span]:
    """Overlapping spans as one, of the weightier kind: no character that one of them covers is left out."""
    merged: list[Span] = []
    for span in sorted(spans):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
            continue
        kind = last.kind if _WEIGHT[last.kind] >= _WEIGHT[span.kind] else span.kind
        merged[-1] = Span(last.start, max(last.end, span.end), kind)
    return merged
