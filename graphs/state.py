"""The state of one turn: plain JSON data, bounded, and nothing that outlives the turn.

`begin` overwrites every key, because LangGraph keeps a thread's last values. History lives in story memory.
"""

from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from agents.services import Services
from agents.story import (
    Change,
    Choice,
    Exchange,
    Heard,
    Kind,
    Moment,
    Outcome,
    Tier,
    Turn,
    Usage,
    Value,
    Verdict,
)
from agents.world.scene import Scene
from agents.world.upgrade import Upgrade
from graphs.memory.protocol import StoryMemory
from graphs.memory.shapes import Scope
from graphs.trace import TraceLog

MAX_STATE = 32 * 1024
"""Bytes that the state may take as JSON; a test plays a thousand turns against it."""


class TurnState(TypedDict, total=False):
    """Keys are nouns; each is written by the node named beside it."""

    turn_id: str  # input
    branch: str  # input
    line: str  # input
    action: str  # input
    seed: int  # input
    screened: Verdict | None  # input: what the gate said before the turn was accepted
    heard: list[Heard] | None  # input: what the safety agent keeps in mind after this turn
    parent: str  # begin
    number: int  # begin
    slots: dict[str, Value]  # begin
    fitted: list[Change]  # begin: what brought the slots to the edition of the world that is played
    exchanges: list[Exchange]  # begin
    story_so_far: str  # begin
    focus: list[str]  # begin
    risk: Tier  # begin
    paused: bool  # begin
    verdicts: list[Verdict]  # begin, screen_action, narrate
    usage: Usage  # begin, resolve_action, narrate
    kind: Kind  # begin, screen_action
    memories: list[Moment]  # recall
    outcome: Outcome  # resolve_action
    changes: list[Change]  # resolve_action, settle_changes
    scene: Scene  # resolve_action
    interpreted: str  # resolve_action
    narration: str  # narrate, review_narration, crisis, check_in, refuse
    tail: dict[str, Any]  # narrate
    tail_fault: str  # narrate
    prompt: list[dict[str, str]]  # narrate
    left_out: list[dict[str, str]]  # narrate: what of memory did not bear a second look
    added: list[str]  # review_narration
    choices: list[Choice]  # settle_changes, crisis, check_in, refuse
    rejected: list[dict[str, str]]  # settle_changes
    turn: Turn  # commit


@dataclass(frozen=True, kw_only=True)
class TurnServices(Services):
    """What the graph's own steps need besides what agents call."""

    upgrades: list[Upgrade]
    memory: StoryMemory
    scope: Scope
    trace: TraceLog
