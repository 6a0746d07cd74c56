"""`tta safety train` makes the classifier's weights anew or compares them; `tta safety report` scores labelled sets."""

import hashlib
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agents.safety.classifying.corpus import Example
    from agents.safety.classifying.training import Tell

from agents.errors import InvalidInput, InvalidSetting
from api.cli.output import check_writable, print_json, table


def register(safety: typer.Typer) -> None:
    """Adds the command."""
    safety.command("train", help=TRAIN)(train)
    safety.command("report", help=REPORT)(report)


TRAIN = "Train the classifier from its corpus, or --check it; the same bytes each time. Takes about half an hour."

REPORT = """Score labelled sets: rates with their intervals, and a curve.

FOLDER holds a set a file, *.jsonl, of lines such as {"id": 1, "text": "go north", "expect": "allow", "category": "play"}, or
"messages": [...] instead of "text". "expect" is crisis, check_in, danger (either of the two), refuse, stop (anything but
allow) or allow; "category" is any word, and may be left out.

--json: {"rates": [{"set", "category", "what", "lines", "count", "rate", "low", "high"}], "curve": [{"threshold",
"precision", "recall"}]}."""


def train(
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="A folder of grammars; without one, the shipped corpus.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write the weights to this file and the network beside it (.onnx), not over the shipped ones."
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--check", help="Write nothing: tell whether the weights in force come out, byte for byte.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object.")] = False,
) -> None:
    from agents.safety.classifying.corpus import read_corpus  # noqa: PLC0415 - none of it is needed for a command's help
    from agents.safety.classifying.library import check_libraries  # noqa: PLC0415
    from agents.safety.classifying.network import beside  # noqa: PLC0415
    from agents.safety.classifying.training import fingerprint  # noqa: PLC0415
    from agents.safety.classifying.weights import weights_file  # noqa: PLC0415

    path = out or weights_file()
    files = (path, beside(path))
    if path == files[1]:
        cure = "Name a file that ends in .bin: the network goes beside it, as .onnx."
        raise InvalidSetting("The weights would be where the network goes", place=str(path), cure=cure)
    check_libraries()
    if not compare:
        for file in files:
            check_writable(file, "file of weights")
    examples = read_corpus(corpus)
    began = time.monotonic()
    same = True
    for file, made in zip(files, _made(examples), strict=True):
        same &= file.is_file() and file.read_bytes() == made
        if not compare:
            file.write_bytes(made)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        told = {"file": str(path), "network": str(files[1]), "examples": len(examples), "corpus": fingerprint(examples)}
        print_json({**told, "same": same, "seconds": seconds})
    else:
        verb = "come out byte for byte" if same else "do not come out" if compare else "are new"
        typer.echo(f"{path}: the weights {verb}, from {len(examples):,} examples in {seconds:.0f} s.")
    if compare and not same:
        raise InvalidInput(
            "The weights are not those of this corpus on this machine",
            place=str(path),
            cure="Train them: tta safety train",
        )


def _made(examples: "list[Example]") -> "tuple[bytes, bytes]":
    """The bytes of the weights' file, and of the network's."""
    from agents.models.embedding import LAYERS, TUNED, minilm  # noqa: PLC0415
    from agents.safety.classifying.classifier import PIECES  # noqa: PLC0415
    from agents.safety.classifying.training import fingerprint  # noqa: PLC0415
    from agents.safety.classifying.training import train as train_on  # noqa: PLC0415
    from agents.safety.classifying.tuning import tune  # noqa: PLC0415
    from agents.safety.classifying.weights import encode  # noqa: PLC0415

    model, tell = minilm(), teller()
    network = tune(examples, model, beneath=LAYERS - TUNED, corpus=fingerprint(examples), tell=tell)
    embed, sha256 = partial(model.embed_now, most=PIECES), hashlib.sha256(network).hexdigest()
    weights = train_on(examples, embed, embedder="all-MiniLM-L6-v2 int8", network=sha256, tell=tell)
    return encode(weights), network


def teller() -> "Tell":
    """Says on stderr how far it is; where nobody looks, once every tenth part."""
    tenths: dict[str, int] = {}

    def tell(what: str, done: int, of: int) -> None:
        tenth = 10 * done // max(of, 1)
        if sys.stderr.isatty() or tenths.get(what) != tenth:
            typer.echo(f"{what}: {done:,} of {of:,}", err=True)
        tenths[what] = tenth

    return tell


def report(
    folder: Annotated[
        Path,
        typer.Argument(help="The folder of the sets."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, instead of a table.")] = False,
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw the precision-recall curve into this file.")] = None,
) -> None:
    from agents.safety.classifying.classifier import shipped_classifier  # noqa: PLC0415
    from agents.safety.report import draw, read_sets  # noqa: PLC0415
    from agents.safety.report import report as reported  # noqa: PLC0415
    from agents.safety.screen import Screen  # noqa: PLC0415
    from graphs.archive.files import writing  # noqa: PLC0415
    from graphs.settings import read_settings  # noqa: PLC0415

    if svg:
        check_writable(svg)
        if svg.suffix != ".svg":
            raise InvalidSetting(f"'{svg.name}' is no picture", place=str(svg), cure="Name a file that ends in .svg.")
    sets, classifier = read_sets(folder), shipped_classifier()
    screen = Screen.load(read_settings().safety_dir)
    found = reported(screen, sets, classifier)
    if svg:
        with writing(svg, force=True) as file:
            file.put(draw(found["curve"], classifier.at.crisis).rstrip())
    if as_json:
        print_json(found)
        return
    if svg:
        typer.echo(f"Drawn into {svg}.")
    rows = [
        [rate["set"], rate["category"] or "all", rate["what"].replace("_", " "), f"{rate['count']} of {rate['lines']}",
         f"{rate['rate']:.1%}", f"{rate['low']:.1%} to {rate['high']:.1%}"]
        for rate in found["rates"]
    ]  # fmt: skip
    table(["set", "category", "what", "lines", "rate", "95 % interval"], rows)
