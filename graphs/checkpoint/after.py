"""The common case of a put: a checkpoint right after the newest one, which its writer has just written or read.

Told what the writer knows, the script (`lua/after.lua`) compares one field and writes, without unpacking anything: half of
the time that the whole script takes. If the head is another one by then, it says so and the whole script decides.
"""

from collections.abc import Mapping
from typing import NamedTuple

from graphs.checkpoint.codec import Heading, Packed
from graphs.checkpoint.keys import NUL

MOST_VALUES = 200
"""A Lua call takes some thousand arguments at the most."""

Argument = str | bytes | int


class After(NamedTuple):
    """How a checkpoint stands to the head before it."""

    head: Heading
    new: Heading
    replaces: bool
    """It takes the head's place; else the head passes into the past."""
    most: int | str
    """How many checkpoints of the past may stay; empty if none is to go."""
    counted: frozenset[str]
    """Large values that one checkpoint more, or one less, refers to afterwards."""

    @classmethod
    def of(
        cls, ns: str, head: Heading | None, new: Heading, fresh: Mapping[str, Packed], *, keep: int, goes_on: bool
    ) -> "After | None":
        """None where it is not that simple, or where `head` may lack a value that `new` refers to."""
        if head is None or not keep or new.kind == "d" or new.id <= head.id or ":" in ns:
            return None
        held, wanted = frozenset(head.refs), frozenset(new.refs)
        if not wanted <= held | fresh.keys() or len(held) + len(wanted) > MOST_VALUES:
            return None
        if takes_place(head, new):
            return cls(head, new, True, "" if goes_on else keep - 1, held - wanted)
        return cls(head, new, False, keep - 1 + goes_on, held & wanted)

    def arguments(
        self, ns: str, record: bytes, metadata: bytes, heading: bytes, fresh: Mapping[str, Packed], ttl_ms: int
    ) -> list[Argument]:
        """The script's ARGV; `heading` is that of the new one, packed."""
        args: list[Argument] = [self.head.pack(), ns, self.head.id, record, metadata, heading, self.most, ttl_ms]
        args += ("1" if self.replaces else "", _of_run(ns, self.head), _of_run(ns, self.new), len(fresh))
        for value, packed in fresh.items():
            args += (value, packed)
        args += self.counted
        return args


def takes_place(head: Heading | None, new: Heading) -> bool:
    """Whether the new one takes the place of this head: that before it in its turn. As `follows` in `lua/apply.lua`."""
    if head is None or new.kind not in ("s", "r") or new.parent != head.id:
        return False
    if new.kind == "r":
        return True
    try:
        return int(new.step) == int(head.step) + 1
    except ValueError:  # a writer's own idea of a step
        return False


def _of_run(ns: str, heading: Heading) -> str:
    """A checkpoint's entry in the list of its run's, empty without a run."""
    return NUL.join(("x", heading.run, ns, heading.id)) if heading.run else ""
