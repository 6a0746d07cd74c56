"""What watches, within one test."""

from collections.abc import Iterator

import pytest
from watched import Log, Spans, logged_here, traced_here

from api.observability.opening import figures
from graphs.telemetry import watch


@pytest.fixture
def spans() -> Iterator[Spans]:
    with traced_here() as found:
        yield found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    with logged_here(monkeypatch) as found:
        yield found


@pytest.fixture(autouse=True)
def counted() -> None:
    """Figures watch from a process's first app on; so they do here, whichever test comes first."""
    watch(figures())
