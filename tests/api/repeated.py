"""What the tests of repeated requests share: a key, how answers are compared, a request whose process died in it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import AsyncClient, Response

from graphs.engine import StoryEngine

DANGER = "I want to end my life tonight"
SESSIONS = "/api/v1/sessions"
WORLD = {"world": "winter_light", "seed": 7}
KEY = {"Idempotency-Key": "marmalade-0001"}


def posts(routes: Any) -> Iterator[str]:
    """The path of every route that takes POST, shown in the documentation or not; tokens are kept nowhere."""
    for route in routes:
        if router := getattr(route, "original_router", None):
            yield from posts(router.routes)
        elif "POST" in (getattr(route, "methods", None) or ()) and not route.path.startswith("/api/v1/auth/"):
            yield route.path


def told(answer: Response) -> tuple[int, Any, dict[str, str]]:
    """What must be the same each time."""
    own = ("x-request-id", "idempotent-replayed")
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    body = (
        [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        if streamed
        else answer.json()
    )
    return answer.status_code, body, {k: v for k, v in answer.headers.items() if k not in own}


def refused(answer: Response, status: int, code: str) -> dict[str, Any]:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert KEY["Idempotency-Key"] not in answer.text
    return problem


async def number(client: AsyncClient, session: str) -> int:
    return (await client.get(session)).json()["position"]["turn"]


async def stored(engine: StoryEngine) -> list[str]:
    return await engine.memory.session_ids(engine.settings.tenant, limit=1000)


class Died(BaseException):
    """What no handler of the app catches, as a process that ends."""


async def died(client: AsyncClient, patched: pytest.MonkeyPatch, path: str, body: Any) -> None:
    """A request whose process was gone once it was done, and before it was answered."""

    async def die(*_: Any, **__: Any) -> None:
        raise Died

    with patched.context() as at_the_end:
        at_the_end.setattr("graphs.repeats.Attempt.keep", die)
        with pytest.raises(Died):
            await client.post(path, json=body, headers=KEY)
