"""Each evaluator passes what it should and fails what it should: a check that cannot fail checks nothing."""

from typing import Any

import pytest
from pydantic_evals.evaluators import EvaluationReason, EvaluatorContext
from pydantic_evals.otel import SpanTree

from graphs.evals.evaluators import (
    EVALUATORS,
    Asks,
    JsonFits,
    Mentions,
    NoContradiction,
    NotMentions,
    Parses,
    SafeNarration,
    Sentences,
    TellsBeats,
)

SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string", "maxLength": 80}},
    "required": ["command"],
    "additionalProperties": False,
}
SCENE: dict[str, Any] = {
    "place": "the kitchen",
    "exits": [
        {"direction": "north", "place": "the garden"},
        {"direction": "down", "door": "the cellar door", "open": False},
    ],
    "items": ["the brass lamp"],
    "carried": ["the folded note"],
    "people": [{"name": "Maren"}],
    "beats": [{"kind": "read", "says": "The note says that the ferry leaves when the lamp is lit."}],
}
ELSEWHERE = NoContradiction(things=["iron key"], people=["Tam"], places=["the attic"], locked={"cellar door": True})


def judge(evaluator: Asks, output: Any, inputs: dict[str, Any] | None = None) -> EvaluationReason:
    context = EvaluatorContext[dict[str, Any], Any, Any](
        name="case",
        inputs={"scene": SCENE} if inputs is None else inputs,
        metadata=None,
        expected_output=None,
        output=output,
        duration=0.0,
        _span_tree=SpanTree(),
        attributes={"schema": SCHEMA},
        metrics={},
    )
    found = evaluator.evaluate(context)
    assert isinstance(found, EvaluationReason)
    return found


PASSES: list[tuple[Asks, Any]] = [
    (Mentions(["brass lamp", "Maren"]), "The Brass lamp stands by Maren’s chair."),
    (Mentions(["maren"]), {"command": "talk to Maren"}),
    (NotMentions(["lamp"]), "The lamplight is warm."),
    (NotMentions(["command"]), {"command": "wait"}),
    (Sentences(at_most=2), "You wait. Rain falls."),
    (Sentences(at_most=1), 'You wait.\n```json\n{"choices": ["One.", "Two."]}\n```'),
    (TellsBeats(), "You read it: the note says that the ferry leaves when the lamp is lit."),
    (ELSEWHERE, "Maren says nothing yet. The brass lamp is here. You hold the folded note."),
    (ELSEWHERE, '"You take the iron key," Maren says.'),
    (ELSEWHERE, "The note says that the ferry leaves when the lamp is lit."),
    (SafeNarration(), "Rain runs down the panes. You wait."),
    (JsonFits(), {"command": "take lamp"}),
    (Parses(), {"command": "take lamp"}),
    (Parses(), {"command": "north"}),
    (Parses(), {"command": "pick up the lamp"}),
    (Parses("may"), {"command": ""}),
    (Parses("must"), {"command": " "}),
]

FAILS: list[tuple[Asks, Any, str]] = [
    (Mentions(["brass lamp", "key"]), "A brass lamp.", "key"),
    (Mentions(["lamp"]), "The lamplight is warm.", "lamp"),
    (Mentions(["lamp"]), 'You wait.\n```json\n{"choices": ["lamp"]}\n```', "lamp"),
    (NotMentions(["doctor"]), "See a Doctor.", "doctor"),
    (NotMentions(["doctor"]), 'You wait.\n```json\n{"choices": ["call a doctor"]}\n```', "doctor"),
    (Sentences(at_most=1), "You wait. Rain falls.", "2 sentences"),
    (Sentences(at_most=3), "", "0 sentences"),
    (Sentences(at_most=9, at_least=2), "You wait.", "1 sentences"),
    (TellsBeats(), "You read a note and think of other things.", "not told"),
    (ELSEWHERE, "You take the iron key.", "holds:iron key"),
    (ELSEWHERE, "You pick up the brass lamp.", "holds:brass lamp"),
    (ELSEWHERE, "The iron key lies at your feet.", "present:iron key"),
    (ELSEWHERE, '"Hello," Tam says.', "speaks:tam"),
    (ELSEWHERE, "The cellar door stands open.", "open:cellar door"),
    (ELSEWHERE, "The cellar door is unlocked.", "locked:cellar door"),
    (ELSEWHERE, "You go north.", "goes:north"),
    (ELSEWHERE, "You are in the attic.", "place:attic"),
    (ELSEWHERE, "Congratulations, you have won.", "won:story"),
    (SafeNarration(), "Rain falls. An ambulance has been called.", "stopped by"),
    (SafeNarration(), "It sounds like you have depression.", "stopped by"),
    (JsonFits(), "take lamp", "not JSON"),
    (JsonFits(), {"command": 3}, "no string"),
    (JsonFits(), {"command": "x" * 81}, "maxLength"),
    (JsonFits(), {}, "misses 'command'"),
    (JsonFits(), {"command": "wait", "admin": True}, "admin"),
    (JsonFits(), ["take lamp"], "no object"),
    (Parses(), {"command": "frobnicate lamp"}, "no verb"),
    (Parses(), {"command": "takeaway lamp"}, "no verb"),
    (Parses(), {"command": ""}, "empty"),
    (Parses("may"), {"command": "the lamp, please"}, "no verb"),
    (Parses("must"), {"command": "take lamp"}, "no command is asked for"),
    (Parses(), {"answer": "take lamp"}, "no command"),
    (Parses(), "take lamp", "no command"),
]


def named(value: object) -> str:
    return type(value).__name__ if isinstance(value, EVALUATORS) else ""


@pytest.mark.parametrize(("evaluator", "output"), PASSES, ids=named)
def test_what_holds_passes(evaluator: Asks, output: Any) -> None:
    found = judge(evaluator, output)
    assert found.value is True, found.reason


@pytest.mark.parametrize(("evaluator", "output", "reason"), FAILS, ids=named)
def test_what_does_not_hold_fails_with_its_reason(evaluator: Asks, output: Any, reason: str) -> None:
    found = judge(evaluator, output)
    assert found.value is False
    assert reason in (found.reason or "")


@pytest.mark.parametrize("kind", EVALUATORS, ids=lambda kind: kind.__name__)
def test_every_evaluator_has_failed_above(kind: type[Asks]) -> None:
    assert any(isinstance(evaluator, kind) for evaluator, _, _ in FAILS)
    assert any(isinstance(evaluator, kind) for evaluator, _ in PASSES)


def test_a_verb_of_the_world_parses_when_the_case_gives_it() -> None:
    assert judge(Parses(), {"command": "frobnicate lamp"}, {"verbs": "take, frobnicate"}).value is True


def test_moving_may_be_told_where_the_scene_has_moved() -> None:
    arrived = {**SCENE, "beats": [{"kind": "arrived"}]}
    assert judge(ELSEWHERE, "You go north.", {"scene": arrived}).value is True


def test_winning_may_be_told_where_the_scene_has_won() -> None:
    won = {**SCENE, "beats": [{"kind": "won", "says": "The light goes out over the water."}]}
    assert judge(ELSEWHERE, "You have won.", {"scene": won}).value is True


def test_what_was_released_before_counts_as_told() -> None:
    inputs = {"scene": SCENE, "released": "The note says that the ferry leaves"}
    assert judge(TellsBeats(), "when the lamp is lit.", inputs).value is True


def test_beats_without_words_of_an_author_do_not_pass_unseen() -> None:
    assert judge(TellsBeats(), "You wait.", {"scene": {"beats": [{"kind": "waited"}]}}).value is False


@pytest.mark.parametrize("evaluator", [TellsBeats(), NoContradiction()], ids=named)
def test_without_a_scene_nothing_passes(evaluator: Asks) -> None:
    with pytest.raises(ValueError, match="no scene"):
        judge(evaluator, "You wait.", {})
