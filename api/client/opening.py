"""Opening a client: whose server, who asks, how long it is waited for."""

import ipaddress
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

import httpx
from starlette.types import ASGIApp

from agents.errors import InvalidSetting
from api.auth.forms import CallerAnswer
from api.client.characters import Characters
from api.client.inside import AppTransport
from api.client.logins import Bearer, Login
from api.client.paths import API
from api.client.patience import Patience
from api.client.players import Players
from api.client.sessions import Sessions
from api.client.turns import Turns
from api.client.wire import Asked, Wire
from api.schemas import WorldAnswer

CONNECT_S, READ_S = 5.0, 30.0
INSIDE = "http://localhost:8000"
"""What an app in this process is called: a name under which `tta serve` answers without a login."""

_CURE = "Give the server's address, such as http://127.0.0.1:8000 or https://story.example."


class Client:
    """One server, as whoever has logged in."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.sessions = Sessions(wire)
        self.turns = Turns(wire)
        self.players = Players(wire)
        self.characters = Characters(wire)

    async def worlds(self) -> Sequence[WorldAnswer]:
        """The worlds that can be played there."""
        return await self.wire.ask(Asked("GET", f"{API}/worlds"), list[WorldAnswer])

    async def me(self) -> CallerAnswer:
        """Who asks, as the server knows them."""
        return await self.wire.ask(Asked("GET", f"{API}/auth/me"), CallerAnswer)

    async def log_out(self, token: str) -> None:
        """A refresh token, or an access token of a login: all of that login's are good no more."""
        await self.wire.send(Asked("POST", f"{API}/auth/revoke", form={"token": token}))


@asynccontextmanager
async def open_client(
    url: str = INSIDE,
    *,
    login: Login | str = "",
    app: ASGIApp | None = None,
    patience: Patience | None = None,
    allow_http: bool = False,
) -> AsyncGenerator[Client]:
    """A client of the server at `url`, or of an `app` in this process. `login` is a token, an API key, a `Password`
    or `ClientCredentials`.

    Raises InvalidSetting for what is no address, and for a token that would go to another machine without TLS, unless
    `allow_http` says that nobody listens there.
    """
    base = _checked(url)
    who = Bearer(login) if isinstance(login, str) else login
    here = _is_here(base.host)
    if base.scheme == "http" and not here and not allow_http and who != Bearer():
        raise InvalidSetting(
            "A token is not sent to another machine without TLS", place=base.host, cure="Use https, or a tunnel."
        )
    async with httpx.AsyncClient(
        base_url=base,
        transport=AppTransport(app) if app else None,
        timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
        headers={"User-Agent": "tta"},
        trust_env=not here,  # no proxy is asked for what is on this machine
    ) as http:
        yield Client(Wire(http, who, patience or Patience()))


def _checked(url: str) -> httpx.URL:
    """The address. Raises InvalidSetting, which does not tell it: it may hold a password."""
    with suppress(httpx.InvalidURL, ValueError):
        base = httpx.URL(url.strip())
        if base.userinfo:
            raise InvalidSetting("The server's address holds a name or a password", cure="Set TTA_TOKEN instead.")
        if (
            base.scheme in ("http", "https")
            and base.host
            and not (base.query or base.fragment or (base.port or 0) > 65_535)
        ):
            return base
        if "://" not in url and url:
            raise InvalidSetting(
                "The server's address has no scheme", cure=f"Put http:// or https:// before it. {_CURE}"
            )
    raise InvalidSetting("That is no address of a server", cure=_CURE)


def _is_here(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
