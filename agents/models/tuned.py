"""The upper layers of the embedder as the safety classifier has tuned them: texts' states in, a score a head out.

The file is `prompts/safety/classifier.onnx`, made by `tta safety train` (`agents/safety/classifying/tuning.py` says how):
two layers of all-MiniLM-L6-v2 (Apache-2.0) with int8 weights, 3.6 MB. They read what the embedder's fourth layer says, so
a text that is embedded already costs a third more.
"""

import importlib
import threading
from collections.abc import Callable
from typing import Any, cast

from agents.models.embedding import States, give_back


class TunedLayers:
    """Reads its file when it is first asked. Safe to share between threads."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._loading = threading.Lock()
        self._session: Any = None

    def scores_now(self, states: States) -> list[list[float]]:
        """Of each text, of each head in the order in which they were trained. Raises what `read` and the vendor raise."""
        with self._loading:
            self._session = self._session or self._load()
        [scores] = self._session.run(["scores"], {"hidden": states.beneath, "mask": states.mask})
        return scores.tolist()

    def _load(self) -> Any:
        engine = cast(Any, importlib.import_module("onnxruntime"))
        options = engine.SessionOptions()
        options.log_severity_level = 3  # errors alone
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        session = engine.InferenceSession(self._read(), options, providers=["CPUExecutionProvider"])
        give_back()
        return session
