"""The upper layers of the embedder as the safety classifier has tuned them: texts' states in, a score a head out.

The file is `prompts/safety/classifier.onnx`, made by `tta safety train` (`agents/safety/classifying/tuning.py` says how):
two layers of all-MiniLM-L6-v2 (Apache-2.0) with int8 weights, 3.6 MB. They read what the embedder's fourth layer says, so
a text that is embedded already costs 35 to 41 % more.
"""

import threading
from collections.abc import Callable
from typing import Any

from agents.models.embedding import States
from agents.models.onnx import open_session


class TunedLayers:
    """Reads its file when it is first asked. Safe to share between threads."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._loading = threading.Lock()
        self._session: Any = None

    def scores_now(self, states: States) -> list[list[float]]:
        """Of each text, of each head in the order in which they were trained. Raises what `read` and the vendor raise."""
        with self._loading:
            self._session = self._session or open_session(self._read())
        [scores] = self._session.run(["scores"], {"hidden": states.beneath, "mask": states.mask})
        return scores.tolist()
