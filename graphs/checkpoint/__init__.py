"""LangGraph checkpoints on plain Redis: core commands, no modules, no server-side settings, safe in a Cluster.

    async with RedisSaver.from_url("redis://localhost:6379", keep=20) as saver:
        graph = builder.compile(checkpointer=saver)

Nothing here imports anything else of this project: lift it out if you need it.
"""

from graphs.checkpoint.codec import CheckpointDamaged
from graphs.checkpoint.saver import RedisSaver

__all__ = ["CheckpointDamaged", "RedisSaver"]
