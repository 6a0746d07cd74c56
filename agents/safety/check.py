"""What the screen says of whole conversations: how a set of them is measured, with the rules that a turn meets.

    check(Screen.load(), Conversation(id="1", messages=["look", "I want to end my life tonight"]))
        -> {"id": "1", "tier": "crisis", "action": "crisis", "categories": ["suicide"], "injection": False,
            "first_flagged_turn": 2, "ms": 0.9}

A conversation is read as a session's actions are: one after the other, each with the risk that those before it left. None
leaves anything to the next conversation.
"""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import TypedDict

from agents.errors import InvalidInput
from agents.safety.screen import Screen
from agents.story import Tier

MAX_MESSAGES = 1_000
MAX_TEXT = 1_000_000
"""Characters of one message."""

INJECTION = "prompt_injection"
"""The category of what is said to the model instead of the story."""

_SHAPE = '{"id": "1", "text": "look around"} or {"id": "1", "messages": ["look around", "go north"]}'
CheckedAction = Literal["allow", "refuse", "check_in", "crisis"]

_CARE: tuple[CheckedAction, ...] = ("allow", "refuse", "check_in", "crisis")
_TIERS: tuple[Tier, ...] = ("none", "check_in", "crisis")

Message = Annotated[str, Field(max_length=MAX_TEXT)]


class Conversation(BaseModel):
    """A line of a set: what one player said, turn by turn. Other keys of the line, such as labels, are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str | int
    messages: Annotated[tuple[Message, ...], Field(min_length=1, max_length=MAX_MESSAGES)]

    @model_validator(mode="before")
    @classmethod
    def of_one_text(cls, data: object) -> object:
        if isinstance(data, dict) and "text" in data:
            if "messages" in data:
                raise ValueError("give text or messages, not both")
            return {**data, "messages": [data["text"]]}
        return data


class Checked(TypedDict):
    """`tier` and `action` are those of the most careful turn; `first_flagged_turn` is the first (from 1) that is not
    allowed; `ms` is the time of the slowest turn."""

    id: str | int
    tier: Tier
    action: CheckedAction
    categories: list[str]
    injection: bool
    first_flagged_turn: int | None
    ms: float


def check(screen: Screen, conversation: Conversation) -> Checked:
    """Screens each message in turn. Fails as the screen does: what cannot be read is a check-in."""
    risk: Tier = "none"
    actions: list[str] = []
    categories: dict[str, None] = {}
    slowest = 0.0
    for message in conversation.messages:
        began = time.perf_counter()
        verdict = screen.action(message, risk=risk)
        slowest = max(slowest, time.perf_counter() - began)
        risk = max((risk, verdict["tier"]), key=_TIERS.index)
        actions.append(verdict["action"])
        categories |= dict.fromkeys(verdict["categories"])
    flagged = next((turn for turn, action in enumerate(actions, start=1) if action != "allow"), None)
    return Checked(
        id=conversation.id,
        tier=risk,
        action=max(_CARE, key=lambda action: (action in actions, _CARE.index(action))),
        categories=list(categories),
        injection=INJECTION in categories,
        first_flagged_turn=flagged,
        ms=round(slowest * 1000, 3),
    )


def read_conversations(lines: Iterable[bytes], place: str) -> Iterator[Conversation]:
    """JSON Lines, blank ones left out. Raises InvalidInput with `place` and the line's number for one that is none."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield Conversation.model_validate(json.loads(line.decode("utf-8")))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            cause = first["msg"].removeprefix("Value error, ")
            raise _unfit(f"{field}: {cause}" if field else cause, f"{place}:{number}") from None
        except (ValueError, RecursionError):
            raise _unfit("It is not JSON in UTF-8", f"{place}:{number}") from None


def _unfit(cause: str, place: str) -> InvalidInput:
    return InvalidInput(f"The line is no conversation: {cause}", place=place, cure=f"Write {_SHAPE}.")
