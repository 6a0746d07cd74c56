"""What HTTP itself can refuse, in the shape of every other error of the house (`agents.errors`).

StoryError
├── InvalidInput
│   ├── InvalidRequest      fields that do not fit the schema                422
│   ├── InvalidJson         a body that is no JSON                           400
│   ├── InvalidText         a body that is not UTF-8                         400
│   ├── WrongMediaType      a body that says it is something else            415
│   ├── BodyTooLarge        more than BODY_LIMIT bytes                       413
│   ├── BodyTooSlow         a body that does not come to its end             408
│   ├── HeldText            a title, a name, a key: a cry for help           422
│   └── HttpError           anything else, with the status it came with
├── NotFound
│   └── UnknownRoute        no such path                                     404
├── WrongMethod             the path is there, the method is not             405
├── ForeignHost             asked under a name that is not this machine's    421
├── ForeignOrigin           a page of another site asks                      403
├── Conflict
│   └── Changed             not as `If-Match` says any longer                412
├── TooManyMessages         of one socket, at a time                         429
├── AnswerNotKept           done before, with an answer too large to keep    409
├── AccessRefused           with headers and members of its own
│   ├── Unauthorized        no login, or one that is good no more            401
│   ├── Forbidden           the caller's role or scopes do not reach         403
│   ├── TooManyLogins       failed logins, by account or address             429
│   ├── RateLimited         more than a limit of `graphs.quotas`             429
│   └── GrantRefused        what the token endpoint turns away (RFC 6749)    400 / 401
└── InternalError           a fault of ours; nothing of it is told           500
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.errors import Conflict, InvalidInput, NotFound, StoryError

JSON_CURE = 'Send JSON in UTF-8 with `Content-Type: application/json`, such as {"action": "look around"}.'

FORM_CURE = "Send the fields of a form with `Content-Type: application/x-www-form-urlencoded`."


class InvalidRequest(InvalidInput):
    """Fields that do not fit the schema. `faults` names each with its place."""

    def __init__(
        self, cause: str, *, place: str = "", cure: str = "", choices: Sequence[str] = (), faults: list[dict[str, str]]
    ) -> None:
        super().__init__(cause, place=place, cure=cure, choices=choices)
        self.faults = faults


class InvalidJson(InvalidInput):
    status = 400
    title = "The body is not JSON"


class InvalidText(InvalidInput):
    status = 400
    title = "The body is not UTF-8"


class WrongMediaType(InvalidInput):
    status = 415
    title = "The body has another media type"


class BodyTooLarge(InvalidInput):
    status = 413
    title = "The body is too large"


class BodyTooSlow(InvalidInput):
    status = 408
    title = "The body did not come to its end"


class HeldText(InvalidInput):
    """Words of a person at risk where no story answers them: they are answered here, with help, and not kept."""

    title = "What is written there is not kept"


class HttpError(InvalidInput):
    """A refusal of the framework that has no class of its own here."""

    def __init__(self, cause: str, *, status: int) -> None:
        super().__init__(cause)
        self.status = status


class UnknownRoute(NotFound):
    title = "There is no such path"


class WrongMethod(StoryError):
    status = 405
    title = "The path does not take this method"


class Changed(Conflict):
    status = 412
    title = "It has changed meanwhile"


class ForeignHost(StoryError):
    status = 421
    title = "The API answers only under this machine's own names"


class ForeignOrigin(StoryError):
    status = 403
    title = "The API answers no pages of other sites"


class TooManyMessages(StoryError):
    """More messages of one socket than may be under way at once. Nothing was done."""

    status = 429
    title = "Too many messages are under way"


class AnswerNotKept(Conflict):
    """A request that is repeated and was done: nothing is done again."""

    title = "The request was done, and its answer is not kept"


class AccessRefused(StoryError):
    """`headers` go with the answer, `members` into the problem."""

    def __init__(self, cause: str, *, cure: str = "") -> None:
        super().__init__(cause, cure=cure)
        self.headers: dict[str, str] = {}
        self.members: dict[str, Any] = {}


class Unauthorized(AccessRefused):
    """`given`: there was a credential, and it is not good. Which of its parts is wrong is not told."""

    status = 401
    title = "Log in first"

    def __init__(self, cause: str, *, cure: str = "Send `Authorization: Bearer TOKEN`.", given: bool = False) -> None:
        super().__init__(cause, cure=cure)
        self.headers = {"WWW-Authenticate": 'Bearer realm="tta"' + (', error="invalid_token"' if given else "")}


class Forbidden(AccessRefused):
    """`need`: the scope that would reach."""

    status = 403
    title = "That is not open to you"

    def __init__(self, cause: str, *, need: str = "") -> None:
        super().__init__(cause, cure="Ask whoever runs this for a wider role or scope.")
        scope = f', scope="{need}"' if need else ""
        self.headers = {"WWW-Authenticate": f'Bearer realm="tta", error="insufficient_scope"{scope}'}


class TooManyLogins(AccessRefused):
    """`wait_s`: seconds until the next attempt is looked at."""

    status = 429
    title = "Too many failed logins"

    def __init__(self, wait_s: int) -> None:
        super().__init__("There were too many failed logins", cure=f"Try again in {wait_s} seconds.")
        self.headers = {"Retry-After": str(wait_s)}
        self.members = {"error": "temporarily_unavailable", "error_description": self.cause}
        self.audited = True


class RateLimited(AccessRefused):
    """`policy`: the limit; `wait_s`: seconds until it is worth asking again. Nothing was done."""

    status = 429
    title = "That is more than the limit"

    def __init__(self, cause: str, *, policy: str, wait_s: int, headers: Mapping[str, str]) -> None:
        super().__init__(cause, cure=f"Ask again in {wait_s} seconds; nothing was done.")
        self.headers = {"Retry-After": str(wait_s), **headers}
        # The name of the draft's problem type; a socket has no headers, so the wait stands in the problem too.
        self.members = {"violated-policies": [policy], "retry_after": wait_s}


class GrantRefused(AccessRefused):
    """A refusal of the token endpoint: `error` is one of RFC 6749, 5.2. What is screened for help is not audited: it may
    hold a password.
    """

    status = 400
    title = "No token is given"

    def __init__(self, cause: str, *, error: str, cure: str = "", basic: bool = False) -> None:
        super().__init__(cause, cure=cure)
        self.members = {"error": error, "error_description": cause}
        self.audited = True
        if error == "invalid_client":
            self.status = 401
            self.headers = {"WWW-Authenticate": 'Basic realm="tta"' if basic else 'Bearer realm="tta"'}


class InternalError(StoryError):
    title = "Something is wrong on our side"
