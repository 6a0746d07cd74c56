"""Versions of channels: which of two values is newer, told by their text.

Eight hex digits that count, twelve by chance, so that no two writers make the same: two forks of one checkpoint write
different values under the same count. LangGraph's own savers take more than twice the room, and versions are most of a
checkpoint. Theirs (`00...012.0345`) sort before ours and are counted on from.
"""

import random

_COUNT, _CHANCE = 8, 12


def following(current: str | int | float | None) -> str:
    """A version after `current`, of 20 characters."""
    count = 0 if current is None else _counted(str(current))
    return f"{count + 1:08x}{random.getrandbits(48):012x}"


def _counted(version: str) -> int:
    if len(version) == _COUNT + _CHANCE and "." not in version:
        return int(version[:_COUNT], 16)
    return int(version.partition(".")[0])
