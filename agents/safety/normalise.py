"""What a text says, however it is spelt: `k1ll`, `k i l l`, `kiiill` and a Cyrillic i in it all read `kill`.

Three views of a text are screened. `raw` keeps punctuation and digits (addresses, telephone numbers, chat markup);
`words` keeps letters, digits, single spaces and `.` for every end of a sentence, so that rules can be written simply:
apostrophes vanish (`don't` is `dont`, `I'm` is `im`), accents vanish (`más` is `mas`), everything is lower case; its
sentences with misspelt danger follow it a second time, mended (`agents/safety/typos.py`). `native` holds a text in
another script than Latin in its own letters (`agents/safety/native.py`); it is empty for all others.

The tables are small and ours; Unicode's own compatibility forms (NFKC) do the rest (wide, mathematical and circled
letters). Nothing here raises on any string. All patterns are bounded, so that the time is linear in the text.
"""

import base64
import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from itertools import islice, product
from string import ascii_lowercase
from typing import Literal, NamedTuple

from agents.safety.native import native_words
from agents.safety.typos import mended

View = Literal["raw", "words", "native"]

_LOOKALIKES = {
    **dict(zip("абвгдеѕіїјкӏмнорԛстуԝхзьёԁɡ", "abbrdesiijklmhopqctywx3bedg", strict=True)),
    **dict(zip("αβγδεζηικλνορστυχωϲ", "abydeznikavopotuxwc", strict=True)),
    **dict(zip("ıłøðɑɩʟɪᴀᴇᴋᴍᴏᴛᴜıƖ", "ilodailiaekmotuil", strict=True)),
    "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‐": "-", "…": ".",
    "。": ".", "؟": "?", "æ": "ae", "œ": "oe", "¡": " ", "¿": " ",
}  # fmt: skip
_LOOKALIKE_TABLE = str.maketrans(_LOOKALIKES)
_LEET = {
    "0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "il", "|": "li", "+": "t",
}  # fmt: skip
_WORDS = frozenset({
    "all", "bleed", "bomb", "cant", "cut", "cutting", "dead", "death", "die", "dying", "end", "feel", "hang",
    "hanging", "harm", "hate", "hell", "help", "here", "hopeless", "hurt", "hurting", "ignore", "instructions",
    "kill", "killed", "killing", "life", "live", "living", "myself", "need", "nothing", "overdose", "pills",
    "please", "prompt", "rape", "real", "self", "shoot", "sleep", "stab", "suicidal", "suicide", "system", "tell",
    "tonight", "unalive", "want", "will", "worthless", "yourself",
})  # fmt: skip
"""Words that a disguise is read as first, where a character stands for two letters or may be doubled."""

_SPACED = re.compile(r"(?<![^\W_])(?:[a-z0-9@$!|][ .\-_*/,~]){2,40}[a-z0-9@$!|](?![^\W_])")
_MARKUP = re.compile(r"</?[a-z][^<>]{0,60}>|<!--[^<>]{0,60}-->|\*\*|__|~~")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029]")
_WRITTEN_BREAK = re.compile(r"\\{1,4}[nrt]")
_MIXED = re.compile(r"(?<![a-z0-9@$!|+])(?=[a-z]{0,24}[0-9@$!|+])(?=[^a-z\s]{0,20}[a-z])[a-z0-9@$!|+]{1,24}[a-z0-9]")
_UNIT = re.compile(
    r"\d{0,5}(?:1st|2nd|3rd)|\d{1,6}(?:th|[mk]?g|mcg|ml|l|cc|iu|[mck]?m|kms|ft|lbs?|oz|am|pm|hrs?|min|s|x|k|yo|yrs?|[ghx]p)"
)
_STARRED = re.compile(r"(?<![a-z*])[a-z]{1,12}\*[a-z]{1,12}(?![a-z*])")
_REPEATED = re.compile(r"(?<![a-z])[a-z]{0,24}?([a-z])\1{2,}[a-z]{0,24}")
_RUN = re.compile(r"([a-z])\1{2,}")
_THRICE = tuple(letter * 3 for letter in ascii_lowercase)
_STRETCH = re.compile(r"([^\W\d_])\1{2,}")
_APOSTROPHE = re.compile(r"'(?<=[a-z]')(?=[a-z])")  # what stands for itself first is found soonest
_STOPS = re.compile(r"\.{1,}")
_PLAIN = {
    **{point: " " for point in range(128) if not chr(point).isalnum()},
    **dict.fromkeys(map(ord, ".!?;:\n\r"), "."),
}
"""Of ASCII: the ends of sentences as full stops, all else but letters and digits as blanks."""

_LINE = re.compile(r"[\n\r]")
_CLOSED = re.compile(r"[.!?;:]{1,}")
_CLOSED_APART = re.compile(r"[.!?;:]{1,}(?=\s)")  # within a word it may stand for a letter
_WORD = re.compile(r"[a-z0-9]")
_CODED = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{16,2000}={0,2}(?![A-Za-z0-9+/])")
_MOST_CODED = 8
_TO = re.compile(r" 2 (?<=[a-z] 2 )(?=[a-z])")
_SHORT = {"2nite": "tonight", "2night": "tonight", "2day": "today", "2morrow": "tomorrow", "urself": "yourself"}


class Views(NamedTuple):
    """The readings of one text that rules look at."""

    raw: str
    words: str
    native: str = ""


def views(text: str) -> Views:
    """All readings of a text of any kind and length."""
    if _CONTROL.search(text):
        # It may stand for a blank, or within a word to hide it: both are read.
        text = f"{_CONTROL.sub(' ', text)}\n{_CONTROL.sub('', text)}"
    if hidden := _decoded(text):
        text = f"{text}\n{hidden}"
    raw = _letters(text)
    words = _words(raw)
    misspelt = mended(words)
    words = _also(words, misspelt) if misspelt else words
    return Views(raw=_stretched(raw), words=words, native=native_words(text))


def _decoded(text: str) -> str:
    """What stands in a text as base64, where that is plain text: a line each."""
    found: list[str] = []
    for coded in islice(_CODED.findall(text), _MOST_CODED):
        try:
            plain = base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("ascii")
        except ValueError:
            continue
        if plain.isprintable() and " " in plain:
            found.append(plain)
    return "\n".join(found)


def _letters(text: str) -> str:
    """Lower-case letters without disguise: compatibility forms, lookalikes, accents and invisible characters undone."""
    if "&" in text:
        # `&amp;#107;` is one that was written twice. The first is the commonest, and a thousand of it take long to look up.
        text = html.unescape(html.unescape(text.replace("&amp;", "&")))
    text = _WRITTEN_BREAK.sub("\n", text) if "\\" in text else text
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_LOOKALIKE_TABLE)
    apart = unicodedata.normalize("NFD", plain)
    return "".join(c for c in apart if c.isascii() or unicodedata.category(c) not in {"Mn", "Me", "Cf", "Cc", "Co"})


def _words(raw: str) -> str:
    """The words view of a text that `_letters` has read.

    Lines are read twice: a line's end may be a sentence's end, or may have been put in the middle of one to hide it.
    """
    text = _MARKUP.sub("", raw) if "<" in raw or "**" in raw or "__" in raw or "~~" in raw else raw
    spaced = list(_SPACED.finditer(text))
    words = _spelt(_replaced(text, spaced, _joined))
    # Letters that stand apart may be a word that was taken apart, or letters: `u x I want` is no `uxi want`.
    apart = [found.start() for found in spaced if " " in found.group()]
    return _also(words, _spelt(_sentences_at(text, apart))) if apart else words


def _replaced(text: str, found: list[re.Match[str]], read: Callable[[re.Match[str]], str]) -> str:
    """The text with what was found read: as `sub` of the pattern, without searching again."""
    parts: list[str] = []
    at = 0
    for match in found:
        parts += (text[at : match.start()], read(match))
        at = match.end()
    return "".join([*parts, text[at:]])


def _sentences_at(text: str, places: list[int]) -> str:
    """The sentences of a text that hold those places, each as it is written."""
    cuts = [0, *(found.end() for found in _CLOSED_APART.finditer(text)), len(text)]
    held = dict.fromkeys(bisect_right(cuts, place) for place in places)
    return " . ".join(text[cuts[number - 1] : cuts[number]] for number in held)


def _also(words: str, other: str) -> str:
    """A reading, followed by those sentences of another one that it lacks."""
    lacks = dict.fromkeys(other.split(" . "))
    for sentence in words.split(" . "):
        lacks.pop(sentence, None)
    return " . ".join([words, *lacks])


def _spelt(text: str) -> str:
    """The words of a text whose spaced letters are settled."""
    text = _MIXED.sub(_each_once(_unmasked), text)
    text = _STARRED.sub(_each_once(_uncovered), text) if "*" in text else text
    text = _APOSTROPHE.sub("", text)
    text = _REPEATED.sub(_each_once(_settled), text) if _has_run(text) else text
    words = _read(text)
    if not _LINE.search(text.strip()):
        return words
    across = (sentence for sentence in _CLOSED.split(text) if _LINE.search(sentence) and _WORD.search(sentence))
    return _also(words, _read(".".join(" ".join(sentence.split()) for sentence in across)))


def _read(text: str) -> str:
    plain = text.translate(_PLAIN)
    if not plain.isascii():
        plain = (
            plain.encode("ascii", "replace").decode().replace("?", " ")
        )  # its own question marks are full stops by now
    return _TO.sub(" to ", " ".join(_STOPS.sub(" . ", plain).split()))


def _stretched(raw: str) -> str:
    """White space as single blanks; the raw view keeps all else but letters repeated without end."""
    if not raw.isascii():
        raw = _STRETCH.sub(r"\1\1\1", raw)
    elif _has_run(raw):
        raw = _RUN.sub(r"\1\1\1", raw)
    return " ".join(raw.split())


def _has_run(text: str) -> bool:
    """Whether a plain letter stands three times in a row: asked of long texts, where the pattern takes ten times as long
    (1.35 ms against 0.12 in 32,768 characters)."""
    return any(run in text for run in _THRICE)


def _joined(match: re.Match[str]) -> str:
    spelt = match.group()
    if spelt.replace(" ", "").isdigit():
        return spelt
    word = spelt[::2]
    return f"i {word[1:]}" if word[0] == "i" and word[1:] in _WORDS else word


def _each_once(read: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
    """Reads what a pattern has found, each spelling once in a text: a long one repeats most of its words."""
    known = _Known(read)
    return lambda match: known[match[0]]


class _Known(dict[str, str]):
    def __init__(self, read: Callable[[str], str]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, token: str) -> str:
        self[token] = read = self._read(token)
        return read


def _unmasked(token: str) -> str:
    """A token of letters and signs as the letters it stands for; plain words, numbers and units stay."""
    if token.isalpha() or token.isdigit():
        return token
    if token in _SHORT:
        return _SHORT[token]
    if _UNIT.fullmatch(token):
        return token
    return _likeliest([_LEET.get(c, c) for c in token])


def _uncovered(token: str) -> str:
    """A word with one letter starred out, if a vowel there makes a known word."""
    ways = (token.replace("*", vowel) for vowel in "aeiou")
    return next((way for way in ways if way in _WORDS), token)


def _settled(word: str) -> str:
    """A word with letters held down: each run is one letter or two, whichever makes a word."""
    options: list[str] = []
    at = 0
    for run in _RUN.finditer(word):
        options += [*word[at : run.start()], (run[1], run[1] * 2)]  # type: ignore[list-item]
        at = run.end()
    return _likeliest([*options, *word[at:]])


def _likeliest(options: list[str] | list[str | tuple[str, str]]) -> str:
    """The first known word among the ways to read each character; else the first way of all."""
    ways = ["".join(way) for way in islice(product(*options), 64)]
    return next((way for way in ways if way in _WORDS), ways[0])
