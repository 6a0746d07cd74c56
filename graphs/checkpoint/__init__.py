"""LangGraph checkpoints on plain Redis: core commands, no modules, no server-side settings, safe in a Cluster.

    async with RedisSaver.from_url("redis://localhost:6379", keep=20) as saver:
        graph = builder.compile(checkpointer=saver)

Nothing here imports anything else of this project: lift it out if you need it.
"""

from typing import TYPE_CHECKING, Any

from graphs.checkpoint.errors import (
    CannotPrune,
    CheckpointDamaged,
    CheckpointError,
    CheckpointUnreadable,
    StoreFull,
    StoreNewer,
    StoreReadOnly,
    StoreRefused,
    StoreUnreachable,
    ValueTooLarge,
)

if TYPE_CHECKING:
    from graphs.checkpoint.saver import RedisSaver


def __getattr__(name: str) -> Any:
    """The saver, when it is asked for: it brings LangGraph with it, which those that only know the errors do not need."""
    if name == "RedisSaver":
        from graphs.checkpoint.saver import RedisSaver  # noqa: PLC0415

        return RedisSaver
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CannotPrune",
    "CheckpointDamaged",
    "CheckpointError",
    "CheckpointUnreadable",
    "RedisSaver",
    "StoreFull",
    "StoreNewer",
    "StoreReadOnly",
    "StoreRefused",
    "StoreUnreachable",
    "ValueTooLarge",
]
