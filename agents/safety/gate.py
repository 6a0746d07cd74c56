"""The streaming gate: a sentence is checked before it leaves, and what has left is never taken back.

The narrator's raw text goes in; checked sentences go out through `release`; a fenced JSON tail is cut off and kept. A
veto stops the text at once: `vetoed` tells why, and nothing more is released until a new text is begun.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents.safety.sentences import SentenceCutter
from agents.story import Signal

MAX_SENTENCES = 40
MAX_CHARACTERS = 8_000
MAX_TAIL = 8_000

Check = Callable[[str], list[Signal]]
"""Looks at one sentence; the signals that speak against it, none when it may go out."""


@dataclass
class Gate:
    """One narration on its way out."""

    check: Check
    release: Callable[[str], None]
    sentences: list[str] = field(default_factory=list[str])
    """Released so far; begins with what was out before a resumed turn was resumed."""
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

    def begin(self) -> None:
        """A new text (the model's first answer, or its continuation after a veto)."""
        self._cutter, self._held, self._fenced, self.vetoed = SentenceCutter(), "", False, ""

    @property
    def closed(self) -> bool:
        """Whether more text would be ignored."""
        return bool(self.vetoed) or self.full

    def feed(self, text: str) -> None:
        """Takes the model's next characters."""
        if self.closed:
            return
        if self._fenced:
            self.tail = (self.tail + text)[:MAX_TAIL]
            return
        self._held += text
        # Up to two characters wait, since a fence of three may be on its way.
        fence = self._held.find("```")
        if fence >= 0:
            prose, self.tail, self._fenced = self._held[:fence], self._held[fence + 3 :], True
            self._held = ""
            self._take(self._cutter.feed(prose))
            self._take([self._cutter.finish()])
            return
        keep = len(self._held) - len(self._held.rstrip("`"))
        ready, self._held = (self._held[:-keep], self._held[-keep:]) if keep else (self._held, "")
        self._take(self._cutter.feed(ready))

    def finish(self) -> None:
        """The model has ended: what is left is checked like the rest."""
        if not self.closed and not self._fenced:
            self._take([*self._cutter.feed(self._held), self._cutter.finish()])
        self._held = ""

    def _take(self, sentences: list[str]) -> None:
        for sentence in sentences:
            if not sentence or self.closed:
                continue
            if signals := self.check(sentence):
                self.vetoes += signals
                self.replaced += 1
                self.vetoed = signals[0]["id"]
                return
            self.sentences.append(sentence)
            self.release(sentence)
            self.full = len(self.sentences) >= MAX_SENTENCES or sum(map(len, self.sentences)) >= MAX_CHARACTERS

    def say(self, sentence: str) -> None:
        """Releases a sentence of ours. It is checked, too: ours must never be worse than the model's."""
        if not self.check(sentence):
            self.sentences.append(sentence)
            self.release(sentence)

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
        return (data, "") if isinstance(data, dict) else ({}, "the tail is no object")
