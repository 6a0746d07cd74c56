"""Personal data as placeholders, and back: what goes out to a remote model and into a trace names nobody.

    redaction = Redaction()
    redaction.hide("write to anna@example.org")      -> "write to [EMAIL_1]"
    redaction.restore("You write to [EMAIL_1].")     -> "You write to anna@example.org."

One is made for each session that a process plays (`graphs/storytellers.py`) and is never stored: the same value has the
same placeholder throughout. What a player types that looks like a placeholder of ours is hidden like a
value, so that it comes back as it was typed and as nothing else.
"""

import re
from typing import Any, Literal

from agents.safety.personal import Kind, find

Redact = Literal["remote", "always", "never"]
"""Whose prompts are redacted: those of models that are not on this machine, all, none."""

_NAMES: dict[Kind, str] = {
    "email": "EMAIL",
    "phone": "PHONE",
    "card": "CARD",
    "account": "ACCOUNT",
    "national_id": "ID",
    "address": "ADDRESS",
    "url": "LINK",
    "ip": "IP",
    "key": "KEY",
}
_TYPED = "TEXT"
"""The name of what was typed and looks like a placeholder."""

_ANY = "|".join([*_NAMES.values(), _TYPED])
_PLACEHOLDER = re.compile(
    rf"\[ ?({_ANY})\\?[ _-]?(\d{{1,6}}) ?\]|(?<![\w\[])({_ANY})\\?_(\d{{1,6}})(?![\w\]])", re.IGNORECASE
)
"""A placeholder as models write it: in any case, without brackets, with a blank or an escaped line in it."""

_RUNS = re.compile(r"[^\W_]+")
_LEAST = 4
"""Letters and digits that a value needs to be looked for where nothing around it says what it is."""

_MOST_RUNS = 60
"""Stretches of them that such a value has at the most; a key in lines is found by its own form alone."""

_MOST = 500
"""Values that are looked for so: with more, a redaction is full. Those after them are hidden where they show themselves."""

_TEXTS, _LONG = 1_000, 2_000
"""So many texts of so many characters at the most are known again."""

_BETWEEN = r"[\W_]{0,8}"
"""Marks between the parts of a value: its own, and the bar of a prompt's fence where it goes on in another line."""

_IDS = frozenset({"turn_id", "line", "parent"})
_ID = re.compile(r"l?[0-9a-f]{32}")


class Redaction:
    """The values and placeholders of one session."""

    def __init__(self, *, on: bool = True) -> None:
        """With `on` false it hides and restores nothing."""
        self.on = on
        self._values: dict[str, str] = {}
        """By placeholder, as it was written first."""
        self._placeholders: dict[tuple[str, str], str] = {}
        """By name and value without its marks."""
        self._known: re.Pattern[str] | None = None
        self._hidden: dict[str, str] = {}
        """What texts have become, while no value is added: of a trace's texts most stand in each of its entries."""

    @property
    def count(self) -> int:
        """How many values it holds."""
        return len(self._values)

    @property
    def full(self) -> bool:
        """Whether it holds so many values that it is better begun anew."""
        return len(self._values) > _MOST

    def hide(self, text: str) -> str:
        """The text with a placeholder for each value. What was hidden once is hidden wherever it stands, also where
        nothing around it shows what it is.
        """
        if not self.on:
            return text
        if (known := self._hidden.get(text)) is not None:
            return known
        hidden = self._hide(text)
        if len(self._hidden) >= _TEXTS:
            self._hidden.clear()
        if len(text) <= _LONG:
            self._hidden[text] = hidden
        return hidden

    def _hide(self, text: str) -> str:
        typed = [(*found.span(), _TYPED) for found in _PLACEHOLDER.finditer(text)]
        found = [(span.start, span.end, _NAMES[span.kind]) for span in find(text)]
        # Known values first: of one that a prompt has broken into lines, `find` may see a part.
        return self._known_hidden(self._put(text, [*typed, *self._again_spans(text), *found]))

    def hide_data(self, value: Any) -> Any:
        """JSON data with its texts hidden, names of members too."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {self.hide(str(key)): self._member(str(key), part) for key, part in value.items()}
        return [self.hide_data(part) for part in value] if isinstance(value, list | tuple) else value

    def _member(self, name: str, value: Any) -> Any:
        """One member: an id of ours is nobody's key."""
        if name in _IDS and isinstance(value, str) and _ID.fullmatch(value):
            return value
        return self.hide_data(value)

    def restore(self, text: str) -> str:
        """The text with the values put back, in one pass: a value that looks like a placeholder stays what it is. A
        placeholder that was never given is left alone.
        """
        return _PLACEHOLDER.sub(self._value, text) if self._values else text

    def _value(self, found: "re.Match[str]") -> str:
        name, number = found[1] or found[3], found[2] or found[4]
        return self._values.get(f"[{name.upper()}_{int(number)}]", found[0])

    def _put(self, text: str, spans: list[tuple[int, int, str]]) -> str:
        parts: list[str] = []
        done = 0
        for first, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
            if end <= done:
                continue  # within what is hidden already
            start = max(first, done)
            made = self._placeholder(text[start:end], name) if name else self._again(text[start:end])
            parts += [text[done:start], made]
            done = end
        return "".join([*parts, text[done:]])

    def _placeholder(self, value: str, name: str) -> str:
        plain = value.replace("\\n", "\n").replace("\\t", "\t") if "\\" in value else value
        # Other marks between the same letters and digits are the same value; what was typed is kept to the letter.
        key = (name, plain if name == _TYPED else "".join(filter(str.isalnum, plain)).lower())
        if key not in self._placeholders:
            made = f"[{name}_{1 + sum(each == name for each, _ in self._placeholders)}]"
            self._placeholders[key] = made
            self._values[made] = plain
            self._known = None
            self._hidden.clear()
            if name != _TYPED:
                for part in _pieces(plain):
                    self._placeholder(part, _TYPED)
        return self._placeholders[key]

    def _again_spans(self, text: str) -> list[tuple[int, int, str]]:
        """The places of known values, without a name."""
        if self._known is None:
            self._known = self._pattern()
        found = self._known.finditer(text) if self._known.pattern else ()
        return [(*each.span(), "") for each in found if not _PLACEHOLDER.fullmatch(each[0])]

    def _known_hidden(self, text: str) -> str:
        if self._known is None:
            self._known = self._pattern()
        return self._known.sub(lambda found: self._again(found[0]), text) if self._known.pattern else text

    def _again(self, value: str) -> str:
        """The placeholder of a value that stands in the open; ours are left as they are."""
        if _PLACEHOLDER.fullmatch(value):
            return value
        plain = "".join(filter(str.isalnum, value)).lower()
        same = (made for (name, key), made in self._placeholders.items() if key == plain and name != _TYPED)
        return next(same, None) or self._placeholders.get((_TYPED, value), value)

    def _pattern(self) -> "re.Pattern[str]":
        """The values that stand for themselves, longest first; placeholders before them, so that none is looked into.

        The marks between a value's letters and digits do not count: a parser that could not read them leaves them out.
        """
        values = [value for value in list(self._values.values())[:_MOST] if not _PLACEHOLDER.search(value)]
        runs = [_RUNS.findall(value) for value in values]
        long = [each for each in runs if sum(map(len, each)) >= _LEAST and len(each) <= _MOST_RUNS]
        if not long:
            return re.compile("")
        long.sort(key=lambda each: sum(map(len, each)), reverse=True)
        told = "|".join(_BETWEEN.join(map(re.escape, each)) for each in long)
        return re.compile(rf"\[(?:{_ANY})_\d+\]|(?<![^\W_])(?:{told})(?![^\W_])", re.IGNORECASE)


def _pieces(value: str) -> list[str]:
    """The parts of a value that tell something by themselves: a sentence may be taken apart before a prompt quotes it."""
    runs = _RUNS.findall(value)
    return [run for run in runs if len(run) >= _LEAST and any(map(str.isdigit, run))] if len(runs) > 1 else []


OPEN = Redaction(on=False)
"""Hides and restores nothing."""


def told_openly(setting: Redact, model: str) -> bool:
    """Whether a model of that spec may be told everything. One that a provider serves on this machine is not told apart."""
    here = model == "offline" or model.partition(":")[0] == "local"
    return setting == "never" or (setting == "remote" and here)
