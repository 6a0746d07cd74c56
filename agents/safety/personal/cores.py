"""Where the heart of an address is: a number beside a name that is a street's."""

from agents.safety.personal.streets import (
    BOXES,
    COUNTED,
    LEADING,
    LINKS,
    NOT_NAMES,
    SHORT,
    TRAILING,
    UNITS,
    closes_name,
)
from agents.safety.personal.tokens import WORDS, Tokens


class Streets(Tokens):
    """Finds streets among the tokens of a text."""

    def core(self, number: int) -> tuple[int, int] | None:
        """The first and the last token of the street that this number stands with, or of a box at a post office."""
        return self._box(number) or self._number_last(number) or self._number_first(number)

    def _box(self, number: int) -> tuple[int, int] | None:
        """`P.O. Box 255`, `Postfach 12`."""
        place = number - 1
        if self.low(place) not in BOXES:
            return None
        if self.low(place) != "box":
            return place, number
        while place > 0 and number - place < 6 and self.low(place - 1) in {"p", "o", "po", ".", "post", "office"}:
            place -= 1
        return (place, number) if place < number - 1 else None

    def _number_first(self, number: int) -> tuple[int, int] | None:
        """`12 High Street`, `31 rue de la Hulotais`."""
        if len(self.tokens[number].text) > 6:
            return None
        place = number + 1
        if self.kind(place) == "," and self.low(place + 1) in LEADING:
            place += 1  # `12, rue Victor Hugo`
        if self.leads(place):
            end = self.name_right(place + 1, loose=True)
            while end > place + 1 and self.kind(end) != "c" and self.capital(place + 1, end):
                end -= 1
            if end <= place or not self.capital(place, end) or self.low(place + 1) in NOT_NAMES - LINKS:
                return None
            house = self.kind(end + 1) == "n" and len(self.tokens[end + 1].text) <= 5
            return number, end + 1 if house else end
        end = self.name_right(place, loose=True)
        for last in range(min(end, place + WORDS), place, -1):
            if self.low(last) in TRAILING and not self._commonplace(place, last):
                return number, last
        end = self.name_right(place)
        if end >= place and self.capital(place, end) and (self.unit(end + 1) >= 0 or self._two_numbers(number, end)):
            return number, end
        return None

    def _two_numbers(self, number: int, end: int) -> bool:
        """`230 107 Igias`, up to the end of a line or a comma."""
        before = self.kind(number - 1) == "n" and len(self.tokens[number - 1].text) >= 3
        return before and self.kind(end + 1) in {"", "\n", ","} and self.low(end) not in COUNTED

    def _commonplace(self, first: int, last: int) -> bool:
        """Whether these words are a way of a story (`3 miles down the road`) and no name of a street."""
        words = [self.low(place) for place in range(first, last)]
        capitals = [self.kind(place) == "c" for place in range(first, last) if self.low(place) not in LINKS]
        if capitals and all(capitals) and self.kind(first) == "c":
            return self.kind(last) == "l" and len(self.low(last)) <= 2
        if any(word in NOT_NAMES or word in COUNTED or word in LINKS for word in words):
            return True
        closed = self.kind(last + 1) in {"", "\n", ","} or self.low(last + 1) in UNITS
        return not (
            (closed and len(words) <= 2 and len(self.low(last)) > 3 and self.low(last + 1) != ",")
            or self.unit(last + 1)
        )

    def _number_last(self, number: int) -> tuple[int, int] | None:
        """`Via Roma 131`, `Magrethevej 298`, `28245 Puruntie 82`, and a name that something announces."""
        if len(self.tokens[number].text) > 6 or self.kind(number - 1) in {"", "\n"}:
            return None
        last = number - 1
        if (between := self._between_numbers(number)) > 0:
            return between, number
        if self.kind(last) == ",":
            last -= 1  # `Rua Augusta, 1500`
        first = self.name_left(last)
        if first <= last and last == number - 1 and self.capital(first, last) and self._postcode_follows(number):
            return first, number
        if first > last or any(self.low(place) in COUNTED for place in range(first, last + 1)):
            return None
        named = self._streets_name(first, last)
        if named >= 0:
            return named, number
        if last != number - 1:
            return None
        capital = self.capital(first, last)
        unit = self.unit(number + 1) >= 0
        if self._counted_before(first) and (unit or capital):
            return first, number
        if capital and (unit or self.announced(first) or self.low(number + 1) in {"st", "street", "str"}):
            return first, number
        return None

    def _postcode_follows(self, number: int) -> bool:
        """`Unter den Linden 77, 10117 Berlin` and `MG Road 45, Bengaluru 560001`."""
        if self.kind(number + 1) not in {",", "\n"}:
            return False
        at = number + 2
        if self.kind(at) == "n" and 4 <= len(self.tokens[at].text) <= 6:
            return self.kind(at + 1) == "c"
        end = self.name_right(at)
        return at <= end <= at + 3 and self.kind(end + 1) == "n" and 5 <= len(self.tokens[end + 1].text) <= 6

    def _between_numbers(self, number: int) -> int:
        """Where a name begins that stands between two numbers with a flat behind, in whatever letters (`5670 r josé 1 suite
        696`), or that has a capital in front and an end behind it (`518 Árpád fejedelem útja 62.`); 0 for none."""
        at = number - 1
        while at > 0 and number - at <= WORDS and self.kind(at) in {"c", "l", "."}:
            at -= 1
        if at == number - 1 or not self._counted_before(at + 1):
            return 0
        if self.unit(number + 1) >= 0:
            return at + 1
        words = [self.low(place) for place in range(at + 1, number)]
        ended = self.kind(number + 1) in {"", "\n", ",", "."}
        plain = not any(word in COUNTED or (word in NOT_NAMES and word not in LINKS) for word in words)
        return at + 1 if ended and plain and self.kind(at + 1) == "c" and len(words) <= 4 and "." not in words else 0

    def _counted_before(self, first: int) -> bool:
        """Whether a house's or a district's number of three digits and more stands before the name."""
        return self.kind(first - 1) == "n" and len(self.tokens[first - 1].text) >= 3

    def _streets_name(self, first: int, last: int) -> int:
        """Where a name begins that is a street's by one of its words; -1 if it is none."""
        for place in range(first, last + 1):
            if self.leads(place) and place < last and self.capital(place, last):
                return place
        for place in range(last, max(first, last - 2) - 1, -1):
            word = self.tokens[place].text
            if word.lower() in SHORT and place > first and self.capital(first, place - 1):
                return first
            if self.kind(place) == "c" and closes_name(word.lower()):
                return first if self.capital(first, last) else place
        return -1
