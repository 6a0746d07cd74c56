"""The synchronous half of the saver: refused, with what to call instead."""

from collections.abc import Iterator
from typing import Any, NoReturn

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

_REFUSAL = "RedisSaver is async only as yet: use ainvoke, astream, aget_state and the like"


class AsyncOnly(BaseCheckpointSaver[str]):
    """A saver that graphs driven with `invoke` or `stream` cannot use: they get a NotImplementedError that says so."""

    def get_tuple(self, config: RunnableConfig) -> NoReturn:
        """Refused: see `aget_tuple`."""
        raise NotImplementedError(_REFUSAL)

    def list(self, config: RunnableConfig | None, **kwargs: Any) -> Iterator[CheckpointTuple]:
        """Refused: see `alist`."""
        raise NotImplementedError(_REFUSAL)

    def put(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: see `aput`."""
        raise NotImplementedError(_REFUSAL)

    def put_writes(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: see `aput_writes`."""
        raise NotImplementedError(_REFUSAL)

    def delete_thread(self, thread_id: str) -> NoReturn:
        """Refused: see `adelete_thread`."""
        raise NotImplementedError(_REFUSAL)
