"""The rules that a world's author wrote: which one answers a command, and what it does."""

from dataclasses import dataclass
from functools import lru_cache

from agents.story import apply_changes
from agents.world.beats import beat
from agents.world.language import run_effects
from agents.world.result import Result, refuse_as_told
from agents.world.schema import Rule, World
from agents.world.view import View
from agents.world.vocabulary import ARTICLES, GESTURES, PREPOSITIONS, VERBS


@dataclass(frozen=True)
class Pattern:
    """One `on:` line: a canonical verb and up to two ids (a direction counts as an id)."""

    verb: str
    ids: tuple[str, ...]


class PatternFault(ValueError):
    """An `on:` line that no command could ever match."""


@lru_cache(maxsize=4096)
def _canonical(phrase: str) -> str:
    for group in (VERBS, GESTURES):
        for verb, spellings in group.items():
            if phrase in spellings:
                return verb
    return ""


def parse_pattern(text: str, world: World) -> Pattern:
    """Raises PatternFault for an unknown verb or more than two ids."""
    words = text.split()
    for n in range(min(3, len(words)), 0, -1):
        phrase = " ".join(words[:n])
        verb = phrase if phrase in world.verbs else _own_verb(phrase, world) or _canonical(phrase)
        if verb:
            ids = tuple(w for w in words[n:] if w not in PREPOSITIONS and w not in ARTICLES)
            if len(ids) > 2:
                raise PatternFault(f"'{text}' names more than two things")
            return Pattern(verb, ids)
    raise PatternFault(f"'{text}' begins with no known verb; add it under 'verbs:' or use a built-in one")


def _own_verb(phrase: str, world: World) -> str:
    return next((verb for verb, spellings in world.verbs.items() if phrase in spellings), "")


def matching_rules(view: View, verb: str, ids: tuple[str, ...]) -> list[tuple[str, Rule]]:
    """The rules whose pattern fits the command here, in the author's order."""
    return [
        (key, rule)
        for key, rule in view.world.rules.items()
        if (not rule.here or view.here in rule.here) and any(_fits(view, line, verb, ids) for line in rule.on)
    ]


def _fits(view: View, line: str, verb: str, ids: tuple[str, ...]) -> bool:
    pattern = parse_pattern(line, view.world)
    if pattern.verb != verb:
        return False
    if pattern.ids == ids or (verb == "use" and tuple(reversed(pattern.ids)) == ids):
        return True
    if len(pattern.ids) == 1 and len(ids) == 2:
        return pattern.ids[0] == ids[0] and verb not in ("use", "give", "put")
    # `light lamp` for `light lamp with matches`: the tool in the hand, or the only thing meant, goes without saying.
    return (
        len(pattern.ids) == 2
        and len(ids) == 1
        and pattern.ids[0] == ids[0]
        and verb not in ("give", "put", "examine")
        and (view.carries(pattern.ids[1]) or pattern.ids[1] in [*view.items_here, *view.people])
    )


def answer(view: View, verb: str, ids: tuple[str, ...]) -> Result | None:
    """The first matching rule with its conditions fulfilled; else a matching rule's `otherwise`; else nothing."""
    fallback: Result | None = None
    for key, rule in matching_rules(view, verb, ids):
        times = view.count(key, "ruled")
        if rule.once and times:
            continue
        if not view.holds(rule.when):
            if fallback is None and (says := view.first_said(rule.otherwise)):
                fallback = refuse_as_told(view, key, "otherwise", says, list(ids))
            continue
        because = f"rule:{key}"
        says, times, counted = view.telling(key, "ruled", [rule.says, *rule.again], because)
        changes = [*counted, *run_effects(rule.effects, apply_changes(dict(view.slots), counted), because)]
        entities = [i for i in ids if view.entity(i)]
        return Result([beat("ruled", says=says, times=times)], changes, entities)
    return fallback
