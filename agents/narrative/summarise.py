"""Summarise: what a chapter of a story came to, written by the session's model or, without one, told by rules.

Called after a turn is committed, never within it. A model's summary is kept only if nothing speaks against it: it is short,
passes the narration gate, says nothing that the world knows to be false, and names nobody and nothing that the chapter's
own turns did not. Whatever goes wrong, the rules' summary stands, and `fault` says why.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agents.models.storyteller.chapter import CHAPTER_CHARS, SO_FAR_CHARS, tell_chapter, tell_so_far
from agents.narrative.claims import KnownFacts, bare, contradiction, known_facts
from agents.narrative.happenings import Happening, find_happenings
from agents.narrative.rechecked import clear, why_not
from agents.prompts import Prompts, answering
from agents.safety.clean import count_of
from agents.safety.sentences import split_sentences
from agents.safety.telling import Telling
from agents.safety.topics import NO_TOPICS, Topics
from agents.story import Turn, Usage, Value
from agents.world.avoidance import leave_out
from agents.world.schema import World
from agents.world.view import View

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

NARRATION_CHARS = 240
"""Where each turn's narration is cut for the model: 32 turns are some 2,000 tokens."""

MAX_ANSWER = 8_000
"""Characters of an answer that are looked at."""


@dataclass(frozen=True)
class Stretch:
    """The turns that a chapter tells, oldest first, with what stood before and after them."""

    world: World
    number: int
    turns: Sequence[Turn]
    moments: Mapping[str, Sequence[str]]
    before: dict[str, Value]
    after: dict[str, Value]
    so_far: str
    """The summary of what came before; empty for the first chapter."""


@dataclass(frozen=True)
class Summary:
    text: str
    so_far: str
    source: Literal["model", "extract"]
    usage: Usage
    fault: str = ""
    """Why a model's summary was not taken; holds none of its words."""


class _UnfitError(Exception):
    """The model's summary cannot be kept; the message names the kind of fault."""


def extract(stretch: Stretch, topics: Topics = NO_TOPICS) -> Summary:
    """The summary by rules: the same turns give the same words, without those of topics that the player avoids."""
    text = leave_out(tell_chapter(_happenings(stretch)), topics)
    return Summary(text, leave_out(tell_so_far(stretch.so_far, text), topics), "extract", _no_usage())


async def summarise(
    stretch: Stretch, storyteller: "BaseChatModel", prompts: Prompts, telling: Telling, *, timeout_s: float
) -> Summary:
    """The model's summary within `timeout_s` seconds, else the rules'. Raises nothing but a cancellation."""
    usage = _no_usage()
    plain = extract(stretch, telling.topics)
    try:
        async with asyncio.timeout(timeout_s):
            answer = await _ask(stretch, storyteller, prompts, telling, usage)
        text, so_far = _read(answer)
        check = _Check(stretch, telling)
        check(text, CHAPTER_CHARS)
    except _UnfitError as error:
        return Summary(plain.text, plain.so_far, "extract", usage, str(error))
    except Exception as error:  # every vendor has its own tree; its text may quote the prompt, so only the type is told
        return Summary(plain.text, plain.so_far, "extract", usage, type(error).__name__)
    try:
        check(so_far, SO_FAR_CHARS)
    except _UnfitError as error:
        told = leave_out(tell_so_far(stretch.so_far, text), telling.topics)
        return Summary(text, told, "model", usage, f"so_far {error}")
    return Summary(text, so_far, "model", usage)


async def _ask(stretch: Stretch, storyteller: "BaseChatModel", prompts: Prompts, telling: Telling, usage: Usage) -> str:
    prompt = prompts.get("chapter")
    told = [f"{turn['number']}. {_cut(turn['narration'])}" for turn in stretch.turns if turn["kind"] == "story"]
    so_far, _ = clear(stretch.so_far, telling)
    happened = [each for each in _happenings(stretch) if not why_not(each.get("says", ""), telling)]
    told = [passage for passage in told if not why_not(passage, telling)]
    chapter: dict[str, Any] = {"number": stretch.number, "so_far": so_far, "happenings": happened}
    if telling.avoid:
        chapter["avoid"] = [*telling.avoid]
    messages = prompt.render(
        chapter=chapter,
        narrations="\n".join(told),
    )
    usage["calls"] += 1
    answer = await answering(storyteller, prompt).ainvoke(telling.leaks.mark(messages))
    counted: Any = getattr(answer, "usage_metadata", None) or {}
    usage["input_tokens"] += count_of(counted.get("input_tokens"))
    usage["output_tokens"] += count_of(counted.get("output_tokens"))
    return str(answer.text)


def _read(answer: str) -> tuple[str, str]:
    """`summary` and `story_so_far` of the answer. Raises _UnfitError."""
    found = re.search(r"\{.*\}", answer[:MAX_ANSWER], re.DOTALL)
    try:
        data: Any = json.loads(found[0]) if found else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise _UnfitError("garbage")
    texts = [data.get(key) for key in ("summary", "story_so_far")]
    text, so_far = (" ".join(each.split()) if isinstance(each, str) else "" for each in texts)
    if not text:
        raise _UnfitError("empty")
    return text, so_far


class _Check:
    """Whether a summary may be kept."""

    def __init__(self, stretch: Stretch, telling: Telling) -> None:
        happenings = _happenings(stretch)
        self._telling = telling
        self._facts = _facts(stretch, happenings)
        told = [stretch.so_far, *(turn["narration"] for turn in stretch.turns if turn["kind"] == "story")]
        known = " ".join([*told, *_words(happenings)]).lower()
        self._strangers = [name for name in _names(stretch.world) if not _said(name, known)]

    def __call__(self, text: str, limit: int) -> None:
        """Raises _UnfitError with the kind of fault."""
        if not text or len(text) > limit:
            raise _UnfitError("too long" if text else "empty")
        for part in (text, *split_sentences(text)):
            if not self._telling.allows(part):
                raise _UnfitError("unsafe")
        if any(contradiction(sentence, self._facts) for sentence in split_sentences(text)):
            raise _UnfitError("untrue")
        if any(_said(name, text.lower()) for name in self._strangers):
            raise _UnfitError("names what was not there")


def _facts(stretch: Stretch, happenings: Sequence[Happening]) -> KnownFacts:
    """What a summary may not contradict: the end of the chapter, and whom and what the player had to do with before."""
    view = View(stretch.world, stretch.after)
    facts = known_facts(view, moved=True, authored=())
    start = View(stretch.world, stretch.before)
    handled = {key for key in stretch.world.items if start.carries(key)}
    handled |= {
        c["subject"]
        for turn in stretch.turns
        for c in turn["changes"]
        if c["slot"].endswith(".in") and c["value"] == "player"
    }
    entered = {str(c["value"]) for turn in stretch.turns for c in turn["changes"] if c["slot"] == "player.in"}
    things = frozenset(bare(stretch.world.items[key].name) for key in handled if key in stretch.world.items)
    places = frozenset(bare(stretch.world.locations[key].name) for key in entered if key in stretch.world.locations)
    people = frozenset(bare(who) for h in happenings if (who := h.get("names", {}).get("who")))
    return KnownFacts(
        carried=facts.carried | things,
        seen=facts.seen | things,
        things=facts.things,
        present=facts.present | people,
        people=facts.people,
        places=facts.places - places,
        here=facts.here,
        open=facts.open,
        locked=facts.locked,
        moved=True,
        won=facts.won,
    )


def _happenings(stretch: Stretch) -> list[Happening]:
    return find_happenings(stretch.world, stretch.before, stretch.turns, stretch.moments)


def _names(world: World) -> Iterable[str]:
    """Everything of the world that has a name, in lower case and without its article."""
    for entity in (*world.characters.values(), *world.locations.values(), *world.items.values()):
        yield bare(entity.name)


def _words(happenings: Sequence[Happening]) -> Iterable[str]:
    for happening in happenings:
        yield from (happening["where"], *happening.get("names", {}).values(), happening.get("says", ""))


def _said(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= NARRATION_CHARS else plain[:NARRATION_CHARS].rsplit(" ", 1)[0] + " ..."


def _no_usage() -> Usage:
    return Usage(calls=0, input_tokens=0, output_tokens=0)
