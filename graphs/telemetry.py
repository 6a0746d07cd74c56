"""What is told of operations to whoever watches them: traces, metrics, logs. Nobody does unless an entry point says so.

    with operation("node", "narrate") as watched:
        ...
        watched.set(sentences=4)

The one seam between the story and its observers (`api/observability/`): no vendor is named here. While nobody watches, an
operation is a constant that does nothing. **No player's words**: an operation has a kind and a name of ours, ids, numbers,
and the name of an error's class; never a text, a parameter, a title, a path, or what an error said.
"""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b
from time import perf_counter
from types import TracebackType
from typing import Any, Literal, Protocol

from agents.errors import StoryError

Kind = Literal["http", "turn", "node", "model", "cypher", "redis"]
Value = str | int | float | bool

_OURS = re.compile(r"root|(?=[0-9]*[a-f])(?:[0-9a-f]{16}|[0-9a-f]{32})|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Operation:
    """One thing that is done. `attributes` may grow until it ends; `error` is empty where it did what it should."""

    kind: Kind
    name: str
    attributes: dict[str, Value]
    nests: bool
    """Whether what begins within it belongs to it. Not for one that may end in another context than it began in."""
    parent: str = ""
    """A `traceparent` that came from outside (W3C Trace Context); empty: whatever is around it."""
    seconds: float = 0.0
    error: str = ""
    held: dict[int, Any] = field(default_factory=dict[int, Any])
    """What each observer keeps of it, by the observer's `id`."""

    def set(self, **attributes: Value) -> None:
        self.attributes.update(attributes)

    def fail(self, error: str) -> None:
        """For what goes wrong without being raised."""
        self.error = error


class Observer(Protocol):
    """Must be quick and must not raise; `begin` and `end` are called in the order of the code."""

    def begin(self, operation: Operation) -> None: ...

    def end(self, operation: Operation) -> None: ...

    def observe(self, what: str, amount: float, labels: Mapping[str, str]) -> None:
        """A figure that belongs to no operation: seconds until something, or one more of something."""
        ...

    def ids(self) -> Mapping[str, str]:
        """What a line in the log should say of the trace that it belongs to."""
        ...


_observers: tuple[Observer, ...] = ()
_innermost: ContextVar[Operation | None] = ContextVar("tta_operation", default=None)
_ids: ContextVar[Mapping[str, str] | None] = ContextVar("tta_ids", default=None)


def watch(observer: Observer) -> None:
    """From now on the observer is told. For entry points."""
    global _observers  # noqa: PLW0603 - of a process, as a log is
    _observers = (*(one for one in _observers if one is not observer), observer)


def unwatch(observer: Observer) -> None:
    global _observers  # noqa: PLW0603
    _observers = tuple(one for one in _observers if one is not observer)


def watched() -> bool:
    """Whether anybody watches."""
    return bool(_observers)


class _Nobody:
    """The operation that nobody watches."""

    def __enter__(self) -> "_Nobody":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def set(self, **attributes: Value) -> None:
        return

    def fail(self, error: str) -> None:
        return


class _Watched:
    """Begins and ends an operation, and tells all observers."""

    __slots__ = ("_before", "_began", "_operation", "_told")

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def __enter__(self) -> Operation:
        operation = self._operation
        self._told = _observers
        self._before = _innermost.get()
        if operation.nests:
            _innermost.set(operation)
        for observer in self._told:
            observer.begin(operation)
        self._began = perf_counter()
        return operation

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        operation = self._operation
        operation.seconds = perf_counter() - self._began
        if error is not None and not isinstance(error, GeneratorExit):
            operation.error = error_name(error)
        for observer in reversed(self._told):
            observer.end(operation)
        if operation.nests:
            _innermost.set(self._before)


_NOBODY = _Nobody()


def operation(
    kind: Kind, name: str, *, nests: bool = True, parent: str = "", **attributes: Value
) -> "_Watched | _Nobody":
    """A `with` statement around what is done. An error that passes is told by the name of its class alone."""
    if not _observers:
        return _NOBODY
    return _Watched(Operation(kind, name, attributes, nests, parent))


def annotate(**attributes: Value) -> None:
    """Says more of the innermost operation that is under way here, if there is one."""
    if _observers and (innermost := _innermost.get()) is not None:
        innermost.attributes.update(attributes)


def observe(what: str, amount: float = 1.0, **labels: str) -> None:
    """A figure that belongs to no operation."""
    for observer in _observers:
        observer.observe(what, amount, labels)


def error_name(error: BaseException) -> str:
    """The code of an error of ours, else the name of its class; never what it says."""
    return error.code if isinstance(error, StoryError) else type(error).__name__


@contextmanager
def bound(**ids: str) -> Generator[None]:
    """Within it, and in tasks that begin there, lines in the log and spans have these ids."""
    token = _ids.set({**(_ids.get() or {}), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def ids() -> dict[str, str]:
    """The ids of what is being done here, those of its trace among them."""
    found = dict(_ids.get() or {})
    for observer in _observers:
        found.update(observer.ids())
    return found


def known_as(given: str) -> str:
    """How an id stands in logs and traces: one of our own form as it is; of one that a client chose, which may be a name or
    the number of a card, a digest, so that lines that belong together still can be found.
    """
    return given if _OURS.fullmatch(given) else f"x{blake2b(given.encode(errors='replace'), digest_size=6).hexdigest()}"
