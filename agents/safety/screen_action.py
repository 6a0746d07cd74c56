"""Nodes of the safety agent: reading the action before anything is generated, and answering a person in danger."""

from typing_extensions import TypedDict

from agents.safety.crisis import refusal, response
from agents.services import Runtime, Services
from agents.story import Choice, Kind, Tier, Verdict

GO_ON = [Choice(text="look around", label="Go on with the story")]


class ScreenInput(TypedDict):
    action: str
    screened: Verdict | None
    risk: Tier
    verdicts: list[Verdict]


class ScreenOutput(TypedDict):
    verdicts: list[Verdict]
    kind: Kind


class AnswerOutput(TypedDict):
    narration: str
    choices: list[Choice]


async def screen_action(state: ScreenInput, runtime: Runtime[Services]) -> ScreenOutput:
    """Reads the action, unless it was read before it was accepted: then its words are nowhere, and the verdict is given.

    Fails closed: a detector that fails holds the turn (`Screen.action`).
    """
    verdict = state["screened"] or runtime.context.screen.action(state["action"], risk=state["risk"])
    kinds: dict[str, Kind] = {"crisis": "crisis", "check_in": "check_in", "refuse": "refused"}
    return ScreenOutput(verdicts=[*state["verdicts"], verdict], kind=kinds.get(verdict["action"], "story"))


async def crisis(state: ScreenInput, runtime: Runtime[Services]) -> AnswerOutput:
    """The story stops. Fixed human words and resources; no model is asked, nobody is said to have been contacted."""
    return _answer("crisis", runtime)


async def check_in(state: ScreenInput, runtime: Runtime[Services]) -> AnswerOutput:
    """The story pauses for one warm question, with the same resources at hand; play can go on at once."""
    return _answer("check_in", runtime)


def _answer(tier: Tier, runtime: Runtime[Services]) -> AnswerOutput:
    text = response(tier, runtime.context.locale)["text"]
    runtime.context.voice.release(text)
    return AnswerOutput(narration=text, choices=[] if tier == "crisis" else list(GO_ON))


async def refuse(state: ScreenInput, runtime: Runtime[Services]) -> AnswerOutput:
    """What the story will not do; play goes on where it was."""
    text = refusal()
    runtime.context.voice.release(text)
    return AnswerOutput(narration=text, choices=list(GO_ON))
