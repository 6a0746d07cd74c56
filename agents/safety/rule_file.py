"""The form of a file of safety rules: what an author may write, checked strictly before anything is compiled.

`agents/safety/rules.py` tells what the fields mean for a text.
"""

import stat
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agents import yamls
from agents.errors import InvalidSetting
from agents.safety.normalise import View

M = TypeVar("M", bound=BaseModel)

RuleAction = Literal["refuse", "rewrite"]
Pattern = Annotated[str, Field(min_length=3, max_length=2_000)]
Case = Annotated[str, Field(min_length=1, max_length=400)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{2,47}$")]

END = "..."
"""The last line of a file of rules."""

GATES = ("action", "narration")
"""What rules are for: what players do, and what the narrator says. A file each in a folder of rules."""

CATEGORIES = frozenset(
    [
        "suicide",
        "self_harm",
        "harm_to_others",
        "abuse",
        "eating_disorder",
        "acute_panic_or_psychosis",
        "substance_emergency",
    ]
)
"""The seven kinds of danger. Rules that refuse or rewrite name their own categories beside these."""


class Rule(BaseModel):
    """One rule as an author writes it: a danger with its `tier`, or an `action` of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    category: Name
    tier: Literal["check_in", "crisis"] | None = None
    action: RuleAction | None = None
    at_risk: Literal["check_in", "crisis"] | None = None
    """The tier in a session that was at risk before. A rule with only this speaks in no other session."""
    firm: bool = False
    """A crisis that no fiction frame softens."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    view: View = "words"
    any: Annotated[tuple[Pattern, ...], Field(min_length=1)]
    unless: tuple[Pattern, ...] = ()
    must: Annotated[tuple[Case, ...], Field(min_length=2)]
    must_not: Annotated[tuple[Case, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def decides_one_thing(self) -> "Rule":
        danger = self.tier is not None or self.at_risk is not None
        if danger == (self.action is not None):
            raise ValueError("give either a tier (or at_risk) or an action")
        if danger and self.category not in CATEGORIES:
            raise ValueError(f"a danger's category is one of {', '.join(sorted(CATEGORIES))}")
        return self


class Frames(BaseModel):
    """Words that put what follows them in a story (`any`), and words that step out of it again (`broken_by`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    any: tuple[Pattern, ...] = ()
    broken_by: tuple[Pattern, ...] = ()


class RuleFile(BaseModel):
    """A whole file of rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gate: Literal["action", "narration"]
    version: Annotated[int, Field(ge=1)]
    fragments: dict[str, str] = {}
    frames: Frames = Frames()
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


def safety_folder() -> Path:
    """Where the shipped rules and resources are."""
    return Path(str(resources.files("prompts"))) / "safety"


def read_rule_file(path: Path) -> tuple[RuleFile, dict[str, int]]:
    """A file of rules as written, and the line of each rule by its id. Raises InvalidSetting with file, line and rule."""
    document = read_document(path, whole=True)
    data = document.data
    try:
        file = RuleFile.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = f"{path}:{document.line(first['loc'])}"
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            raise _no_key(place, str(first["loc"][0])) from error
        raise rule_fault(place, _rule_at(data, first["loc"]), _said(first["loc"], first["msg"])) from error
    return file, {rule.id: document.line(("rules", number)) for number, rule in enumerate(file.rules)}


def read_model(path: Path, model: type[M], what: str, *, whole: bool = False) -> M:
    """A YAML file as that model. Raises InvalidSetting with file, line and field; `what` is what the file holds."""
    document = read_document(path, whole=whole)
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        cause = (
            f"The {what} are not valid{f' at {field}' if field else ''}: {first['msg'].removeprefix('Value error, ')}"
        )
        raise InvalidSetting(cause, place=f"{path}:{document.line(first['loc'])}", cure="Mend it there.") from error


def read_yaml(path: Path) -> Any:
    """A YAML file's plain data. Raises InvalidSetting for a file that is missing, unreadable or malformed."""
    return read_document(path).data


def read_document(path: Path, *, whole: bool = False) -> yamls.Document:
    """A YAML file with its lines. Raises InvalidSetting for one that is missing, no plain file, unreadable or malformed.

    `whole`: its last line is YAML's own end, `...`. Half a file of rules is a good one with fewer rules.
    """
    try:
        # A pipe in its place would be waited for without end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unread(path, "it is no plain file")
        text = path.read_text(encoding="utf-8")
        document = yamls.read_yaml(text)
    except UnicodeDecodeError as error:
        raise _unread(path, "it is not text in UTF-8") from error
    except OSError as error:
        raise _unread(path, (error.strerror or "it cannot be opened").lower()) from error
    except yamls.YamlFault as error:
        raise InvalidSetting(
            f"The safety file is not valid: {error.message}", place=f"{path}:{error.line}", cure="Mend it there."
        ) from error
    if not isinstance(document.data, dict):
        held = "it is empty" if document.data is None else "it holds no fields with names"
        raise InvalidSetting(f"The safety file is not valid: {held}", place=f"{path}:1", cure="Restore it.")
    if whole and text.rstrip().rpartition("\n")[2] != END:
        raise InvalidSetting(
            f"The safety file does not end with a line `{END}`: it may be cut short",
            place=f"{path}:{text.count(chr(10)) + 1}",
            cure="Restore it, or write that line where nothing is missing.",
        )
    return document


def _unread(path: Path, why: str) -> InvalidSetting:
    cure = "Restore it." if path.parent.is_dir() else "Check the path: there is no such folder."
    return InvalidSetting(f"The safety file cannot be read: {why}", place=str(path), cure=cure)


def _no_key(place: str, key: str) -> InvalidSetting:
    cause = f"The safety file is not valid: there is no such key as '{key[:40]}'"
    return InvalidSetting(cause, place=place, cure="Take it out.", choices=list(RuleFile.model_fields))


def rule_fault(place: str, owner: str, what: str) -> InvalidSetting:
    """The error for a rule that cannot be used."""
    return InvalidSetting(f"Safety rule '{owner}': {what}", place=place, cure="Mend the rule; nothing was loaded.")


def _said(loc: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(str(part) for part in loc[2:] or loc)}: {message}"


def _rule_at(data: Any, loc: tuple[int | str, ...]) -> str:
    """The id of the rule that a validation error is about, else where in the file it is."""
    try:
        return str(data["rules"][loc[1]]["id"])
    except (KeyError, IndexError, TypeError):
        return ".".join(str(part) for part in loc) or "file"
