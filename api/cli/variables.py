"""Variables of the environment that are named like settings and are none: a slip of the hand is else a default."""

import os
from collections.abc import Sequence
from difflib import get_close_matches

from agents.errors import InvalidSetting

PREFIX = "TTA_"
_TESTS = ("TTA_REQUIRE_",)
"""Variables of the test suite."""

_BESIDE = ("TTA_NO_CACHE", "TTA_SERVE_ANY_HOST", "TTA_SERVE_PROCESSES", "TTA_METRICS_PORT")
"""What is read by the command itself, or stands for one of its options."""


def given_variables() -> list[str]:
    """Those that are named like settings, by name."""
    return sorted(name for name in os.environ if name.startswith(PREFIX) and not name.startswith(_TESTS))


def unknown_variables() -> list[InvalidSetting]:
    """An error for each that no setting has, with the setting that was probably meant."""
    if not (given := given_variables()):
        return []
    from graphs.settings import FOLDER, Settings  # noqa: PLC0415 - only where there is anything to compare

    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields] + [FOLDER, *_BESIDE]
    return [_unknown(name, known) for name in given if name not in known]


def _unknown(name: str, known: Sequence[str]) -> InvalidSetting:
    close = get_close_matches(name, known, n=1)
    cure = f"Did you mean {close[0]}?" if close else "Take it out, or look for its name in the README."
    return InvalidSetting(f"{name} is no setting", cure=cure)
