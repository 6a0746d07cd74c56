"""The classifier's corpus: grammars and minimal pairs that were written for it (`prompts/safety/corpus/*.yaml`).

A file has slots, and groups of lines with the categories and the tier that all of a group's lines have. `{slot}` in a line
stands for each of the slot's values; of a line with many combinations the same MOST are always taken, chosen by their
hashes, so that a corpus is the same examples in the same order on every machine. Beside them lie lines that were borrowed
(`borrowed/*.jsonl`, whose licences are in `borrowed/SOURCES.md`): {"text", "categories", "tier"}, one a line.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.errors import InvalidSetting
from agents.safety.rule_file import CATEGORIES, read_model, safety_folder
from agents.story import Tier

MOST = 24
"""Examples that one line of a grammar becomes, at most."""

ASKING = frozenset(["prompt_injection", "harmful_request"])
"""The categories that are no danger: they are refused."""

MEANS = "asking_means"
"""Beside a kind of danger: the lines ask for a way to it."""

_SLOT = re.compile(r"\{(\w+)\}")

Line = Annotated[str, Field(min_length=1, max_length=20_000)]


class Example(NamedTuple):
    """A text and what it is. `weight` is smaller for one of many that a line became: they teach together what one does."""

    text: str
    categories: tuple[str, ...]
    tier: Tier
    weight: float
    source: str


class Group(BaseModel):
    """Lines that are all of one kind; without categories they are harmless."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: tuple[str, ...]
    tier: Literal["none", "check_in", "crisis"]
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def is_one_kind(self) -> "Group":
        known = CATEGORIES | ASKING | {MEANS}
        if unknown := set(self.categories) - known:
            raise ValueError(f"no such category: {', '.join(sorted(unknown))}; {', '.join(sorted(known))}")
        if (self.tier != "none") != bool(CATEGORIES & set(self.categories)):
            raise ValueError("a danger has a tier, what is none has not")
        return self


class Grammar(BaseModel):
    """One file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    slots: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def has_its_slots(self) -> "Grammar":
        used = {name for group in self.groups for line in group.lines for name in _SLOT.findall(line)}
        if missing := used - set(self.slots):
            raise ValueError(f"there is no slot {{{sorted(missing)[0]}}}")
        return self


def corpus_folder() -> Path:
    """Where the shipped corpus is."""
    return safety_folder() / "corpus"


def read_corpus(folder: Path | None = None) -> list[Example]:
    """All examples, file by file in the order of their names. Raises InvalidSetting with file and line."""
    where = folder or corpus_folder()
    files = sorted(where.glob("*.yaml"))
    if not files:
        raise InvalidSetting(
            "There is no corpus",
            place=str(where),
            cure="It comes with the source alone; or name a folder of *.yaml files.",
        )
    written = [example for file in files for example in _examples(file)]
    return [*written, *(example for file in sorted(where.glob("borrowed/*.jsonl")) for example in _borrowed(file))]


def _examples(path: Path) -> Iterator[Example]:
    grammar = read_model(path, Grammar, "lines of the corpus")
    for group in grammar.groups:
        for line in group.lines:
            texts = expand(line, grammar.slots)
            for text in texts:
                yield Example(text, group.categories, group.tier, round(len(texts) ** -0.5, 6), path.stem)


def _borrowed(path: Path) -> Iterator[Example]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # a text may hold other ends of lines
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting("The corpus cannot be read", place=str(path), cure="Restore it.") from error
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            row = json.loads(line)
            group = Group(categories=row["categories"], tier=row["tier"], lines=(row["text"],))
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidSetting("The line is no example", place=f"{path}:{number}", cure="Mend it there.") from error
        yield Example(group.lines[0], group.categories, group.tier, 1.0, path.stem)


def expand(line: str, slots: dict[str, tuple[str, ...]]) -> list[str]:
    """A line with its slots filled: every combination, or the MOST of them that its hashes choose."""
    names = _SLOT.findall(line)
    texts = [_filled(line, values) for values in itertools.product(*(slots[name] for name in names))]
    return texts if len(texts) <= MOST else sorted(texts, key=_hash)[:MOST]


def _filled(line: str, values: tuple[str, ...]) -> str:
    left = iter(values)
    return _SLOT.sub(lambda _: next(left), line)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
