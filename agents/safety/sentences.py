"""Cutting a stream of text into sentences as it arrives.

Ours, because of what a gate needs of it: the same sentences whatever the pieces of text are, no character lost but white
space, a speech in quotation marks kept together, and an end to every wait. Of the libraries, pysbd, syntok and blingfire
(MIT, no releases since 2021 or 2022) want the whole text; stream2sentence and sentence-stream cut streams, by other rules.
"""

import re

MAX_SENTENCE = 600
"""Characters after which a text without a full stop is cut all the same, so that nothing waits for ever."""

_TITLES = (
    "mr mrs ms mx dr st mt capt sgt cpl lt cmdr prof rev hon gen col maj sr jr fr messrs mme mlle vs etc cf viz dept"
)
_NUMBERED = "no nos p pp vol fig ch art sec rd ave jan feb mar apr jun jul aug sep sept oct nov dec"
_ABBREVIATIONS = frozenset(_TITLES.split())
"""Words whose full stop ends no sentence."""
_BEFORE_NUMBERS = frozenset(_NUMBERED.split())
"""The same, where a number follows."""

_CLOSERS = r"[\"”’'“»«›‹)\]}*_」』）】》〉]*"
_END = re.compile(rf"(?:[.!?…؟।॥]+|(?P<wide>[。！？｡]+)){_CLOSERS}")
_AFTER = re.compile("[ \u00a0\u202f]?[\U0001f1e6-\U0001faff\u2600-\u27bf\ufe0f\u200d]+")
"""A little picture behind a full stop belongs to its sentence."""
_SPACED = re.compile("[ \u00a0\u202f]»")
_LISTED = re.compile(r"\n[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]")
_NUMBER = re.compile(r"(?:^|\n)[ \t]*\d{1,2}\.$")
_LETTERS = re.compile(r"(?:[^\W\d_]\.)+")
_QUOTES = {"“": "”", "„": "“", "«": "»", "»": "«", "‘": "’", "「": "」", "『": "』", '"': '"'}


class SentenceCutter:
    """Feed it text, take out whole sentences. A sentence is whole when the next one has begun, or a paragraph ended.

    `"Yes?" says Maren.` is one sentence: a mark inside a quotation that goes on in lower case does not end it.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> list[str]:
        """The sentences that this text completes, in order."""
        done: list[str] = []
        # Piece by piece, so that what is looked through again at each sentence stays short, however long the text.
        for start in range(0, len(text), MAX_SENTENCE):
            self._held = (self._held + text[start : start + MAX_SENTENCE]).lstrip()
            while (end := _first_end(self._held)) is not None:
                sentence, self._held = self._held[:end].strip(), self._held[end:].lstrip()
                done.append(sentence)
        return done

    def finish(self) -> str:
        """What is left when the text is over."""
        rest, self._held = self._held.strip(), ""
        return rest


def _first_end(held: str) -> int | None:
    """Where the first sentence ends, as soon as that is certain.

    Nothing behind MAX_SENTENCE is looked at: else it would depend on the pieces in which a text arrives.
    """
    text = held[: MAX_SENTENCE + 1]
    parted = [at for at in (text.find("\n\n"), _listed(text)) if at >= 0]
    for found in _END.finditer(text):
        if parted and found.end() > min(parted):
            break
        if end := _end_of(text, found):
            return end
    if parted:
        return min(parted)
    return _cut_at(text) if len(text) > MAX_SENTENCE else None


def _listed(text: str) -> int:
    found = _LISTED.search(text)
    return found.start() if found else -1


def _end_of(text: str, found: "re.Match[str]") -> int:
    """Where the sentence of these marks ends; 0 if it goes on, or if what follows must be seen first."""
    end = found.end()
    if (spaced := _SPACED.match(text, end)) and text.count("«", 0, end) > text.count("»", 0, end):
        end = spaced.end()
    if picture := _AFTER.match(text, end):
        end = picture.end()
    rest = text[end:]
    follow = rest.lstrip()
    if not follow:
        return 0  # the next character decides: wait for it
    if found["wide"]:
        goes_on = follow[0] in "とっ" and end > found.end("wide")  # 「...。」と言う
    else:
        goes_on = not rest[0].isspace() or follow[0].islower() or _is_short_form(text[: found.end()], follow)
    return 0 if goes_on or _inside_quotation(text, end) else end


def _is_short_form(text: str, follow: str) -> bool:
    """Whether the text ends in a full stop that ends no sentence: `Mr.`, `No. 7`, `J. R. R.`, `U.S.`, a list's `1.`"""
    if not text.endswith("."):
        return False
    before, _, last = text.rstrip().rpartition(" ")
    word = re.sub(r"^\W+", "", last.rpartition("\n")[2]).lower()
    bare = word.rstrip(".")
    if bare in _ABBREVIATIONS or (bare in _BEFORE_NUMBERS and follow[0].isdigit()) or _NUMBER.search(text):
        return True
    if not _LETTERS.fullmatch(word) or word in ("a.m.", "p.m."):
        return False
    return word != "i." or not before[-1:].islower()  # `So am I.`


def _inside_quotation(text: str, end: int) -> bool:
    """Whether a quotation was opened and not closed: a speech of several sentences stays together up to a length."""
    if end > MAX_SENTENCE // 2:
        return False
    expected: list[str] = []
    for at in range(end):
        character = text[at]
        if expected and character == expected[-1]:
            apostrophe = character == "’" and at + 1 < len(text) and text[at + 1].isalpha()
            if not apostrophe:
                expected.pop()
        elif character in _QUOTES and not (character == "‘" and at and text[at - 1].isalpha()):
            expected.append(_QUOTES[character])
    return bool(expected)


def _cut_at(text: str) -> int:
    space = text.rfind(" ", 0, MAX_SENTENCE)
    return space if space > 0 else MAX_SENTENCE


def split_sentences(text: str) -> list[str]:
    """The sentences of a finished text."""
    cutter = SentenceCutter()
    done = cutter.feed(text)
    rest = cutter.finish()
    return [*done, rest] if rest else done
