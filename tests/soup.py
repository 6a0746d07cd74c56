"""Texts that nobody types and somebody sends: what a screen must bear. The same seed cooks the same."""

import random
import string
from collections.abc import Callable, Iterator

DANGER = "I want to kill myself tonight"

_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200f\u200e"
_HIDDEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e"


def _unicode(dice: random.Random) -> str:
    points = (
        dice.choice((range(0x20, 0x7F), range(0xA0, 0x2FFF), range(0x3000, 0xD7FF), range(0xE000, 0x10FFFF)))
        for _ in range(dice.randint(1, 400))
    )
    return "".join(chr(dice.choice(point)) for point in points)


def _emoji(dice: random.Random) -> str:
    return "".join(
        chr(dice.randint(0x1F300, 0x1FAFF)) + dice.choice(("", "\u200d", "\ufe0f")) for _ in range(dice.randint(1, 600))
    )


def _bidi(dice: random.Random) -> str:
    return "".join(dice.choice(_BIDI) + dice.choice(string.ascii_letters + " ") for _ in range(dice.randint(1, 800)))


def _hidden(dice: random.Random) -> str:
    return "".join(
        letter + dice.choice(_HIDDEN) * dice.randint(0, 9)
        for letter in "go north and look at the lamp " * dice.randint(1, 20)
    )


def _marks(dice: random.Random) -> str:
    return "".join(
        letter + chr(dice.randint(0x300, 0x36F)) * dice.randint(0, 40)
        for letter in "zalgo is here " * dice.randint(1, 20)
    )


def _bomb(dice: random.Random) -> str:
    piece = dice.choice(
        (
            "a",
            "ab",
            "i ",
            "i want to ",
            "kill ",
            ". ",
            "really just so ",
            "\n",
            "(",
            "a.",
            "1-",
            "@",
            "a@a.",
            "&amp;",
            "<a",
            "\\n",
            "*a",
            "how to ",
        )
    )
    return piece * dice.randint(1_000, 20_000)


def _huge(dice: random.Random) -> str:
    words = "".join(dice.choice(string.ascii_lowercase + "     .,!?\n") for _ in range(4_000))
    return words * (dice.randint(1, 4) * 256)


def _surrogates(dice: random.Random) -> str:
    return "".join(chr(dice.randint(0xD800, 0xDFFF)) + dice.choice("ab \x00\x1b") for _ in range(dice.randint(1, 200)))


def _code(dice: random.Random) -> str:
    return "".join(dice.choice(string.printable) for _ in range(dice.randint(1, 2_000)))


KINDS: dict[str, Callable[[random.Random], str]] = {
    "unicode": _unicode, "emoji": _emoji, "bidi": _bidi, "hidden": _hidden, "marks": _marks, "bomb": _bomb,
    "surrogates": _surrogates, "code": _code,
}  # fmt: skip


def soup(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """Kind and text, `count` of them; every hundredth has a megabyte and more."""
    dice = random.Random(seed)
    kinds = list(KINDS)
    for number in range(count):
        kind = "huge" if number % 100 == 99 else dice.choice(kinds)
        yield kind, (_huge if kind == "huge" else KINDS[kind])(dice)
