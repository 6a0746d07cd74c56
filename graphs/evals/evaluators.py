"""What a case can ask of an answer. Each evaluator is an assertion with its reason, written in `cases.yaml` by name.

    Mentions: [lamp, key]             every one of the words is there (whole words, any case)
    NotMentions: [lamp]               none of them is
    Sentences: {at_most: 6}           the prose has so many sentences (`at_least` is 1 if not given)
    TellsBeats                        the author's words of every beat are told
    NoContradiction                   no sentence says what the scene knows to be false
    SafeNarration                     the narration gate lets it out
    JsonFits                          the answer is JSON of the prompt's schema
    Parses: {empty: must}             the command begins with a verb of the world (`empty`: never, may, must)

An answer of prose may carry a fenced block after it; only what stands before it is the prose.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, cast

from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext

from agents.narrative.claims import KnownFacts, contradiction
from agents.narrative.review import covers
from agents.safety.screen import Screen
from agents.safety.sentences import SentenceCutter
from agents.story import Json
from agents.world.vocabulary import DIRECTIONS, GESTURES, VERBS
from graphs.evals.fits import misfit

Inputs = dict[str, Any]
Context = EvaluatorContext[Inputs, Any, Any]
Asks = Evaluator[Inputs, Any, Any]


def prose(output: Json) -> str:
    """The text of an answer without the fenced block after it; of parsed JSON, its words."""
    return output.split("```", 1)[0].strip() if isinstance(output, str) else " ".join(_words_of(output))


def _words_of(data: Json) -> list[str]:
    if isinstance(data, dict):
        return [word for value in data.values() for word in _words_of(value)]
    if isinstance(data, list):
        return [word for value in data for word in _words_of(value)]
    return [] if data is None else [str(data)]


def sentences(text: str) -> list[str]:
    """The sentences of a text, cut as the gate cuts them."""
    cutter = SentenceCutter()
    return [part for part in [*cutter.feed(text), cutter.finish()] if part]


def _said(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word.lower())}(?!\w)", text.lower().replace("’", "'")) is not None


def _verdict(fault: str, fine: str = "") -> EvaluationReason:
    return EvaluationReason(value=not fault, reason=fault or fine or None)


@dataclass
class Mentions(Asks):
    """Every word or phrase is in the answer."""

    words: list[str]

    def evaluate(self, ctx: Context) -> EvaluationReason:
        missing = [word for word in self.words if not _said(word, prose(ctx.output))]
        return _verdict(f"not mentioned: {', '.join(missing)}" if missing else "")


@dataclass
class NotMentions(Asks):
    """None of the words or phrases is anywhere in the answer, the fenced block included."""

    words: list[str]

    def evaluate(self, ctx: Context) -> EvaluationReason:
        text = ctx.output if isinstance(ctx.output, str) else prose(ctx.output)
        found = [word for word in self.words if _said(word, text)]
        return _verdict(f"mentioned: {', '.join(found)}" if found else "")


@dataclass
class Sentences(Asks):
    """The prose is neither empty nor long-winded."""

    at_most: int
    at_least: int = 1

    def evaluate(self, ctx: Context) -> EvaluationReason:
        count = len(sentences(prose(ctx.output)))
        fits = self.at_least <= count <= self.at_most
        return _verdict("" if fits else f"{count} sentences; {self.at_least} to {self.at_most} are asked for")


@dataclass
class TellsBeats(Asks):
    """The author's words of every beat are told (`agents.narrative.review.covers`), here or in what was released."""

    def evaluate(self, ctx: Context) -> EvaluationReason:
        told = f"{ctx.inputs.get('released', '')} {prose(ctx.output)}"
        says = [str(beat["says"]) for beat in _scene(ctx)["beats"] if beat.get("says")]
        if not says:
            return _verdict("no beat of the scene has words of an author")
        left = [text for text in says if not covers(told, text)]
        return _verdict(f"not told: {left[0][:120]}" if left else "")


@dataclass
class NoContradiction(Asks):
    """No sentence says what the scene knows to be false, by the gate's own reading (`agents.narrative.claims`).

    The scene says what is here, who is here and what is carried; the lists name what exists elsewhere in its world.
    """

    things: list[str] = field(default_factory=list[str])
    people: list[str] = field(default_factory=list[str])
    places: list[str] = field(default_factory=list[str])
    locked: dict[str, bool] = field(default_factory=dict[str, bool])

    def evaluate(self, ctx: Context) -> EvaluationReason:
        facts = self._facts(_scene(ctx))
        for sentence in sentences(prose(ctx.output)):
            if wrong := contradiction(sentence, facts):
                return _verdict(f"{wrong}: {sentence[:120]}")
        return _verdict("")

    def _facts(self, scene: dict[str, Any]) -> KnownFacts:
        kinds = {str(beat.get("kind")) for beat in scene["beats"]}
        carried = _bare(scene.get("carried", []))
        seen = carried | _bare(scene.get("items", []))
        present = _bare(person["name"] for person in scene.get("people", []))
        here = next(iter(_bare([scene.get("place", "")])))
        named = _bare(way["place"] for way in scene.get("exits", []) if "place" in way)
        doors = {way["door"]: bool(way.get("open")) for way in scene.get("exits", []) if "door" in way}
        return KnownFacts(
            carried=carried,
            seen=seen,
            things=seen | _bare(self.things),
            present=present,
            people=present | _bare(self.people),
            places=named | _bare(self.places) | {here},
            here=here,
            open={name: is_open for door, is_open in doors.items() for name in _bare([door])},
            locked={name: state for thing, state in self.locked.items() for name in _bare([thing])},
            moved="arrived" in kinds,
            won="won" in kinds,
            authored=" ".join(" ".join(str(beat.get("says", "")) for beat in scene["beats"]).lower().split()).replace(
                "’", "'"
            ),
        )


@dataclass
class SafeNarration(Asks):
    """The narration gate lets every sentence out."""

    def evaluate(self, ctx: Context) -> EvaluationReason:
        for sentence in sentences(prose(ctx.output)):
            verdict = _screen().narration(sentence)
            if verdict["action"] != "allow":
                rules = ", ".join(signal["id"] for signal in verdict["signals"])
                return _verdict(f"stopped by {rules or 'the gate'}: {sentence[:120]}")
        return _verdict("")


@dataclass
class JsonFits(Asks):
    """The answer is JSON of the prompt's schema."""

    def evaluate(self, ctx: Context) -> EvaluationReason:
        schema = ctx.attributes.get("schema")
        if not isinstance(schema, dict):
            return _verdict("the prompt has no schema")
        if isinstance(ctx.output, str):
            return _verdict("the answer is not JSON")
        return _verdict(misfit(ctx.output, cast("dict[str, Any]", schema)))


@dataclass
class Parses(Asks):
    """The command begins with a verb that the parser knows; or there is none, where a case allows or demands that."""

    empty: Literal["never", "may", "must"] = "never"

    def evaluate(self, ctx: Context) -> EvaluationReason:
        command = ctx.output.get("command") if isinstance(ctx.output, dict) else None
        if not isinstance(command, str):
            return _verdict("the answer holds no command")
        if self.empty == "must":
            return _verdict(f"no command is asked for, but: {command[:80]}" if command.strip() else "")
        if not command.strip():
            return _verdict("" if self.empty == "may" else "the command is empty")
        low = command.strip().lower()
        known = any(low == verb or low.startswith(f"{verb} ") for verb in _verbs(ctx))
        return _verdict("" if known else f"no verb begins: {command[:80]}")


EVALUATORS: tuple[type[Asks], ...] = (
    Mentions,
    NotMentions,
    Sentences,
    TellsBeats,
    NoContradiction,
    SafeNarration,
    JsonFits,
    Parses,
)
"""Every evaluator that a `cases.yaml` may name, besides those of pydantic-evals itself."""


def _scene(ctx: Context) -> dict[str, Any]:
    """Raises ValueError, which fails the case: what has nothing to look at must not pass."""
    scene = ctx.inputs.get("scene")
    if not isinstance(scene, dict) or not isinstance(scene.get("beats"), list):
        raise ValueError("the case has no scene with beats")
    return cast("dict[str, Any]", scene)


def _verbs(ctx: Context) -> set[str]:
    own = str(ctx.inputs.get("verbs", "")).split(",")
    words = {phrase for group in (VERBS, GESTURES) for phrases in group.values() for phrase in phrases}
    return {*words, *DIRECTIONS, *(verb.strip().lower() for verb in own if verb.strip())}


def _bare(names: Any) -> frozenset[str]:
    """Lower case, without articles, as facts are named."""
    return frozenset(re.sub(r"^(?:the|a|an|your|some) ", "", str(name).lower()) for name in names)


@cache
def _screen() -> Screen:
    return Screen.load()
