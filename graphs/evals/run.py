"""Prompt evaluation: every case of a prompt is rendered, asked of a model and judged.

    report = await run_evals(["narrate"], "offline")
    report["failed"]                                        -> 0

The command's exit code is 100 when `failed` is above 0.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from pydantic_evals import Case, set_eval_attribute
from pydantic_evals.lifecycle import CaseLifecycle
from pydantic_evals.reporting import ReportCase, ReportCaseFailure
from typing_extensions import TypedDict

from agents.errors import ModelTimeout, StoryError
from agents.models import check_spec, open_model
from agents.narrative.narrate import translate
from agents.prompts import Prompt, Prompts
from agents.story import Json
from agents.world.resolve_action import answering
from graphs.evals.cases import Cases, load_cases
from graphs.evals.evaluators import Inputs

AT_ONCE = 4
"""Cases of a prompt that run at the same time; `local` answers one at a time, so that its milliseconds are its own."""

TIMEOUT_S = 120.0
"""Longest wait for one whole answer."""


class Assertion(TypedDict):
    passed: bool
    reason: str
    """Why not; empty where there is nothing to say."""


class CaseReport(TypedDict):
    name: str
    passed: bool
    assertions: dict[str, Assertion]
    """By evaluator; `answered` where the model gave no answer at all."""
    ms: float
    """Milliseconds from the rendering to the whole answer, waiting for the model included."""
    output: Any
    """The text, or for a prompt of JSON its data; the text again where that is not JSON; None without an answer."""


class PromptReport(TypedDict):
    prompt: str
    fingerprint: str
    model: str
    cases: list[CaseReport]
    passed: int
    failed: int


class EvalReport(TypedDict):
    model: str
    prompts: list[PromptReport]
    passed: int
    failed: int


Progress = Callable[[str, CaseReport], None]
"""Called with the prompt's name and the case as each case ends."""


async def run_evals(
    names: Sequence[str] | None, model_spec: str, *, progress: Progress | None = None, prompts: Prompts | None = None
) -> EvalReport:
    """Runs the cases of the prompts named, or of all. Every file is read and checked before a model is asked.

    Raises UnknownPrompt, InvalidPrompt (at file:line), UnknownModel, InvalidSetting. A model that fails or is silent
    for too long fails its case; it raises nothing.
    """
    shelf = prompts or Prompts()
    wanted = [shelf.get(name) for name in (names or shelf.names())]
    loaded = [(prompt, load_cases(prompt, shelf.folder)) for prompt in wanted]
    check_spec(model_spec)
    async with open_model(model_spec) as model:
        reports = [await eval_prompt(prompt, cases, model, model_spec, progress) for prompt, cases in loaded]
    return EvalReport(
        model=model_spec,
        prompts=reports,
        passed=sum(report["passed"] for report in reports),
        failed=sum(report["failed"] for report in reports),
    )


async def eval_prompt(
    prompt: Prompt, cases: Cases, model: BaseChatModel, spec: str, progress: Progress | None = None
) -> PromptReport:
    """Runs the cases of one prompt, in the file's order, AT_ONCE at a time."""
    done: dict[str, CaseReport] = {}

    class Reporting(CaseLifecycle[Inputs, Any, Any]):
        async def teardown(self, result: "Result | None") -> None:
            if result is not None:
                made = done[result.name] = _case_report(result)
                if progress:
                    progress(prompt.name, made)

    async def ask(inputs: Inputs) -> Json:
        set_eval_attribute("schema", prompt.front.schema_)
        return await _answer(prompt, model, inputs)

    at_once = 1 if spec.split(":", 1)[0] == "local" else AT_ONCE
    await cases.evaluate(ask, name=prompt.name, max_concurrency=at_once, progress=False, lifecycle=Reporting)
    ordered = [done[_name(case)] for case in cases.cases]
    passed = sum(case["passed"] for case in ordered)
    return PromptReport(
        prompt=prompt.name,
        fingerprint=prompt.fingerprint,
        model=spec,
        cases=ordered,
        passed=passed,
        failed=len(ordered) - passed,
    )


Result = ReportCase[Inputs, Any, Any] | ReportCaseFailure[Inputs, Any, Any]


def _name(case: "Case[Inputs, Any, Any]") -> str:
    return case.name or ""


async def _answer(prompt: Prompt, model: BaseChatModel, inputs: Inputs) -> Json:
    """The model's answer to a rendered prompt. Raises a ModelError, whatever the vendor raised."""
    messages = prompt.render(**inputs)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer = await answering(model, prompt).ainvoke(messages)
    except TimeoutError as error:
        raise ModelTimeout(f"The model gave no answer within {TIMEOUT_S:g} s") from error
    except StoryError:
        raise
    except Exception as error:  # every vendor has its own tree
        raise translate(error) from error
    text = str(answer.text).strip()
    return read_json(text) if prompt.front.output == "json" else text


def read_json(text: str) -> Json:
    """The data of an answer that is JSON, alone or in one fence; else the text as it is."""
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        return cast(Json, json.loads(bare))
    except (ValueError, RecursionError):
        return text


def _case_report(result: Result) -> CaseReport:
    if isinstance(result, ReportCaseFailure):
        answered = {"answered": Assertion(passed=False, reason=result.error_message)}
        return CaseReport(name=result.name, passed=False, assertions=answered, ms=0.0, output=None)
    assertions = {
        name: Assertion(passed=bool(found.value), reason=found.reason or "")
        for name, found in result.assertions.items()
    }
    for failure in result.evaluator_failures:
        assertions[failure.name] = Assertion(passed=False, reason=failure.error_message)
    return CaseReport(
        name=result.name,
        passed=bool(assertions) and all(found["passed"] for found in assertions.values()),
        assertions=assertions,
        ms=round(result.task_duration * 1000, 1),
        output=result.output,
    )
