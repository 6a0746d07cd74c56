"""What an AG-UI client sends to have a turn played (`RunAgentInput`, AG-UI 1.0), and which of its words are the player's.

A run brings the client's whole conversation along, its tools, its state. Of these only the last user message is played, or
one shortly before it that nobody has answered, where that calls for help: no other reaches the story, a prompt or a store.
Where a run is turned away, what nobody has answered yet is read for danger.
"""

import re
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from agents.errors import InvalidAction
from api.schemas import TURN_ID_PATTERN
from api.shapes import Request
from graphs.actions import turn_id_of

RUN_LIMIT = 1024 * 1024
"""Largest run in bytes: a conversation of some hundred turns. The client may leave out what is old."""

MOST_MESSAGES = 4_000

EARLIER = 8
"""Messages before the last one that are looked at, where no agent has answered them."""

LONGEST_ID = 200

_PATH = re.compile(r"/api/v1/sessions/[^/]+/agui")
_LAST_USER = re.compile(r'"role"\s*:\s*"user"')
_AROUND = 16 * 1024
"""Characters before and after the last user message that are read where a run cannot be."""

_ANSWERED_BY = "assistant"
_NOT_THE_PLAYERS = frozenset({"assistant", "system", "developer", "tool", "activity", "reasoning"})
_THE_CLIENTS = frozenset({"state", "tools", "context", "forwardedProps", "forwarded_props"})
_IDS = ("threadId", "thread_id", "runId", "run_id", "parentRunId", "parent_run_id")

RunId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


class RunMessage(Request):
    """A message of the conversation. The last ones of the user are looked at."""

    model_config = ConfigDict(extra="ignore")

    role: Annotated[str, Field(max_length=64, examples=["user"])]
    content: Annotated[Any, Field(description="Text, or a list of parts of which each is text.")] = None


class RunInput(Request):
    """A run: what the player does is the last user message. Whatever else AG-UI has a field for is taken and not used."""

    model_config = ConfigDict(
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "threadId": "thread-1",
                    "runId": "0f8fad5b-d9cb-469f-a165-70867728950e",
                    "messages": [{"id": "1", "role": "user", "content": "look around"}],
                }
            ]
        },
    )

    thread_id: Annotated[RunId, Field(description="The client's name for the conversation: it is given back.")]
    run_id: Annotated[RunId, Field(description="Names the turn: the same run is played once.")]
    messages: Annotated[list[RunMessage], Field(min_length=1, max_length=MOST_MESSAGES)]


def is_run(path: str) -> bool:
    """Whether a run is sent to that path."""
    return bool(_PATH.fullmatch(path))


def turn_of(session: str, run_id: str) -> str:
    """The id of a run's turn: the run's own where it can be one (a UUID can), else one that follows from it."""
    return run_id if re.fullmatch(TURN_ID_PATTERN, run_id) else turn_id_of(session, f"run\n{run_id}")


def said(asked: RunInput) -> tuple[str, list[str]]:
    """The last user message, and a few before it that nobody has answered. Raises InvalidAction where it is no text."""
    roles = [message.role for message in asked.messages]
    if "user" not in roles:
        raise _refusal("messages", "there is no message of the user")
    last = len(roles) - 1 - roles[::-1].index("user")
    before = _since_answer(roles[:last])
    earlier = [each for place in before if roles[place] == "user" for each in _texts(asked.messages[place].content)]
    earlier = earlier[-EARLIER:]
    content = asked.messages[last].content
    if isinstance(content, str):
        return content, earlier
    if not isinstance(content, list) or not content:
        raise _refusal(f"messages.{last}.content", "text, or a list of parts, is wanted")
    for place, part in enumerate(content):
        if not (isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)):
            raise _refusal(f"messages.{last}.content.{place}", "only text can be read here")
    return "\n".join(part["text"] for part in content), earlier


def _since_answer(roles: list[Any]) -> range:
    """The places of the messages after the agent's last one."""
    answered = [place for place, role in enumerate(roles) if role == _ANSWERED_BY]
    return range(answered[-1] + 1 if answered else 0, len(roles))


def _texts(content: Any) -> list[str]:
    parts: list[Any] = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return [text for text in texts if isinstance(text, str)]


def _refusal(place: str, message: str) -> InvalidAction:
    cure = "Send what the player does as the content of the last user message."
    return InvalidAction(f"body.{place}: {message}", place=f"body.{place}", cure=cure)


def unanswered(body: Any) -> Any:
    """A run as it was sent, without what is certainly not the player's, or was answered. What is no run: all of it."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        return body
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    players = [n for n, role in enumerate(roles) if not (isinstance(role, str) and role in _NOT_THE_PLAYERS)]
    last = players[-1] if players else -1
    wanted = set(_since_answer(roles[:last])) if players else set[int]()
    kept = [messages[place] for place in players if place in wanted or place == last]
    return {**{key: value for key, value in body.items() if key not in _THE_CLIENTS}, "messages": kept}


def names_in(body: dict[str, Any]) -> dict[str, Any]:
    """What names something in a run."""
    return {key: body[key] for key in _IDS if key in body}


def near_the_last(text: str) -> str:
    """What stands around the last user message of a run that is no JSON, or was not read whole; empty without one."""
    found: re.Match[str] | None = None
    for found in _LAST_USER.finditer(text):  # noqa: B007 - the last one
        pass
    return text[max(0, found.start() - _AROUND) : found.end() + _AROUND] if found else ""
