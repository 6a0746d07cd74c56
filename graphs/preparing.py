"""The turn graph and its checkpoints, imported and built when the first turn needs them, or before it by whoever says so.

LangGraph and LangChain take longer to import than all else together. Whoever opens a story to read it, to list it or to be
asked for a first action needs neither: so this is the one place under the engine that imports them, and it does so late.
"""

import importlib
import threading
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphs.metering import StoryMeter
from graphs.sealing import sealed_serde

if TYPE_CHECKING:
    from graphs.checkpoint import RedisSaver

KEEP_TURNS = 2
"""Turns whose last checkpoint is kept, a line. What lasts is in story memory; these are only for stepping into."""

CHECKPOINT_TTL_S = 7 * 24 * 3600
"""Seconds that a line's checkpoints outlive its last turn: abandoned lines do not pile up."""

CHECKPOINT_PATIENCE_S = 4.0
"""How long a checkpoint is tried again before the turn is: that begins with bringing the server back."""

_LATE = ("graphs.turn", "graphs.watchedsaver", "graphs.modelcalls", "agents.models.offline", "agents.models.shielded")


class StoryPreparer(StoryMeter):
    """The part of StoryEngine that has the graph."""

    @cached_property
    def _saver(self) -> "RedisSaver":
        from graphs.watchedsaver import WatchedSaver  # noqa: PLC0415

        return WatchedSaver(
            self._stores.redis,
            keep=KEEP_TURNS,
            ttl=CHECKPOINT_TTL_S,
            patience=CHECKPOINT_PATIENCE_S,
            serde=sealed_serde(self._stores.seal),
        )

    @cached_property
    def _graph(self) -> Any:
        from graphs.turn import build_turn_graph  # noqa: PLC0415

        return build_turn_graph(self._saver)

    def prepare(self) -> None:
        """Imports and builds now what the first turn would wait for: for a process that many ask."""
        _import()
        _ = self._graph

    def prepare_soon(self) -> None:
        """Imports it while somebody reads. A first turn that comes at once waits for the same import; what fails in
        it fails there again, and is told there.
        """
        threading.Thread(target=_import_quietly, name="tta-turns", daemon=True).start()


def _import() -> None:
    for module in _LATE:
        importlib.import_module(module)


def _import_quietly() -> None:
    with suppress(Exception):
        _import()
