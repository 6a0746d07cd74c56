"""Encryption at rest: what a player wrote and was told is sealed before a store gets it, and opened when it comes back.

`TTA_ENCRYPTION_KEYS` holds one or more Fernet keys (AES-128-CBC with HMAC-SHA-256, by `cryptography`, extra
`encryption`), parted by commas: the first seals, all open. A new key goes in front, `tta sessions reseal` rewrites what
the old ones sealed, and then these can go. Sealed are all texts, changes, names of people, titles, topics to avoid and
characters in the graph, and in Redis traces, events, accepted actions and checkpoints. Not sealed are ids and names of
branches, numbers, times, which player, which world, levels of risk, and the author's world text. An export is plain.

What it costs: the full-text index sees nothing, so recall looks through the last turns of the branch only, 32 to 63 of
them (`search.LATELY`). With `TTA_ENCRYPTION_SEARCH=hashed` the index sees keyed hashes of the words and all is found as
before; whoever has the store can then see that a word recurs and how often, though not which it is. Vectors are not
to be had: they tell what a text was about.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Protocol, cast

from agents.errors import InvalidSetting, StoreSealed

MARK = "\x1es1:"
"""Begins a sealed text; then the key's id, `:` and a Fernet token. No text of a story has a record separator."""

FIELDS = frozenset({"body", "changes", "snapshot", "focus", "text", "so_far", "title", "heard", "avoid", "character"})
"""Parameters of statements, and properties of nodes, that hold a text to be sealed; and `people`, which are several."""

_PROOF = "tta"


class Seal(Protocol):
    """Between a text and what a store may know of it."""

    key: str
    """The id of the key that seals; empty where nothing is sealed."""
    hashed: bool
    """Whether sealed words can be searched by their hashes."""

    def close(self, text: str) -> str: ...

    def open(self, text: str) -> str:
        """Raises StoreSealed for what no key opens. A text that was never sealed is returned as it is."""
        ...

    def word(self, stem: str) -> str:
        """The word as the full-text index may know it."""
        ...


class PlainSeal:
    """No encryption; and a text that is sealed after all is told."""

    key = ""
    hashed = True

    def close(self, text: str) -> str:
        return text

    def open(self, text: str) -> str:
        if text.startswith(MARK):
            raise _sealed()
        return text

    def word(self, stem: str) -> str:
        return stem


PLAIN: Seal = PlainSeal()


class FernetSeal:
    """Sealed with the first of some keys. Raises InvalidSetting for a key that is none, or without `cryptography`."""

    def __init__(self, keys: Sequence[str], *, hashed: bool = False) -> None:
        try:
            from cryptography.fernet import Fernet  # noqa: PLC0415 - only who encrypts needs it
        except ImportError:
            raise InvalidSetting(
                "TTA_ENCRYPTION_KEYS needs the extra `encryption`", cure="Install it: uv sync --extra encryption"
            ) from None
        try:
            self._keys = {key_id(key): Fernet(key) for key in keys}
        except ValueError:
            raise InvalidSetting(
                "A key of TTA_ENCRYPTION_KEYS is none: it must be 32 bytes in url-safe base64",
                cure="Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
            ) from None
        self.key = key_id(keys[0])
        self.hashed = hashed
        # A new key hashes otherwise: what the old one hashed is found again once it is resealed.
        self._word = hashlib.sha256(b"tta words" + keys[0].encode()).digest()

    def close(self, text: str) -> str:
        return f"{MARK}{self.key}:{self.encrypt(text.encode('utf-8', 'surrogatepass')).decode()}"

    def open(self, text: str) -> str:
        if not text.startswith(MARK):
            return text
        name, _, token = text[len(MARK) :].partition(":")
        return self.decrypt(name, token.encode()).decode("utf-8", "surrogatepass")

    def encrypt(self, plain: bytes) -> bytes:
        """A Fernet token of the first key."""
        return self._keys[self.key].encrypt(plain)

    def decrypt(self, name: str, token: bytes) -> bytes:
        """What the key of that id sealed. Raises StoreSealed."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._keys[name].decrypt(token)
        except (KeyError, InvalidToken):
            raise _sealed() from None

    def word(self, stem: str) -> str:
        # Ends in a digit, so that no stemmer shortens it.
        return f"h{hmac.digest(self._word, stem.encode(), 'sha256')[:10].hex()}0"


class CheckpointCipher:
    """LangGraph's `CipherProtocol` over the same keys, for checkpoints: the cipher's name is the key's."""

    def __init__(self, seal: FernetSeal) -> None:
        self._seal = seal

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return self._seal.key, self._seal.encrypt(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        return self._seal.decrypt(ciphername, ciphertext)


def key_id(key: str) -> str:
    """A key's name in the stores: says nothing of the key."""
    return hashlib.sha256(b"tta key" + key.encode()).hexdigest()[:8]


def close_parameters(seal: Seal, parameters: dict[str, Any]) -> dict[str, Any]:
    """A statement's parameters as the store may know them, those in lists of nodes too."""
    if not seal.key:
        return parameters
    closed = dict(parameters)
    for name, value in parameters.items():
        if name in FIELDS and isinstance(value, str):
            closed[name] = seal.close(value)
        elif name == "people":
            closed[name] = [seal.close(one) for one in cast(list[str], value or [])]
        elif name == "words" and isinstance(value, str):
            closed["stems"] = seal.close(value)
            closed["words"] = " ".join(seal.word(word) for word in value.split()) if seal.hashed else ""
        elif name == "node":
            closed[name] = close_parameters(seal, cast(dict[str, Any], value))
        elif name in ("rows", "moments"):
            closed[name] = [close_parameters(seal, node) for node in cast(list[dict[str, Any]], value)]
    return closed


def open_rows(seal: Seal, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A statement's rows with every sealed text opened, however deep."""
    return [{name: _opened(seal, value) for name, value in row.items()} for row in rows] if seal.key else rows


def _opened(seal: Seal, value: Any) -> Any:
    if isinstance(value, str):
        return seal.open(value)
    if isinstance(value, list):
        return [_opened(seal, one) for one in cast(list[Any], value)]
    if isinstance(value, dict):
        return {name: _opened(seal, one) for name, one in cast(dict[str, Any], value).items()}
    return value


def proof(seal: Seal) -> str | None:
    """What is kept with a store, so that other keys are told before anything is done. None where nothing is sealed."""
    return seal.close(_PROOF) if seal.key else None


def _sealed() -> StoreSealed:
    return StoreSealed("The store is encrypted with another key", cure="Put that key into TTA_ENCRYPTION_KEYS.")


def sealed_serde(seal: Seal) -> Any:
    """LangGraph's own serializer for checkpoints, sealed; None where nothing is."""
    if not isinstance(seal, FernetSeal):
        return None
    from langgraph.checkpoint.serde.encrypted import EncryptedSerializer  # noqa: PLC0415
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer  # noqa: PLC0415

    return EncryptedSerializer(CheckpointCipher(seal), JsonPlusSerializer(allowed_msgpack_modules=None))
