"""Models of the ONNX form, on one thread of this processor, with as little memory as they need."""

import ctypes
import importlib
from contextlib import suppress
from typing import Any, cast


def open_session(model: bytes) -> Any:
    """An onnxruntime session. Raises what the vendor raises."""
    engine = cast(Any, importlib.import_module("onnxruntime"))
    options = engine.SessionOptions()
    options.log_severity_level = 3  # errors alone
    options.intra_op_num_threads = 1  # a second gains nothing for one text, and spins while it waits
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # else the longest batch is kept for good
    session = engine.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # It keeps the file's bytes, 26 MB of two models, for another processor to begin anew with: there is none.
    session.disable_fallback()
    session._model_bytes = None
    del model
    _give_back()
    return session


def _give_back() -> None:
    """What the building of the session has freed goes back to the system: glibc keeps 60 MB of it otherwise."""
    with suppress(OSError, AttributeError):  # another C library has other ways
        ctypes.CDLL(None).malloc_trim(0)
