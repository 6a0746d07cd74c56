"""What only training needs: the libraries of the extra `train`, asked for when they are used."""

import importlib
from typing import Any

from agents.errors import InvalidSetting

NEEDED = ("sklearn.linear_model", "jax", "onnx")


def library(name: str) -> Any:
    """A module. Raises InvalidSetting where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InvalidSetting(
            "Training needs the extra `train`, which is not installed", cure="Install it: uv sync --extra train"
        ) from None


def check_libraries() -> None:
    """Raises InvalidSetting without the extra: before anything is embedded."""
    for name in NEEDED:
        library(name)
