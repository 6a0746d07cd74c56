"""What a turn adds to be a keyframe: the snapshot, and the lists that find ancestors (see `graphs.memory.cypher`)."""

from typing import Any

from graphs.memory.cypher import BLOCK
from graphs.memory.ledger import replay, settle, steps
from graphs.memory.records import encode
from graphs.memory.shapes import Commit


def keyframe(parent: list[dict[str, Any]], commit: Commit) -> dict[str, Any]:
    """The parameters by which `commit` becomes a keyframe, from the LEDGER row of its parent; none without a parent.

    The slots that the commit gives are believed. What the parent's ledger and the turn's changes do not account for is
    put down to this turn.
    """
    if not parent:
        return {}
    row, turn = parent[0], commit.turn
    turn_id, number = turn["turn_id"], turn["number"]
    ledger = replay(row["snapshot"], [*steps(row["walk"]), (turn_id, number, encode(turn["changes"]))])
    if commit.slots is not None:
        ledger = settle(ledger, commit.slots, number, turn_id)
    # The root is a keyframe of no block; the keyframe that closed a block leaves the next one empty.
    opens_block = row["number"] % BLOCK == 0
    return {
        "keyframe": turn_id,
        "snapshot": encode(ledger),
        "segment": [*row["tail"], turn_id],
        "leaves": [*([] if opens_block else row["leaves"]), turn_id],
        "blocks": [*row["blocks"], *([turn_id] if number % BLOCK == 0 else [])],
    }
