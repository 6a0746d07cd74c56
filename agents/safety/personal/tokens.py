"""A text as words, numbers and marks, and what can be asked of them: where a street's name begins and ends, where a flat is.

Places are indexes of tokens. Each question looks at a bounded number of them.
"""

import re
from typing import NamedTuple

from agents.safety.personal.streets import ANNOUNCING, JOINS, LEADING, LINKS, NOT_NAMES, SHORT, UNITS

_TOKEN = re.compile(r"\d{1,7}(?:[-/]\d{1,4})?[A-Za-z]?(?![\w])|[^\W\d_](?:[\w'’´]|-(?=\w)){0,40}|\n|[^\w\s]|\w")
WORDS = 6
"""Words that a street's name may have."""


class Token(NamedTuple):
    text: str
    start: int
    end: int
    kind: str
    """`n` number, `c` word that begins with a capital (or is of a script without them), `l` other word, `\\n`, or
    the mark itself."""


def _token(found: "re.Match[str]") -> Token:
    text = found[0]
    if text[0].isdigit():
        kind = "n" if text[0] in "0123456789" else "l"
    elif text[0].isalpha():
        kind = "l" if text[0].islower() else "c"
    else:
        kind = text
    return Token(text, *found.span(), kind)


class Tokens:
    """The tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [_token(found) for found in _TOKEN.finditer(text)]
        self.size = len(self.tokens)

    def kind(self, place: int) -> str:
        return self.tokens[place].kind if 0 <= place < self.size else ""

    def low(self, place: int) -> str:
        return self.tokens[place].text.lower() if 0 <= place < self.size else ""

    def leads(self, place: int) -> bool:
        """Whether the word is one that a street's name begins with. `C/` and `ul.` have their mark."""
        word = self.low(place)
        if word == "c":
            return self.low(place + 1) == "/"
        return word in LEADING

    def name_right(self, place: int, *, loose: bool = False) -> int:
        """The last token of a name that begins here; one less than `place` for none."""
        end = place - 1
        for at in range(place, min(self.size, place + WORDS + 2)):
            kind, word = self.kind(at), self.low(at)
            if word in UNITS and self.unit(at) >= 0:
                break
            if kind == "c" or (kind == "l" and (loose or word in LINKS)):
                if kind == "c" or loose:
                    end = at
                continue
            if kind in {".", "-", "/", "'"} and at > place and len(self.low(at - 1)) <= 4 and kind != ".":
                continue
            if kind == "." and (self.low(at - 1) in SHORT or len(self.low(at - 1)) == 1):
                continue
            break
        return end

    def name_left(self, place: int) -> int:
        """The first token of a name that ends here: capitals, the small words between them, and marks of abbreviations."""
        first = place + 1
        at = place
        while at >= 0 and place - at < WORDS + 3:
            kind, word = self.kind(at), self.low(at)
            if word in NOT_NAMES:
                break
            if kind == "c" or (kind == "l" and (word in LINKS or word in SHORT or word in LEADING)):
                first = at
            elif kind == "." and self.low(at - 1) in SHORT | LEADING:
                first = at if at == place else first
            elif (
                kind in {"-", "/"}
                and self.kind(at - 1) in {"c", "l"}
                and self.tokens[at].start == self.tokens[at - 1].end
            ):
                pass
            elif kind == "l" and self._lower_case_address(at):
                first = at
            else:
                break
            at -= 1
        while first <= place and self.low(first) in JOINS and self.kind(first) == "l":
            first += 1
        return first

    def _lower_case_address(self, at: int) -> bool:
        """Whether everything between two numbers is in small letters, with a flat behind: `0605 penteli 210 apt. 999`."""
        return len(self.low(at)) > 3 and self.kind(at - 1) == "n" and len(self.low(at - 1)) >= 3

    def capital(self, first: int, last: int) -> bool:
        return any(self.kind(place) == "c" and len(self.low(place)) > 1 for place in range(first, last + 1))

    def announced(self, first: int) -> bool:
        """Whether the words before it say that somebody lives, works or waits there."""
        start = self.tokens[first].start
        return ANNOUNCING.search(self.text, max(0, start - 60), start) is not None

    def unit(self, place: int) -> int:
        """The last token of a flat (`Apt. 595`, `Suite 12`, `# 4`) that begins here or behind a mark; -1 for none."""
        at = place
        while at < place + 4 and self.kind(at) in {",", "\n", ">", ".", "?", "-", ";"}:
            at += 1
        if self.low(at) in UNITS or (self.kind(at) == "#" and at > place - 1):
            at += 1
            while self.kind(at) in {".", "#", ":"}:
                at += 1
            if self.kind(at) == "n" or (self.kind(at) == "c" and len(self.low(at)) == 1):
                return at
        return -1
