"""Between LangGraph's shapes and ours: which line a config names, and a stored checkpoint as LangGraph wants it."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointTuple

from graphs.checkpoint.codec import INPUT, Stored


def unfinished(checkpoint: Checkpoint) -> bool:
    """Whether the turn goes on: an input not yet read, or a node that has been triggered (LangGraph's channel names)."""
    values = checkpoint["channel_values"]
    if INPUT in values or values.get("__pregel_tasks"):
        return True
    if any([channel.startswith("branch:to:") for channel in values]):  # noqa: C419 a list takes half the time here
        return True
    return any(channel.startswith("join:") and _all_came(channel, values[channel]) for channel in values)


def _all_came(channel: str, came: Any) -> bool:
    """Whether a node that waits for several (`join:a+b:node`) has seen them all; a deferred one's are in a pair."""
    seen = came[0] if isinstance(came, tuple) else came
    return isinstance(seen, (set, frozenset)) and seen >= set(channel.split(":")[1].split("+"))


def line_of(config: RunnableConfig) -> tuple[str, str]:
    """The thread and namespace that a config names. Raises ValueError without a thread, else all who forget it share one."""
    configurable = config.get("configurable", {})
    if (thread := configurable.get("thread_id")) is None:
        raise ValueError("the config names no thread_id")
    return str(thread), configurable.get("checkpoint_ns") or ""


def config_of(thread: str, ns: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}


def as_tuple(thread: str, ns: str, stored: Stored) -> CheckpointTuple:
    return CheckpointTuple(
        config=config_of(thread, ns, stored.id),
        checkpoint=stored.checkpoint,
        metadata=stored.metadata,
        parent_config=config_of(thread, ns, stored.parent) if stored.parent else None,
        pending_writes=stored.writes,
    )
