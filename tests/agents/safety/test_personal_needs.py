"""What a text must hold before a pattern is tried for personal data loses nothing: with every pattern tried, no more is found."""

import random
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.safety.personal import addresses, numbers, online
from agents.safety.personal.everywhere import find_all
from agents.safety.personal.folding import folded
from agents.safety.personal.span import Span

ALWAYS = re.compile("")
NEEDS: tuple[tuple[Any, str], ...] = (
    (online, "_INNER_STOP"),
    (online, "_PAIR"),
    (online, "_GROUP"),
    (online, "_LONG_RUN"),
    (numbers, "_NEAR_DIGITS"),
    (addresses, "_SHIP"),
)
PIECES = (
    "High Street", "via Roma", "Musterweg", "Postfach", "P.O. Box", "Apt.", "apt", "unit", "#", "th", "nd", "B", "Bİ", "_", "a" * 41, "é",
    "12", "7", "3", "1234", "12345678", "²", "٣", "221B", "10-12", "lives at", "corner of Elm Street and", "on Old Mill Road", "APO AE 09012",
    "USS Gerald", "discuss", "zip code", "passport no:", "SSN", "PAN ABCPE", "card", "phone", "account", "DE44 5001", "0x52908400098527886E0F",
    "the secret is", "paſſword:", "toKen", "pın", "pİn", "credentİals:", "the junctİon of Oak Street and Elm Avenue", "\u0345USS Foo1 ", "hunter2!", "sk-", "xoxb-", "12345678901", "AKIA", "IOSFODNN7EXAM", "www.", "example", ".com", "._a",
    "https://", "fe80", "::", "00", "ab", ":", "-", ".", ",", "'", "’", "@", " at ", " dot ", "\n", "\t", " ", "     ", '"turn":', "(", ")", "+", "/",
)  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=14).map("".join)


def _every_pattern_tried(monkeypatch: pytest.MonkeyPatch, text: str) -> list[Span]:
    with monkeypatch.context() as patched:
        for module, name in NEEDS:
            patched.setattr(module, name, ALWAYS)
        for module in (online, addresses):
            patched.setattr(module, "holds", lambda *_args: True)
        patched.setattr(addresses, "_is_neighboured", lambda *_args: True)
        return find_all(text)


@given(text=texts)
@example(text="8Bİ#89")
@example(text=" " * 60 + "12 High Street")
@example(text="3. High Street 7, 10115 Berlin")
@example(text="paſſword: hunter2!x, pın hunter2!x, toKen hunter2!x")
def test_no_pattern_is_left_out_that_would_find(text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert find_all(text) == _every_pattern_tried(monkeypatch, text)


@pytest.mark.parametrize("seed", range(8))
def test_not_in_longer_texts_either(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    found = 0
    for _ in range(150):
        text = chance.choice(("", " ", ", ")).join(chance.choices(PIECES, k=chance.randint(5, 60)))
        spans = find_all(text)
        assert spans == _every_pattern_tried(monkeypatch, text)
        found += len(spans)
    assert found > 20, "there was something to lose"


def test_a_folded_text_has_what_patterns_take_for_the_same() -> None:
    for letter, same in (("s", "ſ"), ("k", "\u212a"), ("i", "ı"), ("i", "İ")):
        assert re.fullmatch(letter, same, re.IGNORECASE)
        assert folded(same) == letter


def test_an_address_of_the_web_needs_no_stop() -> None:
    assert find_all("see https://localhost/a") == [Span(4, 23, "url")]
