"""The runner tells what came of every case, and a broken file at its line before any model is asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel, FakeListChatModel, ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from agents.errors import InvalidPrompt, UnknownModel, UnknownPrompt
from agents.prompts import Prompts
from graphs.evals.cases import load_cases
from graphs.evals.run import CaseReport, PromptReport, eval_prompt, read_json, run_evals

PROMPT = """---
purpose: Greets.
variables: {name: words}
output: prose
---
# user
Greet {{ name }}.
"""

JSON_PROMPT = """---
purpose: Answers.
variables: {name: words}
output: json
schema: {type: object, properties: {command: {type: string}}, required: [command]}
---
# user
Command for {{ name }}.
"""

CASES = """evaluators: [{Sentences: {at_most: 1}}]
cases:
  - name: greets Maren
    inputs: {name: Maren}
    evaluators: [{Mentions: [Maren]}]
  - name: greets Tam
    inputs: {name: Tam}
    evaluators: [{Mentions: [Tam]}]
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Prompts:
    return write(tmp_path, PROMPT, CASES)


def write(folder: Path, prompt: str, cases: str | None) -> Prompts:
    (folder / "greet").mkdir()
    (folder / "greet" / "prompt.md").write_text(prompt, encoding="utf-8")
    if cases is not None:
        (folder / "greet" / "cases.yaml").write_text(cases, encoding="utf-8")
    return Prompts(folder)


async def play(shelf: Prompts, model: BaseChatModel) -> PromptReport:
    prompt = shelf.get("greet")
    return await eval_prompt(prompt, load_cases(prompt, shelf.folder), model, "fake:model")


class Failing(FakeListChatModel):
    """A vendor's model that raises its own kind of error, with the prompt in its text."""

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise ConnectionError(f"could not send: {messages}")


class Bound(FakeListChatModel):
    """Keeps what it was bound to."""

    seen: list[dict[str, Any]]

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.seen.append(kwargs)
        return ChatResult(generations=[ChatGeneration(message=AIMessage('{"command": "wait"}'))])


async def test_a_report_names_prompt_fingerprint_model_and_every_case(shelf: Prompts) -> None:
    report = await play(shelf, FakeListChatModel(responses=["Good morning, Maren."]))
    assert report["prompt"] == "greet"
    assert report["model"] == "fake:model"
    assert report["fingerprint"] == shelf.get("greet").fingerprint
    assert (report["passed"], report["failed"]) == (1, 1)
    first, second = report["cases"]
    assert first["passed"]
    assert set(first["assertions"]) == {"Sentences", "Mentions"}
    assert first["output"] == "Good morning, Maren."
    assert first["ms"] >= 0
    assert not second["passed"]
    assert second["assertions"]["Mentions"] == {"passed": False, "reason": "not mentioned: Tam"}
    assert second["assertions"]["Sentences"] == {"passed": True, "reason": ""}


async def test_a_model_that_fails_fails_its_case_without_telling_the_prompt(shelf: Prompts) -> None:
    report = await play(shelf, Failing(responses=[]))
    assert report["failed"] == 2
    case = report["cases"][0]
    assert case["output"] is None
    assert "ConnectionError" in case["assertions"]["answered"]["reason"]
    assert "Greet" not in case["assertions"]["answered"]["reason"]


async def test_a_case_whose_evaluator_breaks_has_failed(tmp_path: Path) -> None:
    shelf = write(tmp_path, PROMPT, CASES.replace("{Mentions: [Maren]}", "TellsBeats"))
    report = await play(shelf, FakeListChatModel(responses=["Good morning, Tam."]))
    assert "no scene" in report["cases"][0]["assertions"]["TellsBeats"]["reason"]
    assert not report["cases"][0]["passed"]


async def test_each_case_is_told_as_it_ends(shelf: Prompts) -> None:
    told: list[tuple[str, str]] = []

    def progress(prompt: str, case: CaseReport) -> None:
        told.append((prompt, case["name"]))

    report = await run_evals(["greet"], "offline", progress=progress, prompts=shelf)
    assert sorted(told) == [("greet", "greets Maren"), ("greet", "greets Tam")]
    assert report["model"] == "offline"
    assert report["failed"] == 2
    assert report["passed"] == 0


async def test_every_shipped_prompt_is_run_when_none_is_named() -> None:
    report = await run_evals(None, "offline")
    assert [part["prompt"] for part in report["prompts"]] == Prompts().names()
    assert report["failed"] == 0
    assert report["passed"] == sum(len(part["cases"]) for part in report["prompts"])


async def test_an_unknown_prompt_is_named_with_the_ones_there_are() -> None:
    with pytest.raises(UnknownPrompt, match="no prompt called 'narate'") as caught:
        await run_evals(["narate"], "offline")
    assert "narrate" in caught.value.line()


async def test_an_unknown_model_is_named_before_anything_runs(shelf: Prompts) -> None:
    with pytest.raises(UnknownModel):
        await run_evals(["greet"], "nobody", prompts=shelf)


async def test_json_answers_come_as_data_and_broken_ones_fail(tmp_path: Path) -> None:
    cases = "evaluators: [JsonFits]\ncases:\n  - {name: one, inputs: {name: Maren}}\n"
    shelf = write(tmp_path, JSON_PROMPT, cases)
    good = await play(shelf, FakeListChatModel(responses=['```json\n{"command": "wait"}\n```']))
    assert good["failed"] == 0
    assert good["cases"][0]["output"] == {"command": "wait"}
    bad = await play(shelf, FakeListChatModel(responses=["wait, I would say"]))
    assert bad["cases"][0]["output"] == "wait, I would say"
    assert bad["cases"][0]["assertions"]["JsonFits"]["reason"] == "the answer is not JSON"


@pytest.mark.parametrize(("able", "bound"), [(True, True), (False, False)])
async def test_a_model_that_can_be_held_to_the_schema_is_held_to_it(tmp_path: Path, able: bool, bound: bool) -> None:
    cases = "evaluators: [JsonFits]\ncases:\n  - {name: one, inputs: {name: Maren}}\n"
    shelf = write(tmp_path, JSON_PROMPT, cases)
    model = Bound(responses=[], seen=[], profile=ModelProfile(structured_output=able))
    await play(shelf, model)
    assert ("response_format" in model.seen[0]) is bound


@pytest.mark.parametrize(("text", "data"), [('{"a": 1}', {"a": 1}), ("```\n[1]\n```", [1]), ("no", "no"), ("", "")])
def test_json_is_read_bare_or_fenced(text: str, data: object) -> None:
    assert read_json(text) == data


SCENE_PROMPT = PROMPT.replace("{name: words}", "{scene: json}").replace(
    "# user\nGreet {{ name }}.", "# system\nGreet.\n# user\n{{ scene }}"
)

BROKEN: Sequence[tuple[str, str, str | None, int, str]] = [
    ("no file", PROMPT, None, 0, "has no cases"),
    ("no YAML", PROMPT, "cases:\n  - name: [one\n", 3, "not YAML"),
    ("a key given twice", PROMPT, "cases: []\ncases: []\n", 2, "stands here twice"),
    ("no mapping", PROMPT, "- one\n", 1, "valid"),
    ("empty", PROMPT, "", 1, "valid"),
    ("no cases", PROMPT, "cases: []\n", 1, "no cases"),
    ("an unknown key", PROMPT, CASES + "scenes: {}\n", 9, "scenes"),
    (
        "an unknown key of a case",
        PROMPT,
        CASES.replace("    inputs: {name: Tam}", "    input: {name: Tam}"),
        7,
        "cases.1",
    ),
    ("an unknown evaluator", PROMPT, CASES.replace("{Mentions: [Tam]}", "Mentons"), 8, "Mentons"),
    ("an unknown evaluator for all", PROMPT, CASES.replace("Sentences", "Sentence"), 1, "Sentence"),
    ("an evaluator's unknown setting", PROMPT, CASES.replace("at_most", "most"), 1, "Sentences"),
    ("two of one name", PROMPT, CASES.replace("greets Tam", "greets Maren"), 1, "Duplicate"),
    ("a case without a name", PROMPT, CASES.replace("- name: greets Tam\n    inputs", "- inputs"), 6, "no name"),
    ("a missing variable", PROMPT, CASES.replace("{name: Tam}", "{}"), 6, "misses name"),
    ("an extra variable", PROMPT, CASES.replace("{name: Tam}", "{name: Tam, age: 3}"), 6, "no variable age"),
    ("nothing asked", PROMPT, "cases:\n  - name: one\n    inputs: {name: Maren}\n", 2, "asks nothing"),
    ("no scene's form", SCENE_PROMPT, CASES.replace("{name: Maren}", "\n      scene: {turn: one}"), 5, "scene.title"),
]


@pytest.mark.parametrize(("prompt", "cases", "line", "cause"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
async def test_a_broken_file_is_named_with_its_line(
    tmp_path: Path, prompt: str, cases: str | None, line: int, cause: str
) -> None:
    shelf = write(tmp_path, prompt, cases)
    with pytest.raises(InvalidPrompt) as caught:
        await run_evals(["greet"], "offline", prompts=shelf)
    path = tmp_path / "greet" / "cases.yaml"
    assert cause in caught.value.line()
    assert "\n" not in caught.value.line()
    assert caught.value.place == (f"{path}:{line}" if line else str(path))
