"""Hard facts against prose: does a sentence say what the world knows to be false?

Only claims that can be read with certainty are judged: about things and people by name, outside quotation marks (a
character may be mistaken; the narrator may not). The author's own words are never judged.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.world.view import View

_SPEECH = r"(?:says?|asks?|replies|answers|whispers|murmurs|mutters|calls|shouts|nods|smiles|laughs|shrugs|tells you)"
_TAKE = r"(?:take|took|pick up|picked up|grab|pocket|seize|collect)"
_HOLD = r"(?:hold|carry|are holding|are carrying|have got|clutch|wear)"
_LIE = r"(?:is|are|lies|lie|stands|hangs|sits|rests) (?:here|nearby|close by|within reach|before you|at your feet)"
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”")
_WALK = re.compile(r"\byou (?:go|walk|head|climb|step|move|run) (?:to the )?(north|south|east|west|up|down)\b", re.I)
_STATE = {"open": True, "wide open": True, "ajar": True, "closed": False, "shut": False}
_LOCK = {"locked": True, "unlocked": False}
_WON = re.compile(r"\b(?:you have won|you win|the end\.|game over|the story is over)", re.I)


@dataclass(frozen=True)
class KnownFacts:
    """What a narration of this scene may not contradict. Names are lower case, without articles."""

    carried: frozenset[str]
    seen: frozenset[str]
    things: frozenset[str]
    present: frozenset[str]
    people: frozenset[str]
    places: frozenset[str]
    here: str
    open: dict[str, bool] = field(default_factory=dict[str, bool])
    locked: dict[str, bool] = field(default_factory=dict[str, bool])
    moved: bool = False
    won: bool = False
    authored: str = ""
    """All words of authors in this scene: a sentence found in them is true by definition."""


def known_facts(view: View, *, moved: bool, authored: Iterable[str]) -> KnownFacts:
    """The facts of a state, after the changes of the action."""
    items = view.world.items
    sight = [*view.items_here, *view.items_carried]
    return KnownFacts(
        carried=frozenset(bare(items[k].name) for k in items if view.carries(k)),
        seen=frozenset(bare(items[k].name) for k in sight),
        things=frozenset(bare(item.name) for item in items.values()),
        present=frozenset(bare(view.world.characters[k].name) for k in view.people),
        people=frozenset(bare(c.name) for c in view.world.characters.values()),
        places=frozenset(bare(p.name) for p in view.world.locations.values()),
        here=bare(view.location.name),
        open={bare(items[k].name): view.is_open(k) for k in sight if items[k].openable or items[k].door},
        locked={bare(items[k].name): bool(view.get(k, "locked")) for k in sight if items[k].lockable},
        moved=moved,
        won=view.won,
        authored=_plain(" ".join(authored)),
    )


def contradiction(sentence: str, facts: KnownFacts) -> str:
    """The fact that the sentence gets wrong, as `kind:name`; empty when it gets none wrong."""
    plain = _plain(sentence)
    if plain and plain in facts.authored:
        return ""
    text = _QUOTED.sub('""', sentence)
    low = _plain(text)
    for check in (_speakers, _holdings, _presences, _states, _journeys):
        if wrong := check(low, facts):
            return wrong
    return "won:story" if _WON.search(text) and not facts.won else ""


def _speakers(low: str, facts: KnownFacts) -> str:
    for name in facts.people - facts.present:
        if re.search(rf"\b{re.escape(name)} {_SPEECH}\b|\b{_SPEECH} {re.escape(name)}\b", low):
            return f"speaks:{name}"
    return ""


def _holdings(low: str, facts: KnownFacts) -> str:
    for name in facts.things - facts.carried:
        if name in low and re.search(
            rf"\byou (?:{_TAKE}|{_HOLD}) (?:the |a |an |your |some )?{re.escape(name)}\b", low
        ):
            return f"holds:{name}"
    return ""


def _presences(low: str, facts: KnownFacts) -> str:
    for name in facts.things - facts.seen:
        if name in low and re.search(rf"(?<![\w-]){re.escape(name)} {_LIE}", low):
            return f"present:{name}"
    for name in facts.people - facts.present:
        if name in low and re.search(rf"\b{re.escape(name)} {_LIE}", low):
            return f"present:{name}"
    return ""


def _states(low: str, facts: KnownFacts) -> str:
    for table, words, kind in ((facts.open, _STATE, "open"), (facts.locked, _LOCK, "locked")):
        for name, actual in table.items():
            found = re.search(rf"\b{re.escape(name)} (?:is|are|stands|hangs) (?:now |still |already )?(\w+)", low)
            if found and found[1] in words and words[found[1]] != actual:
                return f"{kind}:{name}"
    return ""


def _journeys(low: str, facts: KnownFacts) -> str:
    if not facts.moved and (found := _WALK.search(low)):
        return f"goes:{found[1]}"
    for place in facts.places - {facts.here}:
        if re.search(
            rf"\byou (?:are|stand|arrive|find yourself) (?:now |back )?(?:in|at|on) (?:the )?{re.escape(place)}\b", low
        ):
            return f"place:{place}"
    return ""


def bare(name: str) -> str:
    """A name in lower case, without its article."""
    return re.sub(r"^(?:the|a|an|your|some) ", "", name.lower())


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.lower().replace("’", "'")).strip()
