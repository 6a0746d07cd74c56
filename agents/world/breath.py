"""A breath of the place: small things that are always true there, each told once, then left alone.

What was told is counted in the world's slots, so that it follows undo and fork like everything else. A place that has
said all its own keeps still: silence bores less than an echo. Long afterwards it may begin again.
"""

import random

from agents.story import Change, Outcome, apply_changes, change
from agents.world.language import PLAYER
from agents.world.view import View

QUIET = frozenset({"inventory", "goals", "hint", "help", "unclear", "won", "technique", "heard", "refused", "unknown"})
"""Beats after which a texture would only be in the way."""

_IDLE = frozenset({"waited", "gestured"})
_SPEECH = frozenset({"told", "met", "unsure"})
_TOLD = "told_textures"

SILENCE = 250
"""Turns before a place begins anew: about how long a reader takes to forget a passing phrase."""


def draw_breath(view: View, outcome: Outcome, seed: int) -> tuple[list[str], list[Change]]:
    """None, one or two clauses to tell after the beats of turn `view.now`, and the changes that count them.

    Always after waiting, never behind a refusal or a feeling, else in half of the turns, by the seed.
    """
    kinds = {beat["kind"] for beat in outcome["beats"]}
    chance = random.Random(f"{seed}:{view.now}:breath")
    if kinds & QUIET or not (kinds & _IDLE or chance.random() < 0.5):
        return [], []
    sources = _sources(view, kinds, chance)
    wanted, told, changes = 2 if "waited" in kinds or chance.random() < 0.4 else 1, list[str](), list[Change]()
    for subject, lines in sources:
        view = View(view.world, apply_changes(dict(view.slots), changes), view.now)
        line, counted = _next(view, subject, lines, seed)
        if line and len(told) < wanted:
            told.append(line)
            changes += counted
    return told, changes


def _sources(view: View, kinds: set[str], chance: random.Random) -> list[tuple[str, list[str]]]:
    """Whose lines may be told, in the order in which they are asked: somebody here, the place, the world at large."""
    people = [] if kinds & _SPEECH else [(key, view.said(view.world.characters[key].gestures)) for key in view.people]
    chance.shuffle(people)
    about = [(view.here, view.location.textures), (PLAYER, view.world.tone.textures)]
    if chance.random() < 0.4:
        about.reverse()
    return [*people[:1], *about] if chance.random() < 0.5 else [*about, *people[:1]]


def _next(view: View, subject: str, lines: list[str], seed: int) -> tuple[str, list[Change]]:
    """The subject's next line in its order of this story, or nothing while all of them are still remembered."""
    times, last = view.count(subject, _TOLD), view.count(subject, f"{_TOLD}_at")
    if not lines or (times and times % len(lines) == 0 and view.now - last < SILENCE):
        return "", []
    order = random.Random(f"{seed}:{subject}").sample(lines, len(lines))
    counted = [
        change(subject, _TOLD, times + 1, "verb:notice"),
        change(subject, f"{_TOLD}_at", view.now, "verb:notice"),
    ]
    return order[times % len(lines)], counted
