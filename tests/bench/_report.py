"""What the benchmarks share: figures of a series, and bars."""

import statistics
from collections.abc import Sequence

from api.cli.benchmarks import Bar


def figures(seconds: Sequence[float]) -> dict[str, float]:
    """A series of seconds as milliseconds: median and 95th percentile."""
    ordered = sorted(seconds)
    return {
        "median_ms": round(statistics.median(ordered) * 1000, 4),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000, 4),
    }


def at_most(what: str, figure: float, bar: float) -> Bar:
    """The bar holds when the figure is not above it."""
    return Bar(what=what, figure=round(figure, 4), bar=bar, holds=figure <= bar)


def at_least(what: str, figure: float, bar: float) -> Bar:
    """The bar holds when the figure is not below it."""
    return Bar(what=what, figure=round(figure, 4), bar=bar, holds=figure >= bar)
