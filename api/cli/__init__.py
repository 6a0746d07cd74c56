"""The command `tta`."""

from api.cli.main import main

__all__ = ["main"]
