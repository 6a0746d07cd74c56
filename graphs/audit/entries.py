"""The shape of the audit: one entry a verdict that was anything but yes. It holds no words, only names of rules.

`hash` is HMAC-SHA256, cut to 128 bits, of the SHA-256 of the text as `normal` reads it, with the installation's key before
it: whoever holds a text can ask whether it is the one, and nobody can read it there. A narration has none: what a gate has
stopped is kept nowhere.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import TypedDict

from agents.story import Signal, Tier, Verdict

TURN = "turn"
"""`answer` of an entry whose text a turn has answered."""

UNTOLD = frozenset({"foreign_host", "foreign_origin"})
"""Answers that the webhook is not told of: any page that a browser opens could set it off."""

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_LEVELS: dict[str, int] = {"none": 0, "check_in": 1, "crisis": 2}


class Entry(TypedDict):
    """One verdict. `id` is its place in the stream, `at` when it was given (ISO 8601, UTC), `rules` the rules in force.

    `session` is empty where the request named none that there is, `turn` where no turn answers. `answer` is `turn`, or the
    code of the error with which the request was turned away (`agents.errors`).
    """

    id: str
    at: str
    session: str
    turn: str
    gate: Literal["action", "narration"]
    tier: Tier
    action: str
    categories: list[str]
    signals: list[Signal]
    rules: str
    hash: str
    answer: str


@dataclass(eq=False)
class Noted:
    """An entry on its way to the stream. `digest` is `digest_of` its text; empty where there is none."""

    entry: Entry
    mark: str
    """What is noted twice under one mark in one session is one entry."""
    digest: bytes = field(default=b"", repr=False)
    sure: bool = True
    """Whether there is such a session. Where that is not sure, its name may be anybody's words."""

    @property
    def level(self) -> int:
        return _LEVELS[self.entry["tier"]]

    @property
    def owed(self) -> bool:
        """Whether a webhook is to be told."""
        return self.entry["tier"] == "crisis" and self.entry["answer"] not in UNTOLD

    def counters(self) -> list[str]:
        """The counters that it adds one to: `verdicts|GATE|TIER|ACTION`, and `rewrites|CATEGORY` of a narration."""
        entry = self.entry
        found = [f"verdicts|{entry['gate']}|{entry['tier']}|{entry['action']}"]
        if entry["action"] == "rewrite":
            found += [f"rewrites|{category}" for category in entry["categories"] or ["other"]]
        return found


def counts_as_news(verdict: Verdict) -> bool:
    """Whether the audit keeps a verdict: all but plain permission."""
    return verdict["tier"] != "none" or verdict["action"] != "allow"


def build_entry(
    verdict: Verdict, *, at: str, rules: str, session: str = "", turn: str = "", answer: str = TURN
) -> Entry:
    """The entry of a verdict, without its id and its hash. What is no plain name in it is called `other`."""
    return Entry(
        id="",
        at=at,
        session=session,
        turn=turn,
        gate=verdict["gate"],
        tier=verdict["tier"],
        action=verdict["action"],
        categories=list(dict.fromkeys(map(_named, verdict["categories"]))),
        signals=[_signal(signal) for signal in verdict["signals"]],
        rules=rules,
        hash="",
        answer=answer,
    )


def _signal(signal: Signal) -> Signal:
    # The id of a fact goes on with names out of the world that is played: what kind it is says enough.
    name = signal["id"].partition(":")[0] if signal["source"] == "fact" else signal["id"]
    return Signal(
        source=signal["source"],
        id=_named(name),
        category=_named(signal["category"]),
        confidence=signal["confidence"],
    )


def _named(name: str) -> str:
    return name if _NAME.fullmatch(name) else "other"


def normal(text: str) -> str:
    """A text as it is hashed: compatibility forms, case and white space make no difference."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def digest_of(text: str) -> bytes:
    """Stands for the text while it waits for the key."""
    return hashlib.sha256(normal(text).encode("utf-8", "surrogatepass")).digest()


def hash_of(key: bytes, digest: bytes) -> str:
    """32 hex digits; empty without a digest."""
    return hmac.digest(key, digest, "sha256")[:16].hex() if digest else ""
