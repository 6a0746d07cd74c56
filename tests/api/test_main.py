"""The entry of the command: whose packages are imported, and where compiled modules are kept."""

import sys
from importlib import import_module, metadata

import pytest

from api.cli.run import run

entry = import_module("api.cli.main")  # `api.cli.main` is also the function of that name


def test_our_own_packages_are_not_shadowed() -> None:
    assert entry.shadowed() == ""


@pytest.mark.parametrize(("forbidden", "switch", "kept"), [(True, "", True), (True, "1", False), (False, "", False)])
def test_compiled_modules_are_kept_where_none_may_stand_beside_the_packages(
    forbidden: bool, switch: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", forbidden)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setenv("TTA_NO_CACHE", switch)
    entry.keep_compiled()
    assert (sys.pycache_prefix is not None) == kept
    assert sys.dont_write_bytecode == (forbidden and not kept)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"tta {metadata.version('tta')}\n"
