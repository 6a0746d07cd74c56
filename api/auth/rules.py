"""The settings of logins, checked as a whole before anything is opened."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from agents.errors import InvalidSetting
from graphs.settings import Settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names of this machine."""

SECRET_BYTES = 32
"""The least that signs a token: as long as what HS256 makes (RFC 7518, 3.2)."""

_SECRET_FILE_BYTES = 4096
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+:[0-9A-Fa-f:]*")


@dataclass(frozen=True)
class AuthRules:
    """How callers are known. `hosts` and `origins` are in small letters, as they are compared."""

    mode: Literal["none", "local", "jwks"]
    tenant: str
    secret: bytes = field(repr=False, default=b"")
    issuer: str = "tta"
    audience: str = "tta"
    jwks_url: str = ""
    role_claim: str = "role"
    hosts: frozenset[str] = frozenset(LOOPBACK)
    origins: frozenset[str] = frozenset()


def read_rules(settings: Settings) -> AuthRules:
    """The rules that the settings mean. Raises InvalidSetting, which quotes no secret."""
    if settings.auth == "none":
        for name in ("allowed_hosts", "cors_origins"):
            if getattr(settings, name):
                raise InvalidSetting(f"TTA_{name.upper()} needs a login", cure="Set TTA_AUTH to local or jwks, too.")
        for name in ("auth_secret", "auth_secret_file", "auth_jwks_url"):
            given = getattr(settings, name)
            if given.get_secret_value() if isinstance(given, SecretStr) else given:
                cure = "Set TTA_AUTH to local or jwks, or unset it: now nobody has to log in."
                raise InvalidSetting(f"TTA_{name.upper()} is set and TTA_AUTH is not", cure=cure)
        return AuthRules("none", settings.tenant)
    hosts = _listed(settings.allowed_hosts, "TTA_ALLOWED_HOSTS", _host)
    origins = _listed(settings.cors_origins, "TTA_CORS_ORIGINS", _origin)
    if settings.auth == "jwks":
        _check_external(settings)
    return AuthRules(
        settings.auth,
        settings.tenant,
        secret=_secret(settings) if settings.auth == "local" else b"",
        issuer=settings.auth_issuer or "tta",
        audience=settings.auth_audience or "tta",
        jwks_url=settings.auth_jwks_url,
        role_claim=settings.auth_role_claim,
        hosts=frozenset(LOOPBACK) | hosts,
        origins=origins,
    )


def check_binding(settings: Settings, host: str, *, any_host: bool) -> None:
    """Raises InvalidSetting where the API must not be bound to that host; before anything is opened."""
    rules = read_rules(settings)
    if host in LOOPBACK:
        return
    if rules.mode == "none" and not any_host:
        raise InvalidSetting(
            f"Without a login the API binds only to loopback, not to {host[:60]}",
            cure="Set TTA_AUTH and TTA_ALLOWED_HOSTS, or see --any-host in `tta serve --help`.",
            choices=["127.0.0.1", "localhost", "::1"],
        )
    if rules.mode != "none" and rules.hosts == frozenset(LOOPBACK) and not any_host:
        raise InvalidSetting(
            f"TTA_ALLOWED_HOSTS is empty: nobody could ask at {host[:60]}",
            cure="Set it to the names under which clients ask, such as play.example.",
        )


def _secret(settings: Settings) -> bytes:
    given = settings.auth_secret.get_secret_value().encode() if settings.auth_secret else b""
    if settings.auth_secret_file:
        if given:
            raise InvalidSetting("TTA_AUTH_SECRET and TTA_AUTH_SECRET_FILE are both set", cure="Unset one of them.")
        try:
            with settings.auth_secret_file.open("rb") as file:
                given = file.read(_SECRET_FILE_BYTES).strip()
        except OSError as error:
            raise InvalidSetting(
                f"TTA_AUTH_SECRET_FILE cannot be read: {error.strerror}",
                place=str(settings.auth_secret_file),
                cure="Correct the path, or who may read it.",
            ) from None
    if len(given) < SECRET_BYTES:
        what = f"has {len(given)} bytes" if given else "is not set"
        raise InvalidSetting(
            f"TTA_AUTH_SECRET {what}: it signs the tokens, and needs {SECRET_BYTES}",
            cure="Make one, `openssl rand -hex 32`, and set it or TTA_AUTH_SECRET_FILE.",
        )
    return given


def _check_external(settings: Settings) -> None:
    for name in ("auth_issuer", "auth_audience", "auth_jwks_url"):
        if not getattr(settings, name):
            raise InvalidSetting(
                f"TTA_{name.upper()} is not set: TTA_AUTH=jwks needs it", cure=f"Set TTA_{name.upper()}."
            )
    if settings.auth_secret or settings.auth_secret_file:
        raise InvalidSetting("TTA_AUTH_SECRET has no use with TTA_AUTH=jwks", cure="Unset it.")
    try:
        parts = urlsplit(settings.auth_jwks_url)
        usable = bool(parts.hostname) and not parts.username and not parts.fragment and parts.port != 0
        usable &= parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    except ValueError:
        usable = False
    if not usable:
        raise InvalidSetting(
            "TTA_AUTH_JWKS_URL is no address that keys may come from", cure="Write https://HOST/PATH, without a login."
        )


def _listed(given: str, name: str, fits: Callable[[str], bool]) -> frozenset[str]:
    found = [part.strip().lower() for part in given.split(",") if part.strip()]
    for part in found:
        if not fits(part):
            raise InvalidSetting(f"{name}: '{part[:60]}' cannot stand there", cure=f"Correct {name}; no `*`, no paths.")
    return frozenset(found)


def _host(given: str) -> bool:
    return bool(_HOST.fullmatch(given))


def _origin(given: str) -> bool:
    try:
        parts = urlsplit(given)
        return (
            parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" == given and bool(parts.hostname)
        )
    except ValueError:
        return False
