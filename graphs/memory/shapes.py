"""What story memory takes and gives: plain JSON data with names, and what a commit writes."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from typing_extensions import TypedDict

from agents.characters import Protagonist
from agents.story import Exchange, Heard, Tier, Turn, Usage, Value

KEYFRAME = 32
"""Turns between two stored snapshots: at most this many turns are read to rebuild the slots of any turn."""

EXCHANGES = 3
"""How many earlier turns `position` brings along for the narrator."""


@dataclass(frozen=True)
class Scope:
    """Whose story. Every statement carries both; ids of two tenants may be equal without meeting."""

    tenant: str
    session: str


class Session(TypedDict):
    """One player's play of a world. Safety state and settings belong here: undo does not touch them."""

    session: str
    tenant: str
    player: str
    title: str
    world: str
    world_version: int
    fingerprint: str
    """SHA-256 of the pinned world text."""
    model: str
    seed: int
    branch: str
    """The branch that is played now."""
    risk: Tier
    paused: bool
    created: str
    avoid: list[str]
    """Topics that the player has asked to leave out, in the player's words."""
    character: Protagonist | None
    """Whom the player is, as it was said when the session began."""
    played: str
    """When the last turn was committed: ISO 8601, UTC."""


class Edition(NamedTuple):
    """What a session keeps of its world."""

    version: int
    fingerprint: str
    text: str


class Branch(TypedDict):
    name: str
    head: str
    """turn_id of HEAD; the root's id is `root`."""
    number: int
    line: str
    """The line that the next turn belongs to; empty when the next turn starts a new line (after undo or fork)."""
    active: bool
    created: str


class Position(TypedDict):
    """Where a branch stands: all that a turn needs to begin."""

    branch: str
    head: str
    number: int
    line: str
    slots: dict[str, Value]
    exchanges: list[Exchange]
    """The last EXCHANGES turns of this branch, oldest first, narrations cut to 600 characters."""
    focus: list[str]
    choices: list[str]
    risk: Tier
    heard: list[Heard]
    """What the session's safety agent keeps in mind: the session's, whichever branch is played."""
    paused: bool
    story_so_far: str
    """What the newest closed chapter of this branch says of everything up to turn `closed`; empty before the first."""
    closed: int
    """The number of the turn with which that chapter ends; 0 before the first."""


class Chapter(TypedDict):
    """What the KEYFRAME turns that end with a keyframe turn came to. Hangs on that turn: lines that share it share this."""

    turn_id: str
    """The keyframe turn's."""
    number: int
    """Counted from 1."""
    first: int
    last: int
    """The numbers of its first and its last turn."""
    text: str
    """What happened in these turns, at most 600 characters."""
    so_far: str
    """What happened from the beginning up to here, at most 1,200 characters, however long the story."""
    source: Literal["model", "extract"]
    """Who wrote the text: the session's model, or rules that tell what changed."""
    model: str
    usage: Usage
    at: str
    """When it was closed: ISO 8601, UTC."""


class OpenChapter(TypedDict):
    """What a chapter is to be made of."""

    turn_id: str
    number: int
    turns: list[Turn]
    """Oldest first."""
    moments: dict[str, list[str]]
    """turn_id -> the sentences that the turn was committed with; turns without any are left out."""
    before: dict[str, Value]
    after: dict[str, Value]
    """The slots before the first of the turns and after the last."""
    so_far: str
    """That of the chapter before; empty where there is none."""


@dataclass(frozen=True)
class Commit:
    """What `commit` writes. `turn` is complete but for nothing; `parent` is the HEAD that the turn was played on."""

    turn: Turn
    focus: list[str]
    moments: list[str]
    """Sentences worth remembering (at most 4), indexed for recall together with the action and the narration."""
    slots: dict[str, Value] | None = None
    """All slots after the turn, given every KEYFRAME turns (when `number % KEYFRAME == 0`); without them, the memory
    takes its last snapshot and the changes since, which is the same unless the world was changed otherwise."""
    people: list[str] = field(default_factory=list[str])
    """Names of those who took part (at most 16 are kept): a question that names one of them finds the turn sooner."""
    before: str = ""
    """The text of the turn before: an answer is found by the words of what it answers, too."""
    risk: Tier | None = None
    """Raises the session's risk (never lowers it)."""
    heard: list[Heard] | None = None
    """What the session's safety agent keeps in mind from now on; without it, what it kept before."""
    paused: bool | None = None
