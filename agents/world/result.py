"""What one command comes to, before the turn adds them up."""

import re
from dataclasses import dataclass, field
from typing import Literal

from agents.story import Beat, Change
from agents.world.acquaintance import is_described, known_person, known_thing
from agents.world.beats import beat, refused
from agents.world.echo import noun_of
from agents.world.nouns import Found, people_fitting
from agents.world.view import View
from agents.world.vocabulary import PRONOUNS

Status = Literal["done", "refused", "unclear", "unknown"]
_WORSE: tuple[Status, ...] = ("done", "refused", "unclear", "unknown")


@dataclass
class Result:
    """Beats to tell, changes to make, what was spoken of, and, if a question was asked, the command it belongs to."""

    beats: list[Beat] = field(default_factory=list[Beat])
    changes: list[Change] = field(default_factory=list[Change])
    focus: list[str] = field(default_factory=list[str])
    status: Status = "done"
    asked: str = ""
    """The player's command with `{}` where the unclear phrase stood."""

    def join(self, other: "Result") -> "Result":
        """This result followed by another; the worse status stays."""
        status = self.status if _WORSE.index(self.status) >= _WORSE.index(other.status) else other.status
        return Result(
            [*self.beats, *other.beats],
            [*self.changes, *other.changes],
            [*other.focus, *self.focus],
            status,
            other.asked or self.asked,
        )


def refuse(why: str, *, focus: list[str] | None = None, says: str = "", **names: str) -> Result:
    """A result that changes nothing; `says` is the author's own reason."""
    made = refused(why, **names)
    if says:
        made["says"] = says
    return Result([made], focus=focus or [], status="refused")


def refuse_as_told(view: View, subject: str, what: str, says: str, focus: list[str], why: str = "ruled_out") -> Result:
    """An author's reason in full; where the same was given a moment ago, only how it begins."""
    relation = f"told_no_{what}_{len(says)}"
    full, _, counted = view.telling(subject, relation, [says], f"rule:{subject}", REMINDED)
    refusal = refuse(why, says=full or _beginning(says), focus=focus)
    refusal.changes = counted
    return refusal


def _beginning(text: str) -> str:
    """The first sentence, and more while it is too short to mean anything by itself."""
    kept = ""
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        kept = f"{kept} {sentence}".strip()
        if len(kept.split()) >= _TELLING:
            break
    return kept


_TELLING = 5
REMINDED = 20
"""Turns after which the reason why something cannot be done is given again in full."""


def ask_which(view: View, found: Found, raw: str) -> Result:
    """The question `which one?`. The next line may answer it with a word."""
    names = [view.name(key) for key in found.asked]
    pending = raw.lower().replace(found.phrase.lower(), "{}", 1) if found.phrase.lower() in raw.lower() else ""
    return Result(
        [beat("unclear", phrase=found.phrase.strip(), listed=names)], focus=found.asked, status="unclear", asked=pending
    )


def missing(view: View, found: Found, said: str) -> Result:
    """For a phrase that names nothing in sight: either no phrase at all, or an unknown one."""
    phrase = found.phrase.strip()
    if not phrase:
        return refuse("what", verb=said)
    if phrase.lower() in PRONOUNS:
        return _unmeant(view, phrase, said)
    if who := known_person(view, phrase):
        return refuse("away", who=view.name(who))
    if thing := known_thing(view, phrase):
        if holder := view.holder(thing):
            return refuse("has_it", thing=view.name(thing), who=view.name(holder))
        return refuse("out_of_sight", thing=view.name(thing))
    noun = noun_of(phrase)
    if is_described(view, noun):
        return refuse("described")
    return refuse("not_here", phrase=noun) if noun else refuse("what", verb=said)


def _unmeant(view: View, pronoun: str, said: str) -> Result:
    """For a pronoun that means nothing in sight: it fits nobody who is here, or more than one."""
    if PRONOUNS[pronoun.lower()] == "thing":
        return refuse("what_it", phrase=pronoun)
    if not view.people:
        return refuse("nobody_here", verb=said)
    fitting = people_fitting(view, pronoun.lower())
    result = refuse("who", verb=said) if fitting else refuse("fits_nobody", phrase=pronoun)
    result.beats[0]["listed"] = [view.name(key) for key in fitting or view.people]
    return result
