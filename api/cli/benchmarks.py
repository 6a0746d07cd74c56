"""`tta bench`: measurements, run on purpose and never by the tests. They live in a checkout's `tests/bench/`."""

import asyncio
import importlib.util
import inspect
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Protocol, cast

import typer
from typing_extensions import TypedDict

from agents.errors import InvalidInput, NotFound, StoryError
from api.cli.output import print_json, table

FOLDER = Path(__file__).parents[2] / "tests" / "bench"


class Bar(TypedDict):
    """What an issue asked of a figure. `bar` is the most that the figure may be, unless `what` says otherwise."""

    what: str
    figure: float
    bar: float
    holds: bool


class Report(TypedDict):
    """What a benchmark measured: figures by what was measured, peers among them."""

    results: dict[str, dict[str, float]]
    bars: list[Bar]


class Bench(Protocol):
    """A module of `tests/bench/`: its docstring says what it measures, `COUNT` how much of it by default."""

    COUNT: int

    async def run(self, count: int, tell: Callable[[str], None], **asked: Any) -> Report:
        """`asked` are the options that were given, of those that it takes by name."""
        ...


class UnknownBench(NotFound):
    exit_code = 2
    title = "There is no such benchmark"


class BenchFailed(StoryError):
    title = "The benchmark could not be brought to its end"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("bench", help="Measure; without a name, what can be measured.")(bench)


def bench(
    name: Annotated[str, typer.Argument(help="One benchmark; without it they are listed.")] = "",
    count: Annotated[
        int | None, typer.Option("--count", "--turns", min=1, help="How much; each has a full count of its own.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="What is played: a file, for a benchmark that takes one.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where a benchmark's own output goes, for one that has some.")
    ] = None,
    embedder: Annotated[
        str | None, typer.Option(help="What finds what sounds alike (minilm), for a benchmark that takes one.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="How long, for a benchmark that runs for a time.")
    ] = None,
    every: Annotated[
        float | None, typer.Option(min=1, help="Seconds from one blow to the next, for one that has such.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """Runs one benchmark. A bar that does not hold is told, and is no failure of the command."""
    found = {path.stem: path for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("_")}
    if not found:
        raise BenchFailed("The benchmarks are not installed", cure="Run `tta bench` in a checkout of the project.")
    if not name:
        _list(found, as_json)
        return
    if name not in found:
        raise UnknownBench(f"There is no benchmark '{name[:40]}'", choices=list(found))
    module = load(found[name])
    asked = _taken(name, module, {"data": data, "out": out, "embedder": embedder, "minutes": minutes, "every": every})

    def tell(progress: str) -> None:
        print(f"{name}: {progress}", file=sys.stderr, flush=True)

    report = asyncio.run(cast(Bench, module).run(count or module.COUNT, tell, **asked))
    if as_json:
        print_json({"bench": name, "machine": machine(), **report})
    else:
        _show(report)


def _taken(name: str, module: ModuleType, options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given. Raises InvalidInput for one that the benchmark has no use for."""
    given = {option: value for option, value in options.items() if value is not None}
    taken = inspect.signature(module.run).parameters
    for option in given:
        if option not in taken:
            raise InvalidInput(f"The benchmark '{name}' takes no --{option}")
    return given


def load(path: Path) -> ModuleType:
    """The module of a file. What the benchmarks share lies beside them and in `tests/`."""
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise BenchFailed(
            f"The benchmark needs the package '{error.name}'", cure="Install the peers: uv sync --group bench"
        ) from None
    return module


def machine() -> dict[str, Any]:
    """Where it was measured, so that a figure is not compared with another machine's."""
    return {
        "system": platform.system(),
        "arch": platform.machine(),
        "cores": os.cpu_count() or 0,
        "python": platform.python_version(),
    }


def _list(found: dict[str, Path], as_json: bool) -> None:
    about = {name: _first_line(path) for name, path in found.items()}
    if as_json:
        print_json([{"bench": name, "about": line} for name, line in about.items()])
    else:
        table(["bench", "measures"], [[name, line] for name, line in about.items()])


def _first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").split("\n", 1)[0].strip('"')


def _show(report: Report) -> None:
    for what, figures in report["results"].items():
        table([what, ""], [[figure, f"{number:,.3f}".rstrip("0").rstrip(".")] for figure, number in figures.items()])
    if report["bars"]:
        rows = [
            [b["what"], f"{b['figure']:.3f}", f"{b['bar']:g}", "holds" if b["holds"] else "MISSED"]
            for b in report["bars"]
        ]
        table(["bar", "figure", "asked", ""], rows)
