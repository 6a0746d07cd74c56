"""LangGraph checkpoints on plain Redis: core commands, no modules, no server-side settings, safe in a Cluster.

    async with RedisSaver.from_url("redis://localhost:6379", keep=20) as saver:
        graph = builder.compile(checkpointer=saver)

Nothing here imports anything else of this project: lift it out if you need it.
"""

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
from graphs.checkpoint.saver import RedisSaver

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
