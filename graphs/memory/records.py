"""Between the story's words and what a graph can store: strings, integers and lists of strings.

A turn is kept as one JSON body, so that what comes back is what went in; only what queries ask for is a property.
"""

import hashlib
import json
import re
from typing import Any, cast

from agents.errors import InvalidInput
from agents.story import Change, Exchange, Tier, Turn
from graphs.memory.shapes import Branch, Commit, Scope, Session
from graphs.memory.words import stems_of

MAX_BODY = 64 * 1024
"""Most bytes of a stored turn."""

MAX_TRACE = 1024 * 1024

MAX_MOMENTS = 4
MAX_PEOPLE, MAX_NAME = 16, 80

EXCHANGE_CHARS = 600
"""Where a narration is cut that the narrator is only reminded of."""

ROOT = "root"
MAIN = "main"

_TIERS: tuple[Tier, ...] = ("none", "check_in", "crisis")
_UNFIT_ID = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_UNFIT_TEXT = re.compile(r"[\x00\ud800-\udfff]")


def identity(scope: Scope, **names: str | None) -> dict[str, Any]:
    """The parameters that say whose story. Raises InvalidInput for names that a store could not keep apart."""
    for what, name in {"tenant": scope.tenant, "session": scope.session, **names}.items():
        if name is not None and (not name or len(name) > 200 or _UNFIT_ID.search(name)):
            raise InvalidInput(
                f"The {what.replace('_', ' ')} is not a usable name",
                cure="Use 1 to 200 characters, none of them a control character",
            )
    return {"tenant": scope.tenant, "session": scope.session, **names}


def story_id(scope: Scope) -> str:
    """One word for the story in a shared full-text index. Ends in a digit, so that no stemmer shortens it."""
    name = f"{len(scope.tenant)}:{scope.tenant}{scope.session}"
    return f"s{hashlib.sha256(name.encode()).hexdigest()[:32]}0"


def encode(value: Any) -> str:
    """JSON that every store takes: control characters are escaped, and so is half a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, separators=(",", ":")) if _UNFIT_TEXT.search(text) else text


def clean(text: str) -> str:
    """Text without what no store takes."""
    return _UNFIT_TEXT.sub("\ufffd", text)


def turn_parameters(
    scope: Scope, turn: Turn, focus: list[str], moments: list[str], people: list[str], before: str
) -> dict[str, Any]:
    """A turn as statements take it. Raises InvalidInput above MAX_BODY or MAX_MOMENTS."""
    body = encode({key: value for key, value in turn.items() if key != "changes"})
    changes = encode(turn["changes"])
    size = len(body.encode()) + len(changes.encode())
    if size > MAX_BODY:
        raise InvalidInput(f"The turn is too large to keep: {size} bytes of at most {MAX_BODY}")
    if len(moments) > MAX_MOMENTS:
        raise InvalidInput(f"A turn has at most {MAX_MOMENTS} moments, not {len(moments)}")
    text = clean("\n".join(line for line in (*moments, turn["action"], turn["narration"]) if line.strip()))
    return {
        **identity(scope, turn_id=turn["turn_id"], branch=turn["branch"]),
        "number": turn["number"],
        "line": clean(turn["line"]),
        "parent": clean(turn["parent"]),
        "kind": turn["kind"],
        "at": turn["at"],
        "body": body,
        "changes": changes,
        "focus": encode(focus),
        "story": story_id(scope),
        "text": text,
        "words": searched(text, before),
        "stems": None,  # where words are sealed (`graphs.sealing`)
        "people": [clean(person)[:MAX_NAME] for person in people[:MAX_PEOPLE]],
    }


def searched(text: str, before: str) -> str:
    """What a moment is found by: the stems of its own words, twice, and those of the turn before."""
    own = stems_of(text)
    return " ".join([*own, *own, *stems_of(before)])


def commit_parameters(scope: Scope, commit: Commit) -> dict[str, Any]:
    """A commit as both of its statements take it, not yet a keyframe."""
    return {
        **turn_parameters(scope, commit.turn, commit.focus, commit.moments, commit.people, commit.before),
        "risk": risk_level(commit.risk or "none"),
        "heard": None if commit.heard is None else encode(commit.heard),
        "paused": commit.paused,
        **dict.fromkeys(("keyframe", "snapshot", "segment", "leaves", "blocks")),
    }


def decode_turn(body: str, changes: str) -> Turn:
    turn = json.loads(body)
    return cast(Turn, {**turn, "changes": cast(list[Change], json.loads(changes))})


def decode_exchange(body: str) -> Exchange:
    turn = json.loads(body)
    narration = turn["narration"]
    if len(narration) > EXCHANGE_CHARS:
        narration = narration[:EXCHANGE_CHARS].rsplit(" ", 1)[0] + " ..."
    return Exchange(number=turn["number"], action=turn["action"], narration=narration)


def session_parameters(session: Session) -> dict[str, Any]:
    title, avoid = clean(session["title"]), "\n".join(map(clean, session["avoid"]))
    character = encode(session["character"]) if session["character"] else None
    more = {"title": title, "avoid": avoid, "character": character, "risk": risk_level(session["risk"])}
    return {**session, **more}


def decode_session(row: dict[str, Any]) -> Session:
    avoid = str(row["avoid"] or "").split("\n")  # of a session from before there were such topics: null
    character = json.loads(row["character"]) if row["character"] else None
    more = {"avoid": [topic for topic in avoid if topic], "character": character, "risk": tier(row["risk"])}
    return cast(Session, {**row, **more})


def decode_branch(row: dict[str, Any]) -> Branch:
    return Branch(
        name=row["name"],
        head=row["head"],
        number=row["number"],
        line=row["line"],
        active=row["active"],
        created=row["created"],
    )


def risk_level(risk: Tier) -> int:
    """Risk as a number, so that a statement can raise it and never lower it."""
    return _TIERS.index(risk)


def tier(level: int) -> Tier:
    return _TIERS[level]
