"""Cutting a stream of text into sentences as it arrives."""

import re

MAX_SENTENCE = 600
"""Characters after which a text without a full stop is cut all the same, so that nothing waits for ever."""

_ABBREVIATIONS = ("mr.", "mrs.", "ms.", "dr.", "st.", "no.", "e.g.", "i.e.", "vs.", "etc.")
_END = re.compile(r"[.!?…]+[\"”’')\]*_]*")


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
            self._held += text[start : start + MAX_SENTENCE]
            while (end := self._first_end()) is not None:
                sentence, self._held = self._held[:end].strip(), self._held[end:].lstrip(" ")
                if sentence:
                    done.append(sentence)
        return done

    def finish(self) -> str:
        """What is left when the text is over."""
        rest, self._held = self._held.strip(), ""
        return rest

    def _first_end(self) -> int | None:
        text = self._held
        if (paragraph := text.find("\n\n")) >= 0 and not text[:paragraph].strip():
            self._held = text = text[paragraph:].lstrip("\n")
            paragraph = text.find("\n\n")
        for found in _END.finditer(text):
            if paragraph >= 0 and found.end() > paragraph:
                return paragraph
            if self._ends(text, found.start(), found.end()):
                return found.end()
        if paragraph >= 0:
            return paragraph
        return _cut_at(text) if len(text) > MAX_SENTENCE else None

    @staticmethod
    def _ends(text: str, start: int, end: int) -> bool:
        rest = text[end:]
        if not rest or not rest[0].isspace():
            return False
        follow = rest.lstrip()
        if not follow:
            return False  # the next character decides: wait for it
        word = text[:end].rsplit(None, 1)[-1].lower()
        if word in _ABBREVIATIONS or re.fullmatch(r"[a-z]\.", word):
            return False
        if follow[0].islower() and end - start >= 1:
            return False
        return not _inside_quotation(text[:end])


def _inside_quotation(text: str) -> bool:
    """Whether a quotation was opened and not closed: a speech of several sentences stays together up to a length."""
    if len(text) > MAX_SENTENCE // 2:
        return False
    straight = text.count('"') % 2 == 1
    return straight or text.count("“") > text.count("”")


def _cut_at(text: str) -> int:
    space = text.rfind(" ", 0, MAX_SENTENCE)
    return space if space > 0 else MAX_SENTENCE


def split_sentences(text: str) -> list[str]:
    """The sentences of a finished text."""
    cutter = SentenceCutter()
    done = cutter.feed(text)
    rest = cutter.finish()
    return [*done, rest] if rest else done
