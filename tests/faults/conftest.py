"""Options of the long fault tests: a small count by default, the full one when it is asked for."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="kill -9 so many times at random moments of scripted play")
    parser.addoption("--kill-seed", type=int, default=1, help="the seed of those moments")
