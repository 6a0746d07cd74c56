"""Where somebody lives or gets post: the street with its number, and what belongs to it up to the postcode.

A street alone is no personal data, and a number alone is none; an address is a number beside a name that is a street's by
its words (`12 High Street`, `Via Roma 131`, `Musterweg 5`), by a second number or a flat beside it (`28245 Puruntie 82 Apt.
595`), or by the words that announce it (`lives at Dolni 7`). From there it grows to both sides. The text is read once, as
tokens; from each number a bounded number of them is looked at.
"""

import re
from collections.abc import Iterator

from agents.safety.personal.cores import Streets
from agents.safety.personal.folding import folded, holds
from agents.safety.personal.span import Span
from agents.safety.personal.streets import COUNTED, LINKS, NOT_NAMES, TRAILING, UNITS, closes_name

_POSTCODE = re.compile(
    r"\d{5}-\d{3,4}(?!\d)|\d{3} \d{2}(?![\d-])|\d{2}-\d{3}(?!\d)|\d{4} [A-Z]{2}(?![A-Za-z])"
    r"|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}(?!\w)|[A-Z]\d[A-Z][ -]?\d[A-Z]\d(?!\w)"
    r"|(?:[A-Z]{1,2}-)?\d{4,6}(?![\w]|[ -./]\d{2})|\d{3}(?=\s*$)"
)
_ZIP = re.compile(
    r"(?:\bzip|\bpost(?:al)?[ -]?code|\bpincode|\bplz\b|\bpostleitzahl|\bcode postal|\bcep\b|\bc[oó]digo postal"
    r"|\bcap\b(?=:))"
    r"(?:[ -]?code)?(?: number)?(?: is| was|['’]s)?[:#=\s]{1,6}",
    re.IGNORECASE,
)
_ZIP_VALUE = re.compile(
    r"(?=[A-Za-z -]{0,4}\d)[A-Za-z\d]{2,8}(?:[ -][A-Za-z\d]*\d[A-Za-z\d]*|[ -][A-Z]{2}(?![A-Za-z]))?(?![A-Za-z\d])"
)
_MILITARY = re.compile(
    r"(?<!\w)(?:(?:PSC|CMR|Unit|OPC)\s{1,3}\d{1,5},?\s{1,3}Box\s{1,3}\d{1,5}"
    r"|US(?:NS|NV|S|CGC|AV)\s{1,3}[^\W\d_][\w'’-]{1,30}(?: [^\W\d_][\w'’-]{1,30}){0,2})"
    r"(?:[\s,>?]{1,6}(?:APO|FPO|DPO),?\s{1,3}A[AEP]\s{1,3}\d{5}(?:-\d{4})?)?"
    r"|(?<!\w)(?:APO|FPO|DPO),?\s{1,3}A[AEP]\s{1,3}\d{5}(?:-\d{4})?",
    re.IGNORECASE,
)
_CORNER = re.compile(
    r"(?<!\w)(?:the )?(?:corner|intersection|junction) of ([^\n.,;:!?]{2,60}?\.?(?: (?:St|str|Rd|Ave)\.?)?) (?:and"
    r"|&|with) "
    r"([^\W_][\w'’-]{0,30}(?: [^\W\d_][\w'’-]{1,30}){0,3})",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?<!\w)(?:on|at|along|off) ((?:[^\W\d_][\w'’-]{1,30} ){2,3}(?:Street|Road|Avenue|Boulevard|Drive|Lane))(?!\w)"
)
_TOWN = re.compile(
    r"(?<!\w)(?:in|from|to|near|at) ([^\W\d_][\w'’-]{2,30}(?: [^\W\d_][\w'’-]{1,30}){0,2})"
    r" (\d{4,5}(?:-\d{3,4})?|\d{3} \d{2}|\d{4} [A-Z]{2})(?![\w]|[.,]\d)"
)
_YEAR = re.compile(r"(?:1[3-9]|20|21)\d\d")

# What a text must hold, before a pattern is tried.
_POSTED = ("box", "apo", "fpo", "dpo")
_CROSSING = ("corner of", "intersection of", "junction of")
_STREETS = ("Street", "Road", "Avenue", "Boulevard", "Drive", "Lane")
_SHIP = re.compile(r"us(?:s|ns|nv|cgc|av)\s")
_DIGITS = re.compile(r"\d+")
_BEHIND = re.compile(r"\w|\s+\w|\s*\.|\s*,\s*\w")
_MARKS = frozenset("_.,/'’´-")
_BLANKS = 40
"""So many before a number are looked over; behind more it counts as neighboured."""

_TAIL = 36
"""Tokens that may follow the street up to the postcode."""
_PARTS = 6
"""Lines, or parts between commas, among them."""


def find_addresses(text: str) -> Iterator[Span]:
    """The spans of this kind, in no order; they may overlap."""
    low = folded(text)
    if holds(low, _POSTED) or _SHIP.search(low):
        for found in _MILITARY.finditer(text):
            if any(map(str.isdigit, found[0])):
                yield Span(*found.span(), "address")
    for found in _ZIP.finditer(text):
        if value := _ZIP_VALUE.match(text, found.end()):
            yield Span(*value.span(), "address")
    for found in _TOWN.finditer(text):
        words = found[1].split()
        named = all(
            word[0].isupper() and word.lower() not in NOT_NAMES and word.lower() not in COUNTED for word in words
        )
        if named and not _YEAR.fullmatch(found[2]):
            yield Span(*found.span(2), "address")
    if any(_is_neighboured(text, *digits.span()) for digits in _DIGITS.finditer(text)):
        yield from _streets(text)


def _is_neighboured(text: str, start: int, end: int) -> bool:
    """Whether a number may stand beside a word, before it or behind: `Streets.core` asks of nothing else."""
    before = text[max(0, start - _BLANKS) : start].rstrip()
    last = before[-1:]
    beside = last.isalnum() or last in _MARKS if last else start > _BLANKS
    return beside or _BEHIND.match(text, end) is not None


def _streets(text: str) -> Iterator[Span]:
    """Streets with their numbers, and what belongs to them."""
    reading = _Addresses(text)
    done = -1
    for place, token in enumerate(reading.tokens):
        if token.kind == "n" and place > done and (found := reading.around(place)):
            first, done = found
            yield Span(reading.tokens[first].start, reading.tokens[done].end, "address")


def find_streets(text: str) -> Iterator[Span]:
    """Streets that need no number: two that cross, and where somebody is on one (`on Old Mill Street`)."""
    if holds(folded(text), _CROSSING):
        for found in _CORNER.finditer(text):
            end = _corner(found)
            if end:
                yield Span(found.start(), end, "address")
    if holds(text, _STREETS):
        for found in _NAMED.finditer(text):
            if all(word[0].isupper() and word.lower() not in NOT_NAMES for word in found[1].split()):
                yield Span(*found.span(1), "address")


def _corner(found: "re.Match[str]") -> int:
    """Where the second of two crossing streets ends; 0 where they are no streets: one has a number or a street's word, and
    both have a capital."""
    words = found[2].split()
    while words and words[-1].islower() and words[-1] not in TRAILING:
        words.pop()
    both = [found[1].split(), words]
    if not all(any(word[:1].isupper() for word in name) for name in both):
        return 0
    told = [word.rstrip(".").lower() for name in both for word in name]
    if not any(word.isdigit() or word in TRAILING or closes_name(word) for word in told):
        return 0
    return found.start(2) + len(" ".join(words))


class _Addresses(Streets):
    """Grows addresses out of streets."""

    def around(self, number: int) -> tuple[int, int] | None:
        """The first and the last token of the address that this number is part of."""
        core = self.core(number)
        return (self._left(core[0]), self._right(core[1])) if core else None

    def _left(self, first: int) -> int:
        """Numbers and flats before the street; a crossing street."""
        if self.kind(first - 1) == "n" and len(self.tokens[first - 1].text) <= 6:
            first -= 1
        if self.kind(first) == "n" and self.kind(first - 1) == "c":
            name = self.name_left(first - 1)
            if self.announced(name) or (self.kind(name - 1) in {"", "\n", ":", ">"} and self._flat_behind(first)):
                first = name
        for begin in range(first - 2, max(-1, first - 9), -1):
            if self.low(begin) in UNITS:
                last = self.unit(begin)
                if begin < last < first and all(
                    self.kind(place) in {",", "\n", "c"} for place in range(last + 1, first)
                ):
                    first = begin
                    break
        if self.low(first - 1) == "and" and self.kind(first - 2) == "c":
            other = max(self.name_left(first - 2), first - 5)
            before = self.kind(other - 1)
            if before in {"", "\n", ":"} or self.low(other - 1) in {"of", "is", "at", "to"}:
                first = other
        return first

    def _flat_behind(self, number: int) -> bool:
        return self.unit(self.name_right(number + 1) + 1) >= 0

    def _right(self, last: int) -> int:
        """The rest of the street, a second name, the flat, the town, the country, the postcode."""
        last = self._rest_of_street(last)
        if self.unit(last + 1) < 0:
            last = self._second_name(last)
        while (unit := self.unit(last + 1)) >= 0:
            last = unit
        return self._tail(last)

    def _rest_of_street(self, last: int) -> int:
        if self.kind(last + 1) == "." and self.kind(last + 2) and not self._sentence_ends(last + 1):
            last += 1
        at = last + 1
        if self.low(at) in TRAILING and (self.kind(at) == "c" or self.low(at) in {"street", "str", "road"}):
            last = at + 1 if self.kind(at + 1) == "." and not self._sentence_ends(at + 1) else at
        if self.low(last + 1) == "and" and self.kind(last + 2) in {"c", "n"}:
            end = self.name_right(last + 2 if self.kind(last + 2) == "c" else last + 3)
            if end > last + 2 or self.kind(last + 2) == "n":
                last = max(end, last)
        return last

    def _sentence_ends(self, stop: int) -> bool:
        """Whether a full stop ends a sentence: a blank and a capital follow, and no flat."""
        return self.unit(stop + 1) < 0 and self.kind(stop + 1) == "c"

    def _second_name(self, last: int) -> int:
        """`14 Crown Street Kishiev Squares`, before a flat on the next line or a comma."""
        end = self.name_right(last + 1)
        if last < end <= last + 4 and self.capital(last + 1, end):
            unit = self.unit(end + 1)
            if unit >= 0:
                return unit
        return last

    def _tail(self, last: int) -> int:
        """The end of town, region, country and postcode; without a postcode the town and the country behind commas."""
        accepted, parts, words, at = last, 0, 0, last + 1
        while at < self.size and at - last < _TAIL:
            token = self.tokens[at]
            code = _POSTCODE.match(self.text, token.start) if token.kind in "nc" else None
            if code and (token.kind == "n" or any(map(str.isdigit, code[0]))):
                return self._behind_postcode(self._at(code.end(), at))
            if token.kind in {",", "\n", ">", "?", ";"}:
                if token.kind == "?" and self.kind(at + 1) not in {"?", "c", "n"}:
                    break
                if words:
                    parts, words = parts + 1, 0
                if parts > _PARTS:
                    break
            elif token.kind in {"c", "l"}:
                if self._no_town(at):
                    break
                words += 1
                if words > 5:
                    break
                if parts < 2 and (
                    token.kind == "c"
                    or (self.kind(at - 1) == "c" and 2 <= len(token.text) <= 3 and token.text not in LINKS)
                ):
                    accepted = at
            elif token.kind == "n" and len(token.text) <= 2 and self.kind(at - 1) in {",", "\n"}:
                words += 1  # a region's number
            elif (token.kind not in {"(", ")", "-", "/", "'", "."} and token.kind.isascii()) or (
                token.kind == "." and self._sentence_ends(at) and len(self.low(at - 1)) > 3
            ):
                break
            at += 1
        return self._without_sentence(last, accepted)

    def _no_town(self, at: int) -> bool:
        """Whether the word is none that names a town, a region or a country. `NO` and `AT` are regions."""
        word = self.tokens[at].text
        known = word.lower() in LINKS or (word.isupper() and len(word) <= 3)
        return self.kind(at + 1) == ":" or (word.lower() in NOT_NAMES and not known)

    def _at(self, end: int, place: int) -> int:
        """The token that ends at this character, from a place onwards."""
        while place + 1 < self.size and self.tokens[place + 1].start < end:
            place += 1
        return place

    def _behind_postcode(self, last: int) -> int:
        """`10115 Berlin, Germany`: the town may follow."""
        end = self.name_right(last + 1)
        if end > last and end - last <= 4:
            last = end
            if self.kind(last + 1) == "," and (country := self.name_right(last + 2)) > last + 1 and country - last <= 4:
                last = country
        return last

    def _without_sentence(self, last: int, accepted: int) -> int:
        """Town and country without a postcode count where a comma, a line or a flat comes before them."""
        if accepted == last:
            return last
        between = self.kind(last + 1)
        follows_unit = self.tokens[last].kind == "n" and any(
            self.low(place) in UNITS for place in range(max(0, last - 3), last)
        )
        return accepted if between in {",", "\n"} or follows_unit else last
