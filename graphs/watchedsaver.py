"""The saver of the turn graph: it tells whoever watches what its calls take, and is else a RedisSaver.

Apart from `graphs.roundtrips`, since it needs LangGraph and the first prompt of `tta play` does not.
"""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from typing_extensions import override

from graphs.checkpoint.saver import RedisSaver
from graphs.roundtrips import told


class WatchedSaver(RedisSaver):
    """The saver of the turn graph."""

    @override
    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await told("checkpoint read", 1, super().aget_tuple(config))

    @override
    async def aput(self, *args: Any, **options: Any) -> RunnableConfig:
        return await told("checkpoint put", 1, super().aput(*args, **options))

    @override
    async def aput_writes(self, *args: Any, **options: Any) -> None:
        await told("checkpoint writes", 1, super().aput_writes(*args, **options))
