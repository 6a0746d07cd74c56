"""Reading AG-UI with its own package: every event is one of its types, and their order is what its clients ask for."""

import json
from typing import Any
from uuid import uuid4

from ag_ui.core import PROTOCOL_VERSION, Event, RunAgentInput, UserMessage
from httpx import AsyncClient, Response
from pydantic import TypeAdapter

READ: TypeAdapter[Event] = TypeAdapter(Event)
ACCEPT = {"Accept": "text/event-stream"}
TERMINAL = ("RUN_FINISHED", "RUN_ERROR")


def run_of(*messages: Any, run: str = "", thread: str = "thread-1", **more: Any) -> dict[str, Any]:
    """A run as the package's own client type writes it; a text is a message of the user."""
    said = [UserMessage(id=str(uuid4()), content=each) if isinstance(each, str) else each for each in messages]
    asked = RunAgentInput(
        thread_id=thread, run_id=run or str(uuid4()), messages=said, protocol_version=PROTOCOL_VERSION, **more
    )
    return asked.model_dump(mode="json", by_alias=True)


async def sent(client: AsyncClient, session: str, body: Any, **headers: str) -> Response:
    return await client.post(f"{session}/agui", json=body, headers={**ACCEPT, **headers})


def framed(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Each event with its id, as it came; comments and `retry` are left out."""
    found: list[tuple[str, dict[str, Any]]] = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        assert set(fields) <= {"id", "data", "retry"}
        if "data" in fields:
            found.append((fields.get("id", ""), json.loads(fields["data"])))
    return found


def events_of(answer: Response | str) -> list[Any]:
    """The run's events, once each is read by the package and all are in an order that its clients take."""
    text = answer if isinstance(answer, str) else answer.text
    found = [READ.validate_python(event) for _, event in framed(text)]
    check_order(found)
    for (_, raw), event in zip(framed(text), found, strict=True):
        unknown = set(raw) - set(json.loads(event.model_dump_json(by_alias=True))) | set(event.model_extra or ())
        assert not unknown, f"{raw['type']} has no {unknown}"
    return found


def check_order(found: list[Any]) -> None:
    """RUN_STARTED once and first, one terminal event and last, each message opened, told and closed."""
    kinds = [str(event.type.value) for event in found]
    assert kinds[0] == "RUN_STARTED"
    assert kinds.count("RUN_STARTED") == 1
    assert [kind for kind in kinds if kind in TERMINAL] == [kinds[-1]], kinds
    opened, ever = set[str](), set[str]()
    for event, kind in zip(found, kinds, strict=True):
        if kind == "TEXT_MESSAGE_START":
            assert event.message_id not in ever, "a message is opened once"
            opened.add(event.message_id)
            ever.add(event.message_id)
        elif kind == "TEXT_MESSAGE_CONTENT":
            assert event.message_id in opened
            assert event.delta
        elif kind == "TEXT_MESSAGE_END":
            opened.remove(event.message_id)
    assert not opened, "every message is closed"


def kinds_of(found: list[Any]) -> list[str]:
    return [str(event.type.value) for event in found]


def text_of(found: list[Any]) -> str:
    """What a client has in its message once all deltas are put together."""
    return "".join(event.delta for event in found if event.type.value == "TEXT_MESSAGE_CONTENT")


def helped(found: list[Any]) -> dict[str, Any]:
    """The resources, which are told as data and as words."""
    (told,) = [event.value for event in found if event.type.value == "CUSTOM" and event.name == "help"]
    assert told["resources"]
    assert all(each["contact"] in text_of(found) for each in told["resources"])
    return told
