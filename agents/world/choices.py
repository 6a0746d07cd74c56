"""What the player could do next: two to five suggestions that the rules know to be possible."""

import random

from agents.story import Choice
from agents.world.parse import parse, parse_offer
from agents.world.resolve import perform
from agents.world.verbs.handling import can_take
from agents.world.view import View, is_bookkeeping

MOST = 5
FEWEST = 2


def suggest(view: View, *, number: int, seed: int) -> list[Choice]:
    """Two to five choices, different kinds first, the same for the same state and seed."""
    chance = random.Random(f"{seed}:{number}:{view.here}")
    groups = [_speak(view), _new_things(view), _ways(view), _takeable(view)]
    for group in groups:
        chance.shuffle(group)
    # What was offered and not taken up rests for a while, so that no offer stands there turn after turn.
    awake = [[text for text in group if _is_awake(text, number)] for group in groups]
    picked = [found for group in awake if (found := next((t for t in group if is_worthwhile(view, t)), ""))]
    for text in [*(text for group in (*groups[1:], groups[0]) for text in group), *_rest(view)]:
        if len(picked) >= FEWEST + 1:
            break
        if text not in picked and is_worthwhile(view, text):
            picked.append(text)
    return [choice(text) for text in picked[:MOST]]


def _is_awake(text: str, number: int) -> bool:
    return random.Random(f"{text}:{number // _SPELL}").random() < _AWAKE


_SPELL, _AWAKE = 2, 0.6
"""An offer stands for so many turns, and returns in this share of the spells."""


def possible(view: View, text: str) -> bool:
    """Whether the rules would do it now: nobody is offered what would be refused."""
    return all(perform(view, command, []).status == "done" for command in parse_offer(text, view.world))


def is_worthwhile(view: View, text: str) -> bool:
    """Whether it can be done and would come to something that it has not come to before."""
    done = [perform(view, command, []) for command in parse_offer(text, view.world)]
    if any(result.status != "done" for result in done):
        return False
    stale = any(item["kind"] == "ruled" and item.get("times") for result in done for item in result.beats)
    return not stale or any(not is_bookkeeping(c["relation"]) for result in done for c in result.changes)


def choice(text: str) -> Choice:
    """A choice whose label is the action with a capital."""
    return Choice(text=text, label=text[:1].upper() + text[1:])


def playable(view: View, text: str) -> bool:
    """Whether a suggested action (a model's, say) begins with a verb that this world understands."""
    return all(command.verb != "unknown" for command in parse(text, view.world))


def merge(view: View, offered: list[str], number: int, seed: int) -> list[Choice]:
    """A narrator's choices that can be played, filled up with the rules' own."""
    kept = [choice(text.strip()[:80]) for text in offered if text.strip() and playable(view, text.strip()[:80])][:3]
    have = {item["text"].lower() for item in kept}
    return [*kept, *(c for c in suggest(view, number=number, seed=seed) if c["text"].lower() not in have)][:MOST]


def _speak(view: View) -> list[str]:
    said: list[str] = []
    for who in view.people:
        character = view.world.characters[who]
        if not view.count(who, "met"):
            said.append(f"talk to {character.name}")
            continue
        for name, topic in character.topics.items():
            if not view.count(who, f"told_{name}") and view.holds(topic.when):
                said.append(f"ask {character.name} about {view.topic_name(who, name)}")
    return said


def _new_things(view: View) -> list[str]:
    """One offer a thing: to look at it, and once that is done, to read what stands on it."""
    offers: list[str] = []
    for key in [*view.listed_here(), *view.inventory]:
        if not view.count(key, "seen"):
            offers.append(f"examine {view.name(key)}")
        elif view.world.items[key].read is not None and not view.count(key, "told_read"):
            offers.append(f"read {view.name(key)}")
    details = [f"examine {view.detail_name(d)}" for d in view.details if not view.get(view.here, f"told_{d}")]
    return [*offers, *details]


def _ways(view: View) -> list[str]:
    open_ways = [(d, way) for d, way in view.exits.items() if view.passable(way)]
    new = [f"go {d}" for d, way in open_ways if not view.count(way.to, "visits")]
    return new or [f"go {d}" for d, _ in open_ways]


def _takeable(view: View) -> list[str]:
    """Things never taken; what was put down was put down for a reason."""
    return [
        f"take {view.name(key)}" for key in view.listed_here() if can_take(view, key) and not view.get(key, "moved")
    ]


def _rest(view: View) -> list[str]:
    del view
    return ["look around", "wait", "goals"]
