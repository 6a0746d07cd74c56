"""The streaming gate: a sentence is checked before it leaves, and what has left is never taken back.

The narrator's raw text goes in; checked sentences go out through `release`; a fenced JSON tail is cut off and kept. A
veto stops the text at once: `vetoed` tells why, and nothing more is released until a new text is begun.

A phrase can be cut so that no piece of it is bad by itself, by a paragraph, by full stops or by the greatest length. So
each piece is also read together with the words before it, and a piece that may be the beginning of something waits until
what follows has been read with it.
"""

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents.safety.clean import clean, clean_data
from agents.safety.sentences import SentenceCutter
from agents.story import Signal

MAX_SENTENCES = 40
MAX_CHARACTERS = 8_000
MAX_TAIL = 8_000

MAX_TEXT = 32_000
"""Characters that one text may have before the gate closes, blanks and marks that are never shown among them."""

CONTEXT = 100
"""Characters of what came before that a piece is read together with."""

MAX_WAITING = 3
"""Pieces that may wait for what follows them; then the oldest goes."""

REMEMBERED = 2 * MAX_WAITING
"""Pieces before it that a piece is read together with."""

_STOPS = re.compile(r"[\s.!?…:;,\"”’*_]+")
_WHOLE = re.compile(r"[^.…][.!?][\"”’')\]*_]*$")
_SHORT = 2
"""A sentence of so few words may be a word of a phrase that was taken apart by full stops."""

Check = Callable[[str], list[Signal]]
"""Looks at one sentence; the signals that speak against it, none when it may go out."""


@dataclass
class Gate:
    """One narration on its way out."""

    check: Check
    release: Callable[[str], None]
    sentences: list[str] = field(default_factory=list[str])
    """Released so far; begins with what was out before a resumed turn was resumed."""
    joined: Check | None = None
    """Looks at a piece together with the words before it, without the stops between them."""
    vetoes: list[Signal] = field(default_factory=list[Signal])
    """Every signal that stopped a sentence, in order."""
    replaced: int = 0
    """Sentences that were stopped."""
    vetoed: str = ""
    """Why the text that is running was stopped; empty while it runs."""
    full: bool = False
    """The narration is as long as it may become."""
    tail: str = ""
    _cutter: SentenceCutter = field(default_factory=SentenceCutter)
    _fenced: bool = False
    _held: str = ""
    _fed: int = 0
    _waiting: list[str] = field(default_factory=list[str])
    _before: frozenset[str] = frozenset()
    _told: deque[str] = field(default_factory=lambda: deque[str](maxlen=REMEMBERED))
    """The last pieces of the text that is running, those that were out already among them."""

    def __post_init__(self) -> None:
        self._before = frozenset(self.sentences)

    def begin(self) -> None:
        """A new text (the model's first answer, or its continuation after a veto)."""
        self._cutter, self._held, self._fenced, self.vetoed, self._fed = SentenceCutter(), "", False, "", 0
        self._before = frozenset(self.sentences)
        self._told.clear()

    @property
    def closed(self) -> bool:
        """Whether more text would be ignored."""
        return bool(self.vetoed) or self.full or self._fed >= MAX_TEXT or len(self.tail) >= MAX_TAIL

    def feed(self, text: str) -> None:
        """Takes the model's next characters."""
        if self.closed:
            return
        # Cut before anything is looked for, so that one endless chunk costs no more than many short ones.
        text = text[: MAX_TEXT - self._fed]
        self._fed += len(text)
        text = clean(text)
        if self._fenced:
            self.tail = (self.tail + text)[:MAX_TAIL]
            return
        self._held += text
        # Up to two characters wait, since a fence of three may be on its way.
        fence = self._held.find("```")
        if fence >= 0:
            prose, self.tail, self._fenced = self._held[:fence], self._held[fence + 3 :][:MAX_TAIL], True
            self._held = ""
            self._take([*self._cutter.feed(prose), self._cutter.finish()])
            self._let_go()
            return
        keep = len(self._held) - len(self._held.rstrip("`"))
        ready, self._held = (self._held[:-keep], self._held[-keep:]) if keep else (self._held, "")
        self._take(self._cutter.feed(ready))

    def finish(self) -> None:
        """The model has ended: what is left is checked like the rest."""
        if not self.closed and not self._fenced:
            self._take([*self._cutter.feed(self._held), self._cutter.finish()])
        self._let_go()
        self._held = ""

    def _take(self, sentences: list[str]) -> None:
        for sentence in sentences:
            if not any(map(str.isalnum, sentence)):
                continue  # dots and brackets alone are no prose
            if self.vetoed or self.full:
                continue
            if sentence in self._before:
                self._told.append(sentence)
                continue  # a text that was interrupted may be told again from its beginning
            if alone := self.check(sentence):
                self._veto(alone, [piece for piece in self._waiting if _WHOLE.search(piece)])
            elif together := self._together(sentence):
                self._veto(together, [])
            else:
                self._told.append(sentence)
                self._waiting.append(sentence)
                if not _may_go_on(sentence):
                    self._let_go()
                elif len(self._waiting) > MAX_WAITING and not self.full:
                    self._out(self._waiting.pop(0))

    def _veto(self, signals: list[Signal], harmless: list[str]) -> None:
        """Nothing more of this text goes out, and of what waits only what is harmless."""
        self._waiting = harmless
        self._let_go()
        self.vetoes += signals
        self.replaced += 1
        self.vetoed = signals[0]["id"]

    def _together(self, sentence: str) -> list[Signal]:
        """What speaks against the piece, read on from what came before it: for the player, and in this text.

        The two differ where a text says again what is out already: that is not shown twice, and what follows it is new.
        """
        if self.joined is None:
            return []
        shown = " ".join([*self.sentences, *self._waiting][-REMEMBERED:])
        told = " ".join(self._told)
        befores = [shown] if shown.endswith(told) else [shown, told]
        readings = [_STOPS.sub(" ", f"{before[-CONTEXT:]} {sentence}") for before in befores if before]
        return next((found for reading in readings if (found := self.joined(reading))), [])

    def _let_go(self) -> None:
        for sentence in self._waiting:
            if not self.full:
                self._out(sentence)
        self._waiting.clear()

    def _out(self, sentence: str) -> None:
        self.sentences.append(sentence)
        self.release(sentence)
        self.full = len(self.sentences) >= MAX_SENTENCES or sum(map(len, self.sentences)) >= MAX_CHARACTERS

    def say(self, sentence: str) -> None:
        """Releases a sentence of ours. It is checked, too: ours must never be worse than the model's."""
        if not self.check(sentence):
            self._out(sentence)

    @property
    def text(self) -> str:
        return " ".join(self.sentences)

    def tail_data(self) -> tuple[dict[str, Any], str]:
        """The tail as data, and what is wrong with it: a broken tail costs soft facts, not the turn."""
        body = self.tail.strip().removeprefix("json").strip().removesuffix("```").strip()
        if not body:
            return {}, ""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return {}, "the tail is not JSON"
        return (clean_data(data), "") if isinstance(data, dict) else ({}, "the tail is no object")


def _may_go_on(piece: str) -> bool:
    """Whether the piece may be the beginning of something: it has no end of its own, trails off, or is a word or two."""
    return not _WHOLE.search(piece) or len(piece.split()) <= _SHORT
