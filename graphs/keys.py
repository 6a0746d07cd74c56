"""How what Redis holds of a story is called, but for checkpoints, whose keys are their own (`graphs.checkpoint.keys`)."""

from typing import Any


def story_key(kind: str, story: str, turn_id: str = "", *, prefix: str = "tta") -> str:
    """`{prefix}:1:{kind}:{story}`, and `:{turn_id}` for what belongs to a turn. `story` is the hash tag, so that all of a
    story lies in one slot of a Cluster; 1 is the schema of these keys.
    """
    return f"{prefix}:1:{kind}:{{{story}}}" + (f":{turn_id}" if turn_id else "")


def text_of(value: Any) -> str:
    """What Redis answered as text, whether its client decodes or not."""
    return value.decode() if isinstance(value, bytes) else str(value)
