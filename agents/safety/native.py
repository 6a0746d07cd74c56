"""A text in another script than Latin, in its own letters: `Я не хочу!` is `я не хочу .`, `أُرِيدُ` is `اريد`.

Rules for it are written as people write, and read through the same `native`, so that both lose the same marks: the
short vowels of Arabic, the dots of й and ё, the nukta of Hindi, all of which come and go in what people type. Vowels of
the Indian scripts and the voicing of kana are letters of their own and stay.
"""

import re
import unicodedata

_FOREIGN = re.compile(
    "[\u0370-\u1fff\u2c00-\ud7ff\uf900-\ufaff\ufb1d-\ufdff\ufe70-\ufefe\uff66-\uff9f\U00020000-\U0002ffff]"
)
_STOPS = re.compile("[.!?;:\n\r\u3002\u061f\u0964\u2026]{1,}")
_OTHER = re.compile("[\\s!-/:-@\\[-`{-~\u00a0-\u00bf\u060c\u061b\u2010-\u206f\u3000-\u303f]{1,}")
_KEPT_MARKS = re.compile("[\u0900-\u093b\u093d-\u0dff\u3099\u309a]")
_UNWRITTEN = frozenset(["Mn", "Me", "Cf", "Cc", "Co"])
_SAME = str.maketrans({"\u0901": "\u0902", "\u0640": "", "\u0649": "\u064a"})
"""Chandrabindu as anusvara, no tatweel, alef maqsura as ya: spelt either way by most."""


def native(text: str) -> str:
    """Letters of any script in one form: lower case, composed, without the marks that people leave out. ASCII stays."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    letters = "".join(c for c in apart if unicodedata.category(c) not in _UNWRITTEN or _KEPT_MARKS.match(c))
    return unicodedata.normalize("NFC", letters).translate(_SAME)


def native_words(text: str) -> str:
    """Letters, single spaces, and ` . ` for every end of a sentence; empty where all is Latin.

    Lines are read twice, as in the words view: a line's end may stand in the middle of a sentence to hide it.
    """
    if text.isascii() or not _FOREIGN.search(text):
        return ""
    words = _read(text)
    return f"{words} . {_read(' '.join(text.split()))}" if "\n" in text.strip() else words


def _read(text: str) -> str:
    sentences = (_OTHER.sub(" ", native(part)).strip() for part in _STOPS.split(text))
    read = " . ".join(sentences).strip()
    return re.sub(r"(?: \.){2,}", " .", read)
