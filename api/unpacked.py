"""What a body holds once it is unpacked: inflated where it was compressed, and JSON that all readers read alike."""

import json
import math
import zlib
from typing import Any

from api.refusals import JSON_CURE, InvalidJson, InvalidText

NESTED = 64
"""How deep a body may be nested. What is kept of one is written as JSON again, and that ends at some 250 levels."""

PACKED = 3
"""How often a body is unpacked that was compressed again."""

_GZIP = b"\x1f\x8b"
_ANY, _RAW = 47, -15
"""zlib's `wbits`: gzip or zlib as the head says; deflate without a head."""


def check_json(raw: bytes) -> None:
    """Raises InvalidText, InvalidJson."""
    try:
        said = json.loads(raw.decode("utf-8"), parse_constant=_no_number, parse_float=_number, object_pairs_hook=once)
    except UnicodeDecodeError as error:
        raise InvalidText("The body is not UTF-8", place=f"byte {error.start}", cure=JSON_CURE) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise InvalidJson(f"The body is not JSON: {error.msg.lower()}", place=where, cure=JSON_CURE) from None
    except TwiceError:
        raise InvalidJson("An object in the body has a key twice", cure="Send each key once.") from None
    except (ValueError, RecursionError):
        raise InvalidJson("The body is not JSON that can be read here", cure=JSON_CURE) from None
    if _is_deep(said):
        raise InvalidJson(f"The body is nested deeper than {NESTED} levels", cure="Send it flatter.")
    if b"\\u" in raw and _has_halves(said):
        raise InvalidText("The body escapes half a letter (a lone surrogate)", cure="Escape both halves, or none.")


def _is_deep(said: Any) -> bool:
    level = [said]
    for _ in range(NESTED + 1):
        inside = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [inner for each in inside for inner in each]
        if not level:
            return False
    return True


def _has_halves(said: Any) -> bool:
    """Whether a text in it has no UTF-8: it could be kept nowhere."""
    try:
        json.dumps(said, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _no_number(name: str) -> float:
    raise ValueError(name)


def _number(text: str) -> float:
    """Raises ValueError for one that is larger than any here: it would be kept as infinity, which is no JSON."""
    if math.isinf(number := float(text)):
        raise ValueError(text)
    return number


class TwiceError(ValueError):
    """A key twice in one object: readers differ in which one counts, and what is screened might not be what is played."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises TwiceError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise TwiceError
    return found


def every(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What stands under a key twice as a list: a body that is refused for it is read for danger whole."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = [found[key], value] if key in found else value
    return found


def inflated(raw: bytes, encoding: str, most: int) -> bytes:
    """A compressed body's beginning, to be read for danger before it is refused; any other body as it is. `encoding` is its
    Content-Encoding: what says `deflate` often has no head.
    """
    for _ in range(PACKED):
        kind = _ANY if _is_compressed(raw) else _RAW if "deflate" in encoding else None
        if kind is None or not (inner := _members(raw, most, kind)):
            break
        raw = inner
    return raw


def _is_compressed(raw: bytes) -> bool:
    """By the magic number of gzip (RFC 1952), or by zlib's head, a multiple of 31 with the method 8 (RFC 1950)."""
    return raw[:2] == _GZIP or (len(raw) > 1 and raw[0] & 0x8F == 0x08 and int.from_bytes(raw[:2]) % 31 == 0)


def _members(raw: bytes, most: int, kind: int) -> bytes:
    """All members one after the other, up to `most` bytes; nothing where it cannot be read."""
    read = b""
    while raw and len(read) < most:
        member = zlib.decompressobj(wbits=kind)
        try:
            read += member.decompress(raw, most - len(read))
        except zlib.error:
            break
        if not member.eof:
            break
        raw = member.unused_data
    return read
