"""Telling an operator's endpoint of crises: signed, at least once, behind the answer. Nobody is told that anybody was.

A request is what Standard Webhooks 1.0.0 says (github.com/standard-webhooks/standard-webhooks): `webhook-id`, the same for
every attempt, `webhook-timestamp` of the attempt in seconds, and `webhook-signature`: `v1,` and base64 of HMAC-SHA256 over
`ID.TIMESTAMP.BODY`, one for each secret. The body is

    {"type": "safety.crisis", "timestamp": AT, "data": {"tenant", "session", "turn", "gate", "tier", "action",
                                                        "categories", "signals", "rules", "answer"}}

and holds no words of a player, and no hash of them. Only an answer of 2xx within `total_s` is one: a redirect is not
followed. What is owed stands in Redis (`audit_owed`, beside the stream) and is leased for an attempt, so whatever process
dies, another one or the next to start goes on; an endpoint may so hear twice of one crisis, under the same id.
"""

import asyncio
import base64
import binascii
import hmac
import ipaddress
import json
import logging
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from agents.errors import InvalidSetting
from graphs.audit.entries import Entry
from graphs.audit.stream import AuditStream, id_ms, now_ms
from graphs.ending import end
from graphs.settings import Settings

if TYPE_CHECKING:
    import httpx

CLOSE_S = 3.0
"""How long the engine's closing waits for what is being told; the rest is told by the next process."""

_BUSY = frozenset({429, 502, 503, 504})
_log = logging.getLogger(__name__)


class Target(NamedTuple):
    """Where crises are told, and what signs them."""

    url: str
    secrets: tuple[bytes, ...]


@dataclass(frozen=True)
class Pace:
    """How patient a webhook is. An attempt that failed waits about as long as all before it took: that doubles."""

    connect_s: float = 5.0
    total_s: float = 15.0
    first_s: float = 2.0
    longest_s: float = 600.0
    lease_s: float = 60.0
    """When an attempt is thought dead: longer than `total_s`."""
    give_up_s: float = 3 * 24 * 3600.0
    idle_s: float = 30.0
    """How often it is looked for what other processes owe and cannot tell any more; and, while the endpoint is down, whether
    it is up again."""

    def next_s(self, age_s: float, asked_s: float = 0.0) -> float:
        """Seconds until the next attempt at what is so old; not before what the endpoint has asked for."""
        usual = min(self.longest_s, max(self.first_s, age_s)) * random.uniform(0.8, 1.2)
        return max(usual, min(asked_s, self.longest_s))


class Answer(NamedTuple):
    """What came of an attempt: why it failed, empty where it did not; whether the endpoint as a whole is down."""

    failure: str
    down: bool = False
    wait_s: float = 0.0


def webhook_target(settings: Settings) -> Target | None:
    """What the settings name; None where they name none. Raises InvalidSetting, which quotes neither of them."""
    url = settings.safety_webhook_url.get_secret_value() if settings.safety_webhook_url else ""
    secret = settings.safety_webhook_secret.get_secret_value() if settings.safety_webhook_secret else ""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not host or port == 0 or not secure or parts.username is not None or not url.isascii() or not url.isprintable():
        raise InvalidSetting(
            "TTA_SAFETY_WEBHOOK_URL is no https address without a login in it",
            cure="Write https://HOST/PATH; http:// is taken for this machine alone.",
        )
    return Target(url, _secrets(secret))


def _secrets(given: str) -> tuple[bytes, ...]:
    try:
        keys = tuple(base64.b64decode(one.strip().removeprefix("whsec_"), validate=True) for one in given.split(","))
    except (binascii.Error, ValueError):
        keys = ()
    if not keys or not all(24 <= len(key) <= 64 for key in keys):
        raise InvalidSetting(
            "TTA_SAFETY_WEBHOOK_SECRET must be 24 to 64 bytes in base64",
            cure="Make one: openssl rand -base64 32.",
        )
    return keys


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def signature(secret: bytes, id_: str, timestamp: str, body: bytes) -> str:
    """One signature of `webhook-signature`."""
    digest = hmac.digest(secret, f"{id_}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def payload(entry: Entry, tenant: str) -> bytes:
    """The body of an entry."""
    told = ("session", "turn", "gate", "tier", "action", "categories", "signals", "rules", "answer")
    data = {"tenant": tenant, **{name: entry[name] for name in told}}
    event = {"type": f"safety.{entry['tier']}", "timestamp": entry["at"], "data": data}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


class Webhook:
    """The task that tells what is owed. Nothing that happens in it reaches a turn."""

    def __init__(self, target: Target, stream: AuditStream, tenant: str, *, pace: Pace | None = None) -> None:
        self._target = target
        self._stream = stream
        self._tenant = tenant
        self._pace = pace or Pace()
        self._woken = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._transport: httpx.AsyncHTTPTransport | None = None

    def begin(self) -> None:
        """Starts telling, with what earlier processes have left."""
        import httpx  # noqa: PLC0415 - only who has a webhook pays for it

        # The transport alone: a client would follow the environment's proxies and .netrc, and log the address.
        self._transport = httpx.AsyncHTTPTransport()
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Something more is owed."""
        self._woken.set()

    async def close(self, wait_s: float = CLOSE_S) -> None:
        """Tells what is due, for so long at most, and ends."""
        if self._task is None or self._transport is None:
            return
        self._closing = True
        self._woken.set()
        await asyncio.wait([self._task], timeout=wait_s)
        await end(self._task)
        await self._transport.aclose()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                wait_s = await self._round()
            except Exception as error:  # the store, most likely: what is owed is still owed
                _log.warning("the safety webhook cannot see what it owes (%s)", type(error).__name__)
                wait_s = self._pace.idle_s
            if self._closing:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()

    async def _round(self) -> float:
        """Tells what is due, until the endpoint is down; the seconds until there may be more to do."""
        while entry := await self._stream.take(int(self._pace.lease_s * 1000)):
            age_s = (now_ms() - id_ms(entry["id"])) / 1000
            answer = await self._tell(entry)
            if not answer.failure:
                await self._stream.paid(entry["id"], "delivered")
                continue
            await self._stream.count("webhook|failed")
            if age_s > self._pace.give_up_s:
                await self._stream.paid(entry["id"], "given_up")
                _log.error("the safety webhook gives an entry up (%s)", answer.failure)
                continue
            wait_s = self._pace.next_s(age_s, answer.wait_s)
            _log.warning("the safety webhook was not taken (%s); again in %.0f s", answer.failure, wait_s)
            await self._stream.put_off(entry["id"], int(wait_s * 1000))
            if answer.down:
                return min(wait_s, self._pace.idle_s)
        due = await self._stream.next_due_ms()
        return self._pace.idle_s if due is None else min(self._pace.idle_s, due / 1000 + 0.001)

    async def _tell(self, entry: Entry) -> Answer:
        import httpx  # noqa: PLC0415

        assert self._transport is not None
        body = payload(entry, self._tenant)
        id_, timestamp = f"tta_{self._tenant}_{entry['id']}", str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "user-agent": "tta",
            "webhook-id": id_,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signature(key, id_, timestamp, body) for key in self._target.secrets),
        }
        pace = self._pace
        limits = {"connect": pace.connect_s, "read": pace.total_s, "write": pace.total_s, "pool": pace.total_s}
        request = httpx.Request("POST", self._target.url, headers=headers, content=body, extensions={"timeout": limits})
        try:
            async with asyncio.timeout(pace.total_s):
                response = await self._transport.handle_async_request(request)
                await response.aclose()  # whatever it says beside its status is not read
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return Answer(type(error).__name__, down=True)
        if response.is_success:
            return Answer("")
        asked = response.headers.get("retry-after", "")
        return Answer(
            f"HTTP {response.status_code}",
            down=response.status_code in _BUSY,
            wait_s=float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0.0,
        )
