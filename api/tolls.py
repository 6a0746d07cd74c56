"""Paying for what is asked: whom it counts for, when, and how it is told (draft-ietf-httpapi-ratelimit-headers-11).

Of an address its requests count, of a player turns, sessions, what is open and a model's tokens, of an API key its turns,
whoever plays: a service that plays for many people counts for each of them, and for its key.

No one in danger gets an error page, and no limit stands between a person at risk and the answer to that: an action that the
screen finds at risk is a turn of fixed words, so it is played, and neither counted nor refused. Whatever else is refused is
read for danger first, as all of the API's refusals are, and carries `help`.

Nothing counts that was not done: what is refused (4xx) is given back, what was played before is not asked for again. Without
a Redis that can be asked nothing is begun or changed: 503.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.errors import StoreUnavailable, StoryError
from api.auth.caller import KEY, Caller
from api.auth.grants import network_of
from api.auth.policy import REFUSAL
from api.bodies import FORMS
from api.costs import FREE, STREAMED, WRITES, Cost, costs_of
from api.refusals import RateLimited
from api.streams import wants_events
from graphs.engine import StoryEngine
from graphs.memory.shapes import Session
from graphs.quotas import Policy, Quota, Quotas, read_quotas
from graphs.telemetry import observe

if TYPE_CHECKING:
    from graphs.limits import Lease, Limits, Standing

PROMISES = """
### Limits

Turns, sessions, open streams and a model's tokens are limited for each player, turns for each API key, requests for each
address, as whoever runs this has set. What is above a limit is refused with 429, `rate_limited`: `violated-policies` names
the limit, `Retry-After` says when to ask again, and nothing was done: the same `Idempotency-Key` may be sent again. Answers
to turns say how much is left: `RateLimit-Policy: "turns";q=30;w=60` is the limit, `RateLimit: "turns";r=29;t=60` what is
left of it for the next 60 seconds. What was played before costs nothing when it is sent again. Whoever is at risk is
answered whatever the limits are.
"""

ASKED_S = 5.0
"""Longest wait for what an address has used up: what only reads goes on then."""

_TOLL = "tta.toll"

_UNITS: dict[Policy, str] = {"streams": ';qu="concurrent-requests"', "tokens": ';tta-unit="tokens"'}
"""The draft's registry of units has none for a model's tokens: a parameter of our own says it, which others may ignore."""

_SAYS: dict[Policy, str] = {
    "requests": "requests from one address",
    "turns": "turns of one player",
    "key_turns": "turns under one key",
    "sessions": "sessions begun for one player",
    "streams": "streams and sockets of one player",
    "tokens": "tokens for one player",
}


class Booth:
    """What the tolls of one app share. Without limits no Redis is asked, and nothing of it is imported."""

    def __init__(self, engine: StoryEngine) -> None:
        self.quotas: Quotas = read_quotas(engine.settings)
        self.limits: Limits | None = engine.limits if self.quotas != Quotas() else None

    async def pay(self, quota: Quota, who: str, *, look: bool = False) -> "Standing":
        """One of it, or only how it stands. Raises RateLimited, StoreError."""
        assert self.limits is not None
        return self.checked(await (self.limits.look if look else self.limits.take)(quota, who))

    def checked(self, standing: "Standing") -> "Standing":
        """Raises RateLimited where it is refused."""
        if not standing.allowed:
            observe("limits_refused", policy=standing.quota.policy)
            raise refusal_of(standing)
        return standing


class Toll:
    """What one request, or one socket, pays. Every method raises RateLimited and StoreError: then nothing was paid."""

    def __init__(self, scope: Scope, booth: Booth) -> None:
        self._scope, self._booth = scope, booth
        self._taken: list[tuple[Quota, str]] = []
        self._lease: Lease | None = None
        self._left = False
        self.costs: frozenset[Cost] = frozenset()
        """What the route costs (`api.costs`)."""
        self.standings: dict[Policy, Standing] = {}

    def of_message(self, scope: Scope) -> "Toll":
        """What one message of this socket pays. What is open is the connection, which pays for itself."""
        toll = Toll(scope, self._booth)
        toll.costs = self.costs - {"stream"}
        return toll

    async def request(self) -> None:
        """One more of the address: a request, or a message of a socket."""
        address = network_of(self._scope["client"][0]) if self._scope.get("client") else ""
        quota = self._booth.quotas.requests
        if quota and address and self._scope["path"] not in FREE:
            try:
                async with asyncio.timeout(ASKED_S):
                    await self._booth.pay(quota, f"address {address}")
            except TimeoutError:
                raise StoreUnavailable("Redis does not answer", cure="Try again in a moment.") from None

    async def turn(self, record: Session) -> None:
        """A turn that a model may tell. The engine asks this just before it accepts one (`graphs.metering.Permit`)."""
        if "turn" not in self.costs:
            return
        quotas, player = self._booth.quotas, _player(record["player"])
        try:
            await self._pay(quotas.tokens, player, look=True)
            await self.along(record)
            caller = self._scope.get(KEY)
            if isinstance(caller, Caller) and caller.kind == "key":
                await self._pay(quotas.key_turns, f"key {caller.name}")
            await self._pay(quotas.turns, player)
        except StoryError:
            await self.give_back()
            raise

    async def session(self, player: str) -> None:
        """A session that is begun for that player."""
        if "session" in self.costs:
            await self._pay(self._booth.quotas.sessions, _player(player))

    async def along(self, record: Session) -> None:
        """A stream, where the request asks for its turn as one, or gets it as one anyway."""
        if self._scope["type"] != "http":
            return
        always = self._scope["route"].path in STREAMED
        if always or wants_events(Headers(scope=self._scope).get("accept", "")):
            await self.stream(record)

    async def stream(self, record: Session) -> None:
        """An event stream or a socket, until the request or the connection is over."""
        quota = self._booth.quotas.streams
        if quota and self._booth.limits and self._lease is None and "stream" in self.costs:
            standing, self._lease = await self._booth.limits.open(quota, _player(record["player"]))
            self.standings[quota.policy] = self._booth.checked(standing)
            if self._left and (leaving := self.leave()):  # who asked went away meanwhile, and the turn goes on
                await leaving

    async def _pay(self, quota: Quota | None, who: str, *, look: bool = False) -> None:
        if quota is None:
            return
        self.standings[quota.policy] = await self._booth.pay(quota, who, look=look)
        if not look:
            self._taken.append((quota, who))

    async def give_back(self) -> None:
        """What was paid came to nothing. Where the store cannot be asked now, it is paid for."""
        taken, self._taken = self._taken, []
        for quota, who in taken:
            with suppress(StoryError):
                assert self._booth.limits is not None
                await self._booth.limits.give_back(quota, who)

    def leave(self) -> "asyncio.Task[None] | None":
        """Closes what is open, in a task of its own: whoever leaves may be cancelled."""
        self._left, lease, self._lease = True, self._lease, None
        return asyncio.create_task(lease.close()) if lease else None


class Tolls:
    """ASGI middleware, between `Logins` and the body: counts the request for its address, and says what is left.

    Who is above the limit is turned away by `Doors`, once the body is read, for no one in danger gets only an error page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        booth: Booth = scope["app"].state.booth
        toll = scope[_TOLL] = Toll(scope, booth)
        if booth.limits is None:
            await self.app(scope, receive, send)
            return
        try:
            await toll.request()
        except StoryError as error:
            error.audited |= scope["path"] in FORMS  # it may hold a password
            if isinstance(error, RateLimited) or scope.get("method") in WRITES:
                scope[REFUSAL] = error

        async def send_telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                if 400 <= message["status"] < 500:
                    await toll.give_back()
                elif toll.standings:
                    MutableHeaders(scope=message).update(headers_of(toll.standings.values()))
            await send(message)

        try:
            await self.app(scope, receive, send_telling)
        finally:
            if leaving := toll.leave():
                tasks: set[asyncio.Task[None]] = scope["app"].state.tasks
                tasks.add(leaving)
                leaving.add_done_callback(tasks.discard)


async def toll_of(connection: HTTPConnection) -> Toll:
    """A dependency: what the request pays."""
    toll: Toll = connection.scope[_TOLL]
    toll.costs = costs_of(str(connection.scope.get("method", "WEBSOCKET")), connection.scope["route"].path)
    return toll


Paid = Annotated[Toll, Depends(toll_of)]


def refusal_of(standing: "Standing") -> RateLimited:
    """The refusal of whoever is above a limit."""
    quota = standing.quota
    a_time = f"in {quota.window_s} seconds" if quota.window_s else "at a time"
    return RateLimited(
        f"More than {quota.amount} {_SAYS[quota.policy]} {a_time}",
        policy=quota.policy,
        wait_s=max(1, standing.reset_s),
        headers=headers_of([standing]),
    )


def headers_of(standings: "Iterable[Standing]") -> dict[str, str]:
    """The two fields of the draft, each a list of structured fields (RFC 9651)."""
    limits: list[str] = []
    left: list[str] = []
    for standing in standings:
        quota = standing.quota
        window = f";w={quota.window_s}" if quota.window_s else ""
        limits.append(f'"{quota.policy}";q={quota.amount}{_UNITS.get(quota.policy, "")}{window}')
        left.append(f'"{quota.policy}";r={standing.remaining}' + (f";t={standing.reset_s}" if window else ""))
    return {"RateLimit-Policy": ", ".join(limits), "RateLimit": ", ".join(left)}


def _player(name: str) -> str:
    return f"player {name}"
