"""Sessions: one player's play of a world. Creating pins the world, so that an edited file changes no running story."""

import re
from datetime import datetime

from agents.characters import Protagonist
from agents.errors import InvalidInput
from agents.models.storyteller import tell
from agents.models.storyteller.chapter import tell_chapter
from agents.narrative.happenings import find_happenings
from agents.safety.clean import clean
from agents.safety.sentences import split_sentences
from agents.safety.topics import topics_of
from agents.story import Turn, Usage, Value
from agents.world.avoidance import leave_out
from agents.world.choices import suggest
from agents.world.load import Source
from agents.world.scene import goal_states
from agents.world.schema import World
from agents.world.verbs.looking import placed_lines
from agents.world.view import View, initial_slots, is_bookkeeping
from graphs.memory.shapes import Position, Session

ROOT = "root"
MAIN = "main"
LONGEST_TITLE = 120
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What a session or a player may be called by, whole."""


def check_id(value: str, kind: str) -> str:
    """The id, if it is one: 1 to 64 letters, digits, `-` and `_`. Raises InvalidInput."""
    if not ID.fullmatch(value):
        raise InvalidInput(f"'{value[:40]}' is no {kind}", cure="Use 1 to 64 letters, digits, - and _.")
    return value


def check_title(title: str) -> str:
    """The title, trimmed, if a terminal can bear it: to be seen, on one line, at most 120 long. Raises InvalidInput."""
    plain = title.strip()
    on_one_line = clean(plain) == plain and not re.search(r"[\t\n\u2028\u2029]", plain)
    seen = not plain or any(each.isprintable() and not each.isspace() for each in plain)
    if len(plain) > LONGEST_TITLE or not (on_one_line and seen):
        raise InvalidInput(
            "That is no title", cure=f"Use one line of at most {LONGEST_TITLE} characters that can be seen."
        )
    return plain


def new_session(
    source: Source,
    *,
    session: str,
    tenant: str,
    player: str,
    model: str,
    seed: int,
    title: str,
    now: datetime,
    avoid: list[str],
    character: Protagonist | None,
) -> Session:
    """The record of a session that is about to begin."""
    return Session(
        session=check_id(session, "session id"),
        tenant=tenant,
        player=check_id(player, "player id"),
        title=title or source.world.title,
        world=source.world.world,
        world_version=source.world.version,
        fingerprint=source.fingerprint,
        model=model,
        seed=seed,
        branch=MAIN,
        risk="none",
        paused=False,
        created=now.isoformat(),
        avoid=avoid,
        character=character,
        played=now.isoformat(),
    )


def opening_slots(world: World, *, techniques: bool) -> dict[str, Value]:
    """The slots of a story at its root: as the author placed everything, with the first place already seen."""
    slots = {**initial_slots(world), f"{world.start}.visits": 1}
    return {**slots, "player.techniques": True} if techniques else slots


def opening_turn(session: Session, world: World, slots: dict[str, Value]) -> Turn:
    """The root of a story: its opening and the first place, in the author's words. No model is asked."""
    topics = topics_of(tuple(session["avoid"]))
    view = View(world, slots)
    listed = [view.a_name(k) for k in view.listed_here() if not world.items[k].placed]
    arrived = {"kind": "arrived", "says": _first_place(view), "listed": listed, "names": {"place": view.location.name}}
    place = tell({"beats": [arrived], "turn": 0, "seed": session["seed"]})
    return Turn(
        turn_id=ROOT,
        session=session["session"],
        branch=MAIN,
        line=MAIN,
        parent="",
        number=0,
        kind="story",
        action="",
        narration=leave_out(f"{world.opening.strip()}\n\n{place}", topics),
        choices=[each for each in suggest(view, number=0, seed=session["seed"]) if not topics.find(each["text"])],
        location=view.here,
        inventory=list(view.inventory),
        goals=goal_states(view),
        changes=[],
        verdicts=[],
        usage=Usage(calls=0, input_tokens=0, output_tokens=0),
        model=session["model"],
        won=False,
        at=session["created"],
    )


def _first_place(view: View) -> str:
    return " ".join([view.location.description, *placed_lines(view)])


def recap(world: World, position: Position, turns: list[Turn], so_far: str = "") -> str:
    """A few plain sentences for somebody who comes back: what happened last, where they are, what is still open.

    `turns` are the latest, newest first. What happened is the last turn that changed something: a look or a refusal is
    no news. `so_far` is the story of a longer one; it makes a paragraph of its own.
    """
    view = View(world, position["slots"])
    happened = next((turn for turn in turns if turn["narration"] and _is_news(turn)), None)
    lines = [f"When you left off: {_ending(happened['narration'])}"] if happened else []
    if position["number"]:
        company = [view.name(key) for key in view.people]
        lines.append(f"You are {view.whereabouts}{', with ' + _and(company) if company else ''}.")
    if carried := [view.a_name(key) for key in view.inventory]:
        lines.append(f"You have {_and(carried)} with you.")
    still = [goal.title for key, goal in world.goals.items() if not view.get(key, "done") and not goal.optional]
    if still:
        lines.append(f"What you had in mind: to {still[0][:1].lower()}{still[0][1:]}.")
    told = " ".join(lines)
    return f"The story so far: {so_far}\n\n{told}" if so_far else told


def story_so_far(world: World, position: Position, before: dict[str, Value], since: list[Turn]) -> str:
    """The newest chapter's story so far, and what the turns `since` came to (oldest first), from the slots before them."""
    happened = find_happenings(world, before, since, {})
    told = tell_chapter(happened, SINCE_CHARS) if happened else ""
    return " ".join(part for part in (position["story_so_far"], told) if part)


def _is_news(turn: Turn) -> bool:
    return any(not is_bookkeeping(item["relation"]) for item in turn["changes"])


def _ending(narration: str) -> str:
    """The last sentences of a passage, at most RECALLED_CHARS of them."""
    kept = ""
    for sentence in reversed(split_sentences(narration)):
        if kept and len(kept) + len(sentence) > RECALLED_CHARS:
            break
        kept = f"{sentence.strip()} {kept}".strip()
    return kept


SINCE_CHARS = 400
"""How much a recap tells of the turns since the last chapter."""

RECALLED_CHARS = 400
"""How much of the last happening a recap tells."""


def _and(things: list[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
