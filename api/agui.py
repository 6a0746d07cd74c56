"""A turn's events in the words of AG-UI (protocol 1.0), so that CopilotKit and other clients of it can attach.

    metadata     RUN_STARTED
    sentence     TEXT_MESSAGE_START before the first; TEXT_MESSAGE_CONTENT, one a checked sentence
    committed    TEXT_MESSAGE_END, STATE_SNAPSHOT, and CUSTOM `help` where a person at risk was answered
    error, end   RUN_ERROR with the problem, or RUN_FINISHED; of a turn that was stopped the outcome is `cancelled`

It is a translation of `read_along` and nothing else. What is told before STATE_SNAPSHOT is provisional, as it is before
`committed`. The last event of each of ours has its id, so `Last-Event-ID` is the same in both streams. The package
`ag-ui-protocol` is what the tests read this with; importing it costs a fifth of a second, so nothing here does.
"""

import json
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from agents.safety.crisis import response
from agents.story import Turn
from api.bodies import UUID
from graphs.events import Event, sequence_of

PROTOCOL = "1.0"

MEDIA_TYPE = "text/event-stream"

Told = dict[str, Any]


@dataclass
class Run:
    """One run as it is told. `thread` and `run` are the client's own names."""

    thread: str
    run: str
    session: str
    turn_id: str
    locale: str = ""
    _begun: bool = False
    _open: bool = False
    _text: str = ""
    _turn: Turn | None = None
    _problem: dict[str, Any] | None = field(default=None)

    def tell(self, event: Event) -> list[Told]:
        """What stands for one of our events, in order."""
        data = event["data"]
        match event["kind"]:
            case "metadata":
                return list(self._start(data))
            case "sentence":
                self._problem = None  # a store had failed, and the turn was taken up again
                return [*self._start({}), *self._say(str(data["text"]))]
            case "committed":
                self._problem, self._turn = None, data["turn"]
                return [*self._start({}), *self._commit(data["turn"])]
            case "error":
                self._problem = data
                return []
            case "end":
                return [*self._start({}), *self._close(), *self._end()]

    def _start(self, metadata: dict[str, Any]) -> Iterator[Told]:
        if self._begun:
            return
        self._begun = True
        about = {"session": self.session, "turn_id": self.turn_id, **metadata}
        yield {
            "type": "RUN_STARTED",
            "threadId": self.thread,
            "runId": self.run,
            "protocolVersion": PROTOCOL,
            "metadata": about,
        }

    def _say(self, text: str) -> Iterator[Told]:
        message = {"messageId": self.turn_id}
        if not self._open:
            self._open = True
            yield {"type": "TEXT_MESSAGE_START", **message, "role": "assistant"}
        # Deltas are put one behind the other; sentences are a space apart.
        delta = f" {text}" if self._text else text
        self._text += delta
        yield {"type": "TEXT_MESSAGE_CONTENT", **message, "delta": delta}

    def _close(self) -> Iterator[Told]:
        if self._open:
            self._open = False
            yield {"type": "TEXT_MESSAGE_END", "messageId": self.turn_id}

    def _commit(self, turn: Turn) -> Iterator[Told]:
        """What was told by no sentence is told now: fixed words, what a review has added, a turn whose stream is gone."""
        left = turn["narration"]
        if left.startswith(self._text):
            left = left[len(self._text) :].strip()
            if left:
                yield from self._say(left)
        yield from self._close()
        yield {"type": "STATE_SNAPSHOT", "snapshot": snapshot_of(turn)}
        if turn["kind"] in ("crisis", "check_in"):
            yield help_event(dict(response(turn["kind"], self.locale)))

    def _end(self) -> Iterator[Told]:
        run = {"threadId": self.thread, "runId": self.run}
        if turn := self._turn:
            result = {key: snapshot_of(turn)[key] for key in ("turn_id", "number", "kind", "committed")}
            yield {"type": "RUN_FINISHED", **run, "result": result, **_usage_of(turn)}
        elif self._problem and self._problem.get("code") == "turn_cancelled":
            result = {"turn_id": self.turn_id, "committed": False}
            yield {"type": "RUN_FINISHED", **run, "result": result, "outcome": {"type": "cancelled"}}
        else:
            nothing = {"code": "turn_unfinished", "detail": "The turn did not come to its end"}
            yield from failed(self._problem or nothing, self.turn_id)


def failed(problem: dict[str, Any], message: str) -> Iterator[Told]:
    """What a run ends with that came to nothing: for a person at risk the resources, as a message and as data, first."""
    if found := problem.get("help"):
        named = {"messageId": f"{message}-help"}
        yield {"type": "TEXT_MESSAGE_START", **named, "role": "assistant"}
        yield {"type": "TEXT_MESSAGE_CONTENT", **named, "delta": str(found["text"])}
        yield {"type": "TEXT_MESSAGE_END", **named}
        yield help_event(found)
    detail = str(problem.get("detail") or problem.get("title") or "The run failed")
    yield {
        "type": "RUN_ERROR",
        "message": detail,
        "code": str(problem.get("code", "")),
        "metadata": {"problem": problem},
    }


def help_event(found: dict[str, Any]) -> Told:
    """The resources for a person at risk, which AG-UI has no name for."""
    return {"type": "CUSTOM", "name": "help", "value": found}


def snapshot_of(turn: Turn) -> dict[str, Any]:
    """What a client shows beside the prose, as it is after the turn."""
    return {
        "session": turn["session"],
        "turn_id": turn["turn_id"],
        "number": turn["number"],
        "branch": turn["branch"],
        "kind": turn["kind"],
        "committed": True,
        "location": turn["location"],
        "inventory": turn["inventory"],
        "goals": turn["goals"],
        "choices": turn["choices"],
        "changes": turn["changes"],
        "won": turn["won"],
    }


def _usage_of(turn: Turn) -> dict[str, Any]:
    used = turn["usage"]
    if not used["calls"]:
        return {}
    tokens = {"inputTokens": used["input_tokens"], "outputTokens": used["output_tokens"]}
    return {"usage": [{"model": turn["model"], **tokens, "totalTokens": sum(tokens.values())}]}


async def frames(told: AsyncGenerator[Event], run: Run, after: str = "") -> AsyncGenerator[str]:
    """The run on the wire, without what had come up to the event `after`.

    A turn is translated from its beginning in any case, so that a message that was opened before is not opened again. Of one
    whose stream has expired nobody knows what had come: it is told whole.
    """
    yield "retry: 1000\n\n"
    last = sequence_of(after)
    async with aclosing(told):
        async for event in told:
            made, here = run.tell(event), sequence_of(event["id"])
            if here[0] > 0 and here <= last:  # those of a turn whose stream has expired begin with 0
                continue
            for place, each in enumerate(made, 1):
                yield frame(each, event["id"] if place == len(made) else "")


def frame(told: Told, event_id: str = "") -> str:
    """One event on the wire, as the package's own encoder writes it, and with an id."""
    name = f"id: {event_id}\n" if event_id else ""
    return f"{name}data: {json.dumps(told, ensure_ascii=False)}\n\n"


def refused(problem: dict[str, Any], session: str, raw: bytes) -> str:
    """The whole answer to a run that was turned away, where it must be seen: a client of AG-UI shows no problems."""
    thread, run = (_echoed(raw, *names) for names in (("threadId", "thread_id"), ("runId", "run_id")))
    # Its message has an id of its own: one that a client knows already would be added to what stands far above.
    begun = Run(thread or session or "refused", run or "refused", session, run or uuid.uuid4().hex)
    return "".join(map(frame, [*begun.tell(Event(id="", kind="metadata", data={})), *failed(problem, begun.turn_id)]))


def _echoed(raw: bytes, *names: str) -> str:
    """An id of the client's, where it is certainly no sentence."""
    try:
        body: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    given = [body[name] for name in names if name in body] if isinstance(body, dict) else []
    return given[0] if given and isinstance(given[0], str) and UUID.fullmatch(given[0]) else ""
