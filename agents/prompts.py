"""Prompts as files: load, render strictly, fingerprint.

A prompt is a folder `prompts/<name>/` with `prompt.md`, front matter and a body:

    ---
    purpose: what the prompt is for, one line
    variables: {scene: json, history: text}     text | json | number | words
    output: prose                               prose | json
    schema: {...}                               for json: the JSON schema of the answer
    ---
    # system
    ...
    # user
    ...
    {{ scene }}

Text and JSON are data: each stands on a line of its own in the user's part, and is rendered in a fence that it cannot leave
(`agents/fences.py`). `words` are a few of ours, never a player's, and stand within a sentence, as numbers do.

Every variable must be given and every one given must be declared: a prompt that quietly renders without its scene is the
kind of fault that nobody finds.
"""

import hashlib
import re
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.errors import InvalidPrompt, UnknownPrompt
from agents.fences import NOTICE, fence_json, fence_text, one_line
from agents.yamls import YamlFault, read_yaml

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.messages import AIMessage, AnyMessage
    from langchain_core.runnables import Runnable

_SLOT = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ALONE = re.compile(r"\s*\{\{\s*\w+\s*\}\}\s*")
_SECTION = re.compile(r"^# (system|user)\s*$", re.MULTILINE)
_NOT_PROMPTS = frozenset({"worlds", "safety"})


Kind = Literal["text", "json", "number", "words"]
FENCED = frozenset({"text", "json"})
"""Kinds of variables that are data, whoever wrote them."""


class FrontMatter(BaseModel):
    """What stands above a prompt's body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str
    variables: dict[str, Kind]
    output: Literal["prose", "json"] = "prose"
    schema_: dict[str, Any] | None = Field(None, alias="schema")


@dataclass(frozen=True)
class Prompt:
    """One prompt, read and checked."""

    name: str
    front: FrontMatter
    sections: tuple[tuple[str, str], ...]
    fingerprint: str
    """First 12 hex digits of the SHA-256 of the file and the notice: two runs with the same one used the same words."""

    def render(self, **values: object) -> "list[AnyMessage]":
        """The messages for a model. Raises InvalidPrompt for a missing, unknown or wrongly typed variable."""
        from langchain_core.messages import HumanMessage, SystemMessage  # noqa: PLC0415 - half a second; loading needs none

        self._check(values)
        texts = {key: _rendered(key, value, self.front.variables[key]) for key, value in values.items()}
        messages: list[AnyMessage] = []
        noticed = not self.fenced
        for role, body in self.sections:
            filled = _SLOT.sub(lambda found: texts[found[1]], body).strip()
            if role == "system" and not noticed:
                filled, noticed = f"{filled}\n\n{NOTICE}", True
            messages.append(SystemMessage(filled) if role == "system" else HumanMessage(filled))
        return messages

    @property
    def fenced(self) -> bool:
        """Whether any variable is data."""
        return any(kind in FENCED for kind in self.front.variables.values())

    def _check(self, values: dict[str, object]) -> None:
        wanted = set(self.front.variables)
        if missing := sorted(wanted - set(values)):
            raise InvalidPrompt(f"The prompt '{self.name}' misses {', '.join(missing)}", cure="Give every variable.")
        if extra := sorted(set(values) - wanted):
            raise InvalidPrompt(f"The prompt '{self.name}' has no variable {', '.join(extra)}", choices=sorted(wanted))
        for key, kind in self.front.variables.items():
            value = values[key]
            if (kind in ("text", "words") and not isinstance(value, str)) or (
                kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float))
            ):
                raise InvalidPrompt(f"The variable '{key}' of the prompt '{self.name}' must be {kind}")


class Prompts:
    """The prompts of a folder, read once each."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(str(resources.files("prompts")))
        self._read: dict[str, Prompt] = {}

    def names(self) -> list[str]:
        """All prompts, in order."""
        return sorted(
            path.parent.name for path in self.folder.glob("*/prompt.md") if path.parent.name not in _NOT_PROMPTS
        )

    def texts(self) -> list[str]:
        """What authors wrote into all prompts, piece by piece, without what is rendered into them."""
        bodies = [body for name in self.names() for _, body in self.get(name).sections]
        return [NOTICE, *(piece for body in bodies for piece in _SLOT.split(body)[::2])]

    def get(self, name: str) -> Prompt:
        """Raises UnknownPrompt with the valid names, InvalidPrompt at file:line."""
        if name not in self._read:
            path = self.folder / name / "prompt.md"
            if name not in self.names():
                close = get_close_matches(name, self.names(), n=1)
                cure = f"Did you mean {close[0]}?" if close else ""
                raise UnknownPrompt(f"There is no prompt called '{name[:60]}'", cure=cure, choices=self.names())
            self._read[name] = read_prompt(path, name)
        return self._read[name]


def read_prompt(path: Path, name: str) -> Prompt:
    """Reads and checks one prompt file. Raises InvalidPrompt at file:line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPrompt("The prompt cannot be read as UTF-8", place=str(path)) from error
    parts = re.split(r"^---\s*$", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        raise InvalidPrompt("A prompt begins with front matter between two lines of ---", place=f"{path}:1")
    front = _front_matter(parts[1], path)
    offset = parts[1].count("\n") + 1
    pieces = _SECTION.split(parts[2])
    sections = tuple(zip(pieces[1::2], pieces[2::2], strict=True))
    if not sections or pieces[0].strip():
        raise InvalidPrompt("The body begins with '# system' or '# user'", place=f"{path}:{offset + 1}")
    _check_slots(parts[2], front, path, offset)
    prompt = Prompt(name, front, sections, hashlib.sha256((text + NOTICE).encode()).hexdigest()[:12])
    if prompt.fenced and not any(role == "system" for role, _ in sections):
        raise InvalidPrompt("There is no '# system' that could say what is data", place=f"{path}:{offset + 1}")
    return prompt


def _front_matter(text: str, path: Path) -> FrontMatter:
    try:
        return FrontMatter.model_validate(read_yaml(text).data or {})
    except YamlFault as error:
        raise InvalidPrompt(f"The front matter: {error.message}", place=f"{path}:{error.line}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidPrompt(f"front matter: {where}: {first['msg']}", place=f"{path}:1") from error


def _check_slots(body: str, front: FrontMatter, path: Path, offset: int) -> None:
    used: set[str] = set()
    role = ""
    for number, line in enumerate(body.split("\n")):
        if section := _SECTION.match(line):
            role = section[1]
        for found in _SLOT.finditer(line):
            used.add(found[1])
            if found[1] not in front.variables:
                place = f"{path}:{offset + number}"
                raise InvalidPrompt(
                    f"'{found[1]}' is no declared variable", place=place, choices=sorted(front.variables)
                )
            if front.variables[found[1]] in FENCED and (role != "user" or not _ALONE.fullmatch(line)):
                cause = f"'{found[1]}' is data: it stands on a line of its own, below '# user'"
                raise InvalidPrompt(cause, place=f"{path}:{offset + number}")
    if unused := sorted(set(front.variables) - used):
        raise InvalidPrompt(f"declared but not used: {', '.join(unused)}", place=f"{path}:1")


def _rendered(name: str, value: object, kind: Kind) -> str:
    if kind == "json":
        return fence_json(name, value)
    return fence_text(name, str(value)) if kind == "text" else one_line(str(value))


def answering(model: "BaseChatModel", prompt: Prompt) -> "Runnable[LanguageModelInput, AIMessage]":
    """The model held to the prompt's schema, where there is one and the model's profile says that it can be held to it.

    LangChain's own convention: its agents bind OpenAI's `response_format` to every model whose profile has
    `structured_output` (langchain.agents.structured_output.ProviderStrategy). Any other model is left as it is.
    """
    schema = prompt.front.schema_
    if schema is None or not (model.profile or {}).get("structured_output"):
        return model
    form = {"type": "json_schema", "json_schema": {"name": prompt.name, "schema": schema}}
    return model.bind(response_format=form)
