"""`prompts/<name>/cases.yaml`: a pydantic-evals dataset, read with every fault at its line.

    evaluators: [SafeNarration]             asked of every case
    cases:
      - name: takes the lamp
        inputs: {scene: {...}, ...}         every variable of the prompt, and no other
        evaluators: [TellsBeats, {Mentions: [lamp]}]

YAML 1.2 (so `no` is a word); anchors and `<<` share a scene between cases. `graphs/evals/evaluators.py` lists what can
be asked.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_evals import Dataset

from agents.errors import InvalidPrompt
from agents.prompts import Prompt
from agents.world.scene import Scene
from agents.yamls import Document, YamlFault, read_yaml
from graphs.evals.evaluators import EVALUATORS, Inputs

FILE = "cases.yaml"

_EVALUATOR = re.compile(r"valuator '([^']+)'")

Cases = Dataset[Inputs, Any, Any]


class _Staged(BaseModel):
    """A case's scene has the form of a played one, down to the last key: an unquoted comma makes keys of half sentences."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scene: Scene


def load_cases(prompt: Prompt, folder: Path) -> Cases:
    """The cases of a prompt; `folder` is the one that holds all prompts. Raises InvalidPrompt at file:line."""
    path = folder / prompt.name / FILE
    lines = _read(path)
    data = lines.data
    try:
        dataset = Cases.from_dict(data, custom_evaluator_types=EVALUATORS, default_name=prompt.name)
    except ValidationError as error:
        raise _misfit(error, path, lines, ()) from error
    except ExceptionGroup as group:
        raise _bad_evaluator(group, path, lines) from group
    except ValueError as error:  # a name that is given twice
        raise InvalidPrompt(str(error), place=f"{path}:1", cure="Each case has a name of its own.") from error
    _check(dataset, prompt, path, lines)
    return dataset


def _read(path: Path) -> Document:
    """The file's data and the lines on which things stand."""
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidPrompt("The prompt has no cases", place=str(path), cure=f"Write its {FILE}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPrompt("The cases cannot be read as UTF-8", place=str(path)) from error
    except YamlFault as error:
        raise InvalidPrompt(f"The cases: {error.message}", place=f"{path}:{error.line}") from error


def _misfit(error: ValidationError, path: Path, lines: Document, inside: tuple[int | str, ...]) -> InvalidPrompt:
    """One fault of several; an unknown key before a missing one, since it is mostly the same slip."""
    faults = error.errors()
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return InvalidPrompt(f"{where}: {first['msg']}", place=f"{path}:{lines.line((*inside, *first['loc']))}")


def _bad_evaluator(group: "ExceptionGroup[Exception]", path: Path, lines: Document) -> InvalidPrompt:
    """The first evaluator that is unknown or wrongly written. pydantic-evals tells its name; its line is looked up."""
    message = " ".join(str(group.exceptions[0]).split())
    found = _EVALUATOR.search(message)
    name = found[1] if found else ""
    in_cases = [i for i, case in enumerate(lines.data["cases"]) if f"for case {case.get('name')!r}" in message]
    loc = _place_of(name, lines, in_cases or range(len(lines.data["cases"])))
    place = f"{path}:{lines.line(loc)}"
    if "is not in the provided" in message:
        names = [kind.__name__ for kind in EVALUATORS]
        return InvalidPrompt(f"There is no evaluator '{name}'", place=place, choices=names)
    return InvalidPrompt(f"The evaluator '{name}' is wrongly written: {message.rpartition(': ')[2]}", place=place)


def _place_of(name: str, lines: Document, cases: Sequence[int]) -> tuple[int | str, ...]:
    """Where an evaluator of that name stands: among those for all, or in one of the cases."""
    spots: list[tuple[tuple[int | str, ...], Any]] = [(("evaluators",), lines.data)]
    spots += [(("cases", i, "evaluators"), lines.data["cases"][i]) for i in cases]
    for loc, owner in spots:
        for i, spec in enumerate(cast("list[Any]", owner.get("evaluators") or [])):
            if name == spec or (isinstance(spec, dict) and name in spec):
                return (*loc, i)
    return ("cases",)


def _check(dataset: Cases, prompt: Prompt, path: Path, lines: Document) -> None:
    """What pydantic-evals lets pass and a person would regret: a case that asks nothing, or can never be rendered."""
    if not dataset.cases:
        raise InvalidPrompt("There are no cases", place=f"{path}:1", cure="Write at least one.")
    for i, case in enumerate(dataset.cases):
        place = f"{path}:{lines.line(('cases', i, 'name'))}"
        if not case.name:
            raise InvalidPrompt(f"Case {i + 1} has no name", place=place)
        if not case.evaluators and not dataset.evaluators:
            raise InvalidPrompt(f"The case '{case.name}' asks nothing: it has no evaluators", place=place)
        try:
            prompt.render(**case.inputs)
        except InvalidPrompt as error:
            raise InvalidPrompt(f"{case.name}: {error.cause}", place=place, choices=error.choices) from error
        if "scene" in prompt.front.variables:
            _check_scene(case.inputs["scene"], i, path, lines)


def _check_scene(scene: object, index: int, path: Path, lines: Document) -> None:
    try:
        _Staged.model_validate({"scene": scene})
    except ValidationError as error:
        raise _misfit(error, path, lines, ("cases", index, "inputs")) from error
