"""Steps of the turn that call no model: begin, recall, commit."""

from typing_extensions import TypedDict

from agents.errors import SessionPaused
from agents.services import Runtime
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
    apply_changes,
)
from agents.world.scene import goal_states
from agents.world.upgrade import fit
from agents.world.view import View
from graphs.memory.shapes import KEYFRAME, Commit
from graphs.state import TurnServices, TurnState

RECALLED = 4
"""Past moments that the narrator is reminded of."""


class BeginInput(TypedDict):
    turn_id: str
    branch: str
    action: str
    line: str
    seed: int


class RecallInput(TypedDict):
    action: str
    slots: dict[str, Value]


class RecallOutput(TypedDict):
    memories: list[Moment]


class CommitInput(TypedDict):
    turn_id: str
    exchanges: list[Exchange]
    branch: str
    line: str
    parent: str
    number: int
    kind: Kind
    action: str
    slots: dict[str, Value]
    fitted: list[Change]
    focus: list[str]
    outcome: Outcome
    changes: list[Change]
    narration: str
    choices: list[Choice]
    verdicts: list[Verdict]
    usage: Usage
    risk: Tier
    heard: list[Heard] | None


class CommitOutput(TypedDict):
    turn: Turn


async def begin(state: BeginInput, runtime: Runtime[TurnServices]) -> TurnState:
    """Loads all that the turn needs from story memory and overwrites what the thread's last turn left behind."""
    services = runtime.context
    position = await services.memory.position(services.scope, state["branch"])
    if position["paused"]:
        raise SessionPaused("The story is paused", cure="Go on with `resume` when you are ready.")
    fitted = fit(services.world, position["slots"], services.upgrades)
    return TurnState(
        parent=position["head"],
        number=position["number"] + 1,
        slots=apply_changes(position["slots"], fitted),
        fitted=fitted,
        exchanges=position["exchanges"],
        story_so_far=position["story_so_far"],
        focus=[] if fitted else position["focus"],  # it may mean what is no more
        risk=position["risk"],
        paused=position["paused"],
        verdicts=[],
        usage=Usage(calls=0, input_tokens=0, output_tokens=0),
        kind="story",
        memories=[],
        outcome=Outcome(status="done", verb="", beats=[], focus=[]),
        changes=[],
        narration="",
        tail={},
        tail_fault="",
        prompt=[],
        left_out=[],
        interpreted="",
        added=[],
        choices=[],
        rejected=[],
    )


async def recall(state: RecallInput, runtime: Runtime[TurnServices]) -> RecallOutput:
    """The past moments that fit the action and the place."""
    services = runtime.context
    view = View(services.world, state["slots"])
    named = [view.name(key) for key in view.people]
    query = " ".join([state["action"], view.location.name, *named])[:500]
    return RecallOutput(memories=list(await services.recall.recall(query, limit=RECALLED)))


async def commit(state: CommitInput, runtime: Runtime[TurnServices]) -> CommitOutput:
    """Keeps the turn, in one statement of story memory. A crisis, a check-in or a refusal moves no HEAD.

    Raises TurnCancelled where nothing of it is to stay; what answers a person at risk is always kept.
    """
    services = runtime.context
    if state["kind"] == "story":
        services.halt.close()
    turn = _turn(state, services)
    story = turn["kind"] == "story"
    after = apply_changes(state["slots"], turn["changes"])
    tiers: list[Tier] = [v["tier"] for v in turn["verdicts"] if v["gate"] == "action" and v["tier"] != "none"]
    stored = await services.memory.commit(
        services.scope,
        Commit(
            turn=turn,
            focus=state["outcome"]["focus"] if story else state["focus"],
            moments=_moments(state) if story else [],
            people=_people(state) if story else [],
            before=" ".join(f"{last['action']} {last['narration']}" for last in state["exchanges"][-1:]),
            slots=after if story and turn["number"] % KEYFRAME == 0 else None,
            risk=tiers[0] if tiers else None,
            heard=state.get("heard"),
            paused=True if turn["kind"] == "crisis" else None,
        ),
    )
    return CommitOutput(turn=stored)


def _turn(state: CommitInput, services: TurnServices) -> Turn:
    story = state["kind"] == "story"
    changes = [*state["fitted"], *state["changes"]] if story else []
    view = View(services.world, apply_changes(state["slots"], changes))
    return Turn(
        turn_id=state["turn_id"],
        session=services.scope.session,
        branch=state["branch"],
        line=state["line"],
        parent=state["parent"],
        number=state["number"] if story else state["number"] - 1,
        kind=state["kind"],
        # What a person in danger wrote is not kept: the verdict says enough (design.md, Safety).
        action=state["action"] if story else "",
        narration=state["narration"],
        choices=state["choices"],
        location=view.here,
        inventory=list(view.inventory),
        goals=goal_states(view),
        changes=changes,
        verdicts=state["verdicts"],
        usage=state["usage"],
        model=services.model,
        won=view.won,
        at=services.clock.now().isoformat(),
    )


def _moments(state: CommitInput) -> list[str]:
    """The author's words told in this turn are what is worth remembering; counting and looking are not."""
    told = [str(beat.get("says", "")) for beat in state["outcome"]["beats"] if beat["kind"] in _MEMORABLE]
    return [text[:400] for text in told if text][:4]


_MEMORABLE = frozenset({"told", "ruled", "gave", "consequence", "goal_done", "read", "met"})


def _people(state: CommitInput) -> list[str]:
    """Who took part: everybody with whom the turn's beats had to do."""
    return list(dict.fromkeys(who for beat in state["outcome"]["beats"] if (who := beat.get("names", {}).get("who"))))
