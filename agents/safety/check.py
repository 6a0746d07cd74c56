"""What the screen says of whole conversations: how a set of them is measured, with the rules that a turn meets.

    check(Screen.load(), Conversation(id="1", messages=["look", "I want to end my life tonight"]))
        -> {"id": "1", "tier": "crisis", "action": "crisis", "categories": ["suicide"], "injection": False,
            "first_flagged_turn": 2, "ms": 0.9, "pii": [],
            "signals": [{"turn": 2, "source": "rule", "id": "...", "category": "suicide", "confidence": 1.0}]}

A conversation is read as a session's actions are: one after the other, each with the risk that those before it left. None
leaves anything to the next conversation.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, cast

from typing_extensions import TypedDict

from agents.errors import InvalidInput
from agents.safety.personal import find
from agents.safety.screen import Screen, Screened, highest
from agents.story import Heard, Signal, Tier

MAX_MESSAGES = 1_000
MAX_TEXT = 1_000_000
"""Characters of one message."""

CheckedAction = Literal["allow", "refuse", "check_in", "crisis"]

INJECTION = "prompt_injection"
"""The category of what is said to the model instead of the story."""

_SHAPE = '{"id": "1", "text": "look around"} or {"id": "1", "messages": ["look around", "go north"]}'
_CARE: tuple[CheckedAction, ...] = ("allow", "refuse", "check_in", "crisis")
_LONE = re.compile("[\ud800-\udfff]")


Settle = Callable[[Screened, str, Sequence[Heard]], Screened]
"""What a judge makes of a screening that is not sure (`Judge.settle`, waited for)."""


class Conversation(NamedTuple):
    """A line of a set: what one player said, turn by turn."""

    id: str | int
    messages: Sequence[str]


class Told(Signal):
    """A signal and the turn, from 1, that gave it."""

    turn: int


class Checked(TypedDict):
    """`tier` and `action` are those of the most careful turn; `first_flagged_turn` is the first (from 1) that is not
    allowed; `ms` is the time that the slowest turn took to screen. `pii` is `[start, end, kind]` of each stretch of personal
    data (`agents/safety/personal`), in characters: of `text`, or of the messages joined by line ends. `signals` are why,
    each with its turn."""

    id: str | int
    tier: Tier
    action: CheckedAction
    categories: list[str]
    injection: bool
    first_flagged_turn: int | None
    ms: float
    pii: list[tuple[int, int, str]]
    signals: list[Told]


def check(screen: Screen, conversation: Conversation, judge: Settle | None = None) -> Checked:
    """Screens each message in turn. Fails as the screen does: what cannot be read is a check-in."""
    risk: Tier = "none"
    actions: list[str] = []
    categories: dict[str, None] = {}
    slowest = 0.0
    heard: list[Heard] = []
    signals: list[Told] = []
    for turn, message in enumerate(conversation.messages, start=1):
        began = time.perf_counter()
        found = screen.screen(message, risk=risk, heard=heard)
        if judge:
            found = judge(found, message, heard)
        verdict, heard = found.verdict, found.heard
        slowest = max(slowest, time.perf_counter() - began)
        risk = highest([risk, verdict["tier"]])
        actions.append(verdict["action"])
        categories |= dict.fromkeys(verdict["categories"])
        signals += [Told(turn=turn, **signal) for signal in verdict["signals"]]
    flagged = next((turn for turn, action in enumerate(actions, start=1) if action != "allow"), None)
    return Checked(
        id=conversation.id,
        tier=risk,
        action=max(_CARE, key=lambda action: (action in actions, _CARE.index(action))),
        categories=list(categories),
        injection=INJECTION in categories,
        first_flagged_turn=flagged,
        ms=round(slowest * 1000, 3),
        pii=_personal(conversation.messages),
        signals=signals,
    )


def _personal(messages: Sequence[str]) -> list[tuple[int, int, str]]:
    """Each message is looked at by itself, as a turn is; where it begins among the joined ones is added."""
    found: list[tuple[int, int, str]] = []
    begins = 0
    for message in messages:
        found += [(begins + span.start, begins + span.end, span.kind) for span in find(message)]
        begins += len(message) + 1
    return found


def read_conversations(lines: Iterable[bytes], place: str) -> Iterator[Conversation]:
    """JSON Lines, blank ones left out; keys of a line besides these, such as labels, are left alone.

    Raises InvalidInput with `place` and the line's number for one that is none.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _conversation(json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8")))
        except RecursionError:
            raise _unfit("it is nested too deep", f"{place}:{number}") from None
        except _NoConversation as error:
            raise _unfit(str(error), f"{place}:{number}") from None
        except ValueError:
            raise _unfit("it is not JSON in UTF-8", f"{place}:{number}") from None


class _NoConversation(Exception):
    """Why some JSON is no conversation."""


def _conversation(data: object) -> Conversation:
    if not isinstance(data, dict):
        raise _NoConversation("it is no object")
    line = cast(dict[str, object], data)
    name = line.get("id")
    if isinstance(name, bool) or not isinstance(name, (str, int)) or (isinstance(name, str) and _LONE.search(name)):
        raise _NoConversation("`id` must be a text or a whole number")
    if ("text" in line) == ("messages" in line):
        raise _NoConversation("it needs `text` or `messages`, one of them")
    if "text" in line:
        return Conversation(name, [_message(line["text"], "`text`")])
    messages = line["messages"]
    if not isinstance(messages, list) or not 1 <= len(cast(list[object], messages)) <= MAX_MESSAGES:
        raise _NoConversation(f"`messages` must be a list of 1 to {MAX_MESSAGES:,} texts")
    said = enumerate(cast(list[object], messages), start=1)
    return Conversation(name, [_message(one, f"message {turn}") for turn, one in said])


def _message(one: object, what: str) -> str:
    if not isinstance(one, str):
        raise _NoConversation(f"{what} is no text")
    if len(one) > MAX_TEXT:
        raise _NoConversation(f"{what} has more than {MAX_TEXT:,} characters")
    return one


def _unfit(cause: str, place: str) -> InvalidInput:
    return InvalidInput(f"The line is no conversation: {cause}", place=place, cure=f"Write {_SHAPE}.")
