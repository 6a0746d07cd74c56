"""Tracing by LangSmith is off wherever a player's words are.

LangGraph and LangChain send all that passes through them to LangSmith as soon as the environment has LANGSMITH_TRACING=true,
which many developers set once for all that they do. What players type does not leave the machine that way: a turn's own
trace (`tta trace`) tells what it did.
"""

from contextlib import AbstractContextManager


def kept_here() -> AbstractContextManager[None]:
    """Within it, and in tasks that begin there, nothing is told to LangSmith."""
    from langsmith import tracing_context  # noqa: PLC0415 - most of LangChain's import; here a model or a graph is run

    return tracing_context(enabled=False)
