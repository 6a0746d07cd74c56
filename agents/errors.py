"""Every error that a person or a client can meet, in one tree.

    StoryError
    ├── InvalidInput            what was asked is malformed                      400 / 422, exit 2
    │   ├── InvalidAction       an action that cannot be played
    │   ├── InvalidWorld        a world file with a fault, at a place
    │   ├── InvalidStory        an exported story or a backup with a fault, at a place
    │   ├── InvalidPrompt       a prompt file or its variables
    │   ├── InvalidSetting      a setting, a flag or a variable of the environment
    │   └── KeyReused           an Idempotency-Key that belongs to another request
    ├── NotFound                the named thing does not exist                   404
    │   ├── Unknown{Session, Branch, Turn, Subject, Character}  in the stores    exit 1
    │   └── Unknown{World, Prompt, Model}       among what can be named at all   exit 2
    ├── Conflict                somebody else was first                          409, exit 1
    │   ├── TurnInProgress      the session is playing another turn
    │   ├── TurnCancelled       the turn was stopped before its end, and nothing of it stays
    │   ├── HeadMoved           the branch moved on while the turn was played
    │   ├── SessionPaused       the session waits for the player's explicit choice
    │   └── RequestInProgress   the first request with this Idempotency-Key is not over
    ├── ModelError              the language model                               502-504, exit 1
    │   └── ModelUnavailable, ModelTimeout, ModelGarbage
    └── StoreError              Redis or the graph database                      503, exit 1
        └── StoreUnavailable, StoreFull, StoreTooNew, StoreSealed

A vendor's exception is translated once, where it enters (`graphs/memory`, `graphs/engine.py`, `agents/models`); the
faces translate once on the way out: the API to RFC 9457 problems by `status`, the command to one line by `line()`.
"""

from collections.abc import Sequence
from typing import Any


class StoryError(Exception):
    """What went wrong, where, and what to do about it.

    `cause` is one sentence without player text or secrets; `place` is `file:line` where there is one; `cure` is what to
    do next; `choices` are the valid answers, closest first, `more` if those are not all. `status`
    is the HTTP status, `exit_code` the command's: 2 for what is wrong with the command line, the settings or a file that
    they name, whatever the stores hold; 1 for what failed, or is not in the stores.
    """

    status = 500
    exit_code = 1
    title = "The story could not go on"

    def __init__(
        self, cause: str, *, place: str = "", cure: str = "", choices: Sequence[str] = (), more: bool = False
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.place = place
        self.cure = cure
        self.choices = tuple(choices)
        self.more = more
        self.help: dict[str, Any] | None = None
        """Crisis resources, where the action that is turned away comes from a person at risk (`agents.safety.crisis`)."""
        self.audited = False
        """Whether the safety audit has what was screened for this error: one that is raised on is not noted again."""

    @property
    def code(self) -> str:
        """The stable name by which a client tells errors apart, such as `unknown_session`."""
        name = type(self).__name__
        return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")

    def line(self) -> str:
        """The error as one line: place, cause, cure, choices."""
        parts = [f"{self.place}: {self.cause}" if self.place else self.cause]
        if self.cure:
            parts.append(self.cure)
        if self.choices:
            parts.append("Choose from: " + ", ".join(self.choices) + (" and others" if self.more else ""))
        return " ".join(ended(part) for part in parts).replace("\n", " ")


def ended(text: str) -> str:
    """The text with a full stop, unless it has an end of its own."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def unforeseen(error: BaseException) -> StoryError:
    """What nobody expected, by its type alone: its text may quote a player or a key."""
    return StoryError(
        f"Something failed that should not ({type(error).__name__})", cure="Try again; if it stays, report it."
    )


def error_of(code: str, cause: str) -> StoryError:
    """The error of that code; a StoryError for a code that is none of this module's."""
    kinds: list[type[StoryError]] = [StoryError]
    for kind in kinds:
        kinds += [below for below in kind.__subclasses__() if below.__module__ == StoryError.__module__]
    return next((made for kind in kinds if (made := kind(cause)).code == code), StoryError(cause))


class InvalidInput(StoryError):
    status = 422
    exit_code = 2
    title = "The request is not valid"


class InvalidAction(InvalidInput):
    title = "The action cannot be played"


class InvalidWorld(InvalidInput):
    title = "The world has a fault"


class InvalidStory(InvalidInput):
    """`others` are the further faults of the same file, in order."""

    title = "The file of a story has a fault"
    others: "Sequence[InvalidStory]" = ()


class InvalidPrompt(InvalidInput):
    title = "The prompt has a fault"


class InvalidSetting(InvalidInput):
    title = "A setting is not valid"


class KeyReused(InvalidInput):
    title = "The Idempotency-Key belongs to another request"


class NotFound(StoryError):
    status = 404
    title = "There is no such thing"


class UnknownSession(NotFound):
    title = "There is no such session"


class UnknownWorld(NotFound):
    exit_code = 2
    title = "There is no such world"


class UnknownBranch(NotFound):
    title = "There is no such branch"


class UnknownTurn(NotFound):
    title = "There is no such turn"


class UnknownSubject(NotFound):
    title = "Nothing is said of it"


class UnknownCharacter(NotFound):
    title = "There is no such character"


class UnknownPrompt(NotFound):
    exit_code = 2
    title = "There is no such prompt"


class UnknownModel(NotFound):
    status = 422
    exit_code = 2
    title = "There is no such model"


class Conflict(StoryError):
    status = 409
    title = "That cannot be done as things stand"


class TurnInProgress(Conflict):
    title = "The session is playing another turn"


class TurnCancelled(Conflict):
    title = "The turn was stopped"


class HeadMoved(Conflict):
    title = "The branch moved on"


class SessionPaused(Conflict):
    title = "The session is paused"
    by_choice = False
    """Whether the player paused it, and no crisis: then nobody is reminded of help."""


class RequestInProgress(Conflict):
    title = "A request with this Idempotency-Key is under way"


class ModelError(StoryError):
    status = 502
    title = "The language model failed"


class ModelUnavailable(ModelError):
    status = 503
    title = "The language model is not available"


class ModelTimeout(ModelError):
    status = 504
    title = "The language model took too long"


class ModelGarbage(ModelError):
    title = "The language model answered nonsense"


class StoreError(StoryError):
    status = 503
    title = "A store failed"


class StoreUnavailable(StoreError):
    title = "A store is not reachable"


class StoreFull(StoreError):
    status = 507
    title = "A store is full"


class StoreTooNew(StoreError):
    title = "A store was written by a newer version"


class StoreSealed(StoreError):
    title = "A store is encrypted with another key"
