"""An external issuer's keys (RFC 7517): fetched from the one address that the operator typed, kept for ten minutes.

No redirect is followed, no proxy and no address of a token's header (`jku`, `x5u`) is asked; size and time are bounded. A
key that is not known makes them be fetched once more, but not for everybody who invents one.
"""

import asyncio
import json
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from agents.errors import StoreUnavailable
from api.auth.tokens import Timed

KEPT_S = 600
"""How long keys are good without asking again: a key that the issuer withdraws opens nothing after that."""

PAUSE_S = 30
"""Shortest time between two fetches."""

FETCH_S = 5.0
LARGEST = 256 * 1024
MOST_KEYS = 100
RSA_BITS = 2048
"""The least that an RSA key may have (RFC 7518, 3.3)."""

PublicKey = RSAKey | ECKey | OKPKey


class IssuerUnavailable(StoreUnavailable):
    title = "The issuer of tokens is not reachable"


class Jwks:
    """The keys of one issuer. `transport` stands in for the network in tests."""

    def __init__(self, url: str, timed: Timed, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._timed = timed
        self.transport = transport
        self._keys: list[tuple[str, PublicKey]] = []
        self._fetched = self._tried = float("-inf")
        self._one = asyncio.Lock()

    async def find(self, algorithm: str, kid: str | None) -> PublicKey | None:
        """The key of that id for that algorithm; without an id the only one there is. Raises IssuerUnavailable."""
        if self._now() - self._fetched >= KEPT_S:
            await self._refresh()
        if self._now() - self._fetched >= KEPT_S:
            raise IssuerUnavailable("The keys of the issuer cannot be fetched", cure="Try again in half a minute.")
        found = self._found(algorithm, kid)
        if found is None and self._now() - self._tried >= PAUSE_S:
            await self._refresh()
            found = self._found(algorithm, kid)
        return found

    def _found(self, algorithm: str, kid: str | None) -> PublicKey | None:
        fitting = [key for known, key in self._keys if kid in (None, known) and _fits(key, algorithm)]
        return fitting[0] if len(fitting) == 1 else None

    async def _refresh(self) -> None:
        """Fetches, unless that was tried a moment ago. What is wrong is not told: the keys stay as they are."""
        async with self._one:
            if self._now() - self._tried < PAUSE_S:
                return
            self._tried = self._now()
            try:
                self._keys, self._fetched = _read(await self._fetch()), self._now()
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError):
                return

    async def _fetch(self) -> bytes:
        """Raises ValueError for an answer that is none, httpx.HTTPError, TimeoutError."""
        client = httpx.AsyncClient(
            transport=self.transport, follow_redirects=False, trust_env=False, timeout=FETCH_S, verify=True
        )
        asked = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with asyncio.timeout(FETCH_S), client, client.stream("GET", self._url, headers=asked) as answer:
            if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("no keys")
            raw = b""
            async for chunk in answer.aiter_bytes():
                raw += chunk
                if len(raw) > LARGEST:
                    raise ValueError("too large")
        return raw

    def _now(self) -> float:
        return self._timed.clock.monotonic()


def _read(raw: bytes) -> list[tuple[str, PublicKey]]:
    """The usable keys of a set, by id. Raises ValueError where it is no set of keys."""
    said: Any = json.loads(raw)
    given: Any = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(given, list):
        raise ValueError("no set of keys")
    found: list[tuple[str, PublicKey]] = []
    for data in given[:MOST_KEYS]:
        key = _key(data) if isinstance(data, dict) else None
        if key:
            found.append((str(data.get("kid", "")), key))
    return found


def _key(data: dict[str, Any]) -> PublicKey | None:
    """A public key that signs; None for anything else: a symmetric or a private one in public is nobody's."""
    if "d" in data or "k" in data or data.get("use", "sig") != "sig":
        return None
    try:
        if data.get("kty") == "RSA" and len(str(data["n"])) * 6 >= RSA_BITS:  # in base64: the library only warns
            key = RSAKey.import_key(data)
            return key if key.raw_value.key_size >= RSA_BITS else None
        if data.get("kty") == "EC" and data.get("crv") == "P-256":
            return ECKey.import_key(data)
        if data.get("kty") == "OKP" and data.get("crv") == "Ed25519":
            return OKPKey.import_key(data)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None


_KINDS = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
ALGORITHMS = tuple(_KINDS)


def _fits(key: PublicKey, algorithm: str) -> bool:
    """A key is for algorithms of its kind, and where it names one, for no other."""
    return key.key_type == _KINDS.get(algorithm) and key.get("alg") in (None, algorithm)
