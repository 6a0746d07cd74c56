"""The words that the whole house shares: plain JSON data with names.

Everything here travels through the graph's state, the stores and the API unchanged, so these are `TypedDict`s and not
classes: LangGraph's serializer, Cypher parameters and `json.dumps` take them as they are.
"""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

Value = bool | int | str | None
"""What a slot of the world can hold. `None` means that nothing holds there (any longer)."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

Tier = Literal["none", "check_in", "crisis"]
Kind = Literal["story", "check_in", "crisis", "refused"]
"""What a turn turned out to be. Only `story` turns move HEAD; the others are kept beside the branch."""

MAX_ACTION = 2_000
"""Longest action in characters. A longer one is screened for danger first and then turned away."""

FOREVER = 2**53
"""The open end of a fact's life, in turns. Not null, so that range filters stay in the index (exact in a double)."""


class Change(TypedDict):
    """One slot of the world that a turn sets. `value` None empties the slot."""

    slot: str
    subject: str
    relation: str
    value: Value
    because: str
    """Who says so: `verb:take`, `rule:light_lamp`, `consequence:tide`, `goal:home`, `narration`."""


class Fact(TypedDict):
    """A slot's value and the stretch of turns for which it holds: from `since` up to, but not including, `until`."""

    slot: str
    subject: str
    relation: str
    value: Value
    since: int
    until: int
    turn_id: str
    because: str


class Signal(TypedDict):
    """One reason for a verdict. Holds the rule's name, never the player's words."""

    source: Literal["rule", "classifier", "judge", "limit", "fact"]
    id: str
    category: str
    confidence: float


class Verdict(TypedDict):
    """What a safety gate decided on one text. `signal_level` is an ordering for routing, not a clinical score."""

    gate: Literal["action", "narration"]
    tier: Tier
    action: Literal["allow", "refuse", "check_in", "crisis", "rewrite"]
    categories: list[str]
    signals: list[Signal]
    signal_level: int


class Heard(TypedDict):
    """Something a player said that was no danger by itself, kept with the session for what may follow it."""

    text: str
    age: int
    """Actions since then."""


class Choice(TypedDict):
    """Something that the player can do next. `text` is an action as a player would type it."""

    text: str
    label: str


class Exchange(TypedDict):
    """An earlier turn as the narrator is reminded of it."""

    number: int
    action: str
    narration: str


class Moment(TypedDict):
    """A past moment that recall brought back, with the reason why and its score."""

    turn_id: str
    number: int
    text: str
    reason: str
    score: float


class Beat(TypedDict):
    """One thing that happened in a turn, as the rules of the world decided it. The narrator tells beats, no more.

    `kind` names what happened (`took`, `arrived`, `told`, `refused`, ...: `agents/world/beats.py` lists them),
    `says` is an author's text that must be told word for word, the rest are the names needed to tell it.
    """

    kind: str
    says: NotRequired[str]
    times: NotRequired[int]
    """How often this has happened before, so that a second telling can differ from the first."""
    names: NotRequired[dict[str, str]]
    listed: NotRequired[list[str]]


class Outcome(TypedDict):
    """What the world-state agent made of an action."""

    status: Literal["done", "refused", "unclear", "unknown"]
    verb: str
    beats: list[Beat]
    focus: list[str]
    """The ids spoken of last, so that `it` and `her` can be understood in the next turn."""


class GoalState(TypedDict):
    id: str
    title: str
    done: bool
    optional: bool


class Usage(TypedDict):
    """What the turn asked of language models. Tokens are the model's own count where it gives one, else 0."""

    calls: int
    input_tokens: int
    output_tokens: int


class Turn(TypedDict):
    """One finished turn, as it is stored, shown, replayed and exported."""

    turn_id: str
    session: str
    branch: str
    line: str
    parent: str
    number: int
    """Depth below the root: what a person calls the turn. Nothing is keyed by it."""
    kind: Kind
    action: str
    narration: str
    choices: list[Choice]
    location: str
    inventory: list[str]
    goals: list[GoalState]
    changes: list[Change]
    verdicts: list[Verdict]
    usage: Usage
    model: str
    won: bool
    at: str
    """When it was committed: ISO 8601, UTC."""


def slot_of(subject: str, relation: str, member: str | None = None) -> str:
    """The key of a functional slot, or of one member of a set-valued relation."""
    return f"{subject}.{relation}" if member is None else f"{subject}.{relation}={member}"


def change(subject: str, relation: str, value: Value, because: str, *, member: str | None = None) -> Change:
    """A change of one slot; give `member` for a set-valued relation, with `value` None to take the member out."""
    return Change(
        slot=slot_of(subject, relation, member), subject=subject, relation=relation, value=value, because=because
    )


def apply_changes(slots: dict[str, Value], changes: list[Change]) -> dict[str, Value]:
    """The slots after the changes, in order; the argument is left as it was."""
    after = dict(slots)
    for item in changes:
        if item["value"] is None:
            after.pop(item["slot"], None)
        else:
            after[item["slot"]] = item["value"]
    return after
