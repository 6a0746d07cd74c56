"""Every case of every prompt holds with the offline model, run by the same runner as `tta eval`."""

import asyncio
from functools import cache

import pytest

from agents.prompts import Prompts
from graphs.evals.cases import load_cases
from graphs.evals.run import CaseReport, run_evals

LEAST = {"chapter": 5, "narrate": 8, "continue": 4, "interpret": 5}


def all_cases() -> list[tuple[str, str]]:
    prompts = Prompts()
    return [
        (name, case.name or "")
        for name in prompts.names()
        for case in load_cases(prompts.get(name), prompts.folder).cases
    ]


@cache
def reports() -> dict[tuple[str, str], CaseReport]:
    """One run for all: it takes a fraction of a second."""
    report = asyncio.run(run_evals(None, "offline"))
    return {(part["prompt"], case["name"]): case for part in report["prompts"] for case in part["cases"]}


@pytest.mark.parametrize(("prompt", "case"), all_cases(), ids=lambda value: str(value).replace(" ", "_"))
def test_the_case_holds_with_the_offline_model(prompt: str, case: str) -> None:
    report = reports()[(prompt, case)]
    wrong = {name: found["reason"] for name, found in report["assertions"].items() if not found["passed"]}
    assert report["passed"], f"{wrong} in: {report['output']}"


@pytest.mark.parametrize("prompt", sorted(LEAST))
def test_a_prompt_has_enough_cases(prompt: str) -> None:
    assert sum(name == prompt for name, _ in all_cases()) >= LEAST[prompt]
