"""How well the safety agent does on labelled sets: rates with their confidence intervals, and a precision-recall curve.

A set is a file of JSON Lines as `tta safety check` reads them, each line with `"expect"`: what the safety agent should do
with it, `crisis`, `check_in`, `danger` (either of the two), `refuse`, `stop` (anything but allow) or `allow`; and, if it
likes, a `"category"`. For lines that expect `allow` the rate is that of false alarms, in all and as crises; for others that
of hits.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from typing_extensions import TypedDict

from agents.errors import InvalidInput
from agents.safety.check import Conversation, Settle, check, read_conversations
from agents.safety.classifying.classifier import Classifier
from agents.safety.normalise import views
from agents.safety.screen import Screen

FITS: dict[str, frozenset[str]] = {
    "crisis": frozenset({"crisis"}),
    "check_in": frozenset({"check_in"}),
    "danger": frozenset({"check_in", "crisis"}),
    "refuse": frozenset({"refuse", "check_in", "crisis"}),
    "stop": frozenset({"refuse", "check_in", "crisis"}),
    "allow": frozenset({"allow"}),
}
"""Which actions are right for what is expected. A danger that is met with help is refused, too."""

RULE_SCORE = 99.0
"""What a crisis that a rule has found counts on the curve: it stands at every threshold."""

Z = 1.959964
"""The two-sided 95 % quantile of the normal distribution."""


class Labelled(NamedTuple):
    """A line of a set."""

    set: str
    category: str
    expect: str
    conversation: Conversation


class Rate(TypedDict):
    """Lines of a set and a category, and the share of them with its 95 % interval (Wilson, 1927), from 0 to 1."""

    set: str
    category: str
    what: str
    """`hit`; for lines that expect `allow`, `false_alarm` and `false_crisis`."""
    lines: int
    count: int
    rate: float
    low: float
    high: float


class Point(TypedDict):
    """The curve at one threshold of the classifier, the rules included."""

    threshold: float
    precision: float
    recall: float


class Report(TypedDict):
    rates: list[Rate]
    curve: list[Point]


def wilson(count: int, lines: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (E. B. Wilson, 1927, JASA 22:209): holds for rare events, too."""
    share, square = count / lines, Z * Z
    middle = (share + square / (2 * lines)) / (1 + square / lines)
    half = Z / (1 + square / lines) * math.sqrt(share * (1 - share) / lines + square / (4 * lines * lines))
    return max(0.0, middle - half), min(1.0, middle + half)


def read_sets(folder: Path) -> list[Labelled]:
    """All sets of a folder. Raises InvalidInput with file and line."""
    if folder.is_file():
        raise InvalidInput(
            "It is a file, and a folder is asked for", place=str(folder), cure="Name the folder it is in."
        )
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    if not files:
        raise InvalidInput("There is no set in it", place=str(folder), cure="Name a folder with *.jsonl files.")
    return [line for file in files for line in _set(file)]


def _set(path: Path) -> Iterator[Labelled]:
    try:
        if not path.is_file():
            raise InvalidInput("The set cannot be read: it is no plain file", place=str(path), cure="Take it away.")
        raw = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    except OSError as error:
        raise InvalidInput("The set cannot be read", place=str(path), cure="Take it away.") from error
    conversations = read_conversations(raw, str(path))
    for number, (line, conversation) in enumerate(zip(raw, conversations, strict=True), start=1):
        told = json.loads(line.decode("utf-8-sig"))
        expect, category = told.get("expect"), told.get("category", "")
        if not isinstance(expect, str) or expect not in FITS or not isinstance(category, str):
            raise InvalidInput(
                "The line does not say what to expect",
                place=f"{path}:{number}",
                cure='Give it "expect".',
                choices=list(FITS),
            )
        yield Labelled(path.stem, category, expect, conversation)


def report(
    screen: Screen, lines: Sequence[Labelled], classifier: Classifier | None, judge: Settle | None = None
) -> Report:
    """Screens all lines. The curve is that of single texts that expect `crisis` against those that expect `allow`."""
    acted = [(line, check(screen, line.conversation, judge)["action"]) for line in lines]
    scored = [
        (line.expect == "crisis", _score(classifier, line.conversation.messages[0], action == "crisis"))
        for line, action in acted
        if classifier and line.expect in ("crisis", "allow") and len(line.conversation.messages) == 1
    ]
    return Report(rates=list(_rates(acted)), curve=curve(scored))


def _score(classifier: Classifier, text: str, is_crisis: bool) -> float:
    found = classifier.scores(views(text)).get("crisis", -RULE_SCORE)
    return RULE_SCORE if is_crisis and found < classifier.at.crisis else found


def _rates(acted: Sequence[tuple[Labelled, str]]) -> Iterator[Rate]:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for line, action in acted:
        groups.setdefault((line.set, "", line.expect), []).append(action)
        if line.category:
            groups.setdefault((line.set, line.category, line.expect), []).append(action)
    for (name, category, expect), actions in sorted(groups.items()):
        if expect == "allow":
            yield _rate(name, category, "false_alarm", [action != "allow" for action in actions])
            yield _rate(name, category, "false_crisis", [action == "crisis" for action in actions])
        else:
            yield _rate(name, category, f"hit_{expect}", [action in FITS[expect] for action in actions])


def _rate(name: str, category: str, what: str, found: Sequence[bool]) -> Rate:
    count, lines = sum(found), len(found)
    low, high = wilson(count, lines)
    return Rate(
        set=name, category=category, what=what, lines=lines, count=count,
        rate=round(count / lines, 5), low=round(low, 5), high=round(high, 5),
    )  # fmt: skip


def curve(scored: Iterable[tuple[bool, float]]) -> list[Point]:
    """Precision and recall at each threshold, from the strictest on."""
    ordered = sorted(scored, key=lambda one: -one[1])
    positives = sum(own for own, _ in ordered)
    points: list[Point] = []
    hits = 0
    for seen, (own, score) in enumerate(ordered, start=1):
        hits += own
        if seen == len(ordered) or ordered[seen][1] != score:
            points.append(
                Point(
                    threshold=round(score, 3),
                    precision=round(hits / seen, 4),
                    recall=round(hits / max(positives, 1), 4),
                )
            )
    return points


def draw(points: Sequence[Point], at: float) -> str:
    """The curve as an SVG, with the operating point on it: recall to the right, precision up, both from 0 to 1."""
    side, edge = 400, 50

    def place(point: Point) -> str:
        return f"{edge + point['recall'] * side:.1f},{edge + (1 - point['precision']) * side:.1f}"

    here = next((point for point in reversed(points) if point["threshold"] >= at), None)
    ticks = "".join(
        f'<text x="{edge + step * side / 5:.0f}" y="{edge + side + 20}" text-anchor="middle">{step / 5:.1f}</text>'
        f'<text x="{edge - 8}" y="{edge + side - step * side / 5 + 4:.0f}" text-anchor="end">{step / 5:.1f}</text>'
        for step in range(6)
    )
    mark = ""
    if here:
        x, y = place(here).split(",")
        says = f"precision {here['precision']:.3f}, recall {here['recall']:.3f}"
        mark = (
            f'<circle cx="{x}" cy="{y}" r="5" fill="#b3261e"/><text x="{edge + 8}" y="{edge + side - 10}">{says}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side + 2 * edge} {side + 2 * edge}" '
        f'font-family="sans-serif" font-size="13"><title>Crisis: precision and recall</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<rect x="{edge}" y="{edge}" width="{side}" height="{side}" fill="none" stroke="#888"/>{ticks}'
        f'<text x="{edge + side / 2:.0f}" y="{side + 2 * edge - 8}" text-anchor="middle">recall</text>'
        f'<text x="14" y="{edge - 14}">precision</text>'
        f'<polyline points="{" ".join(map(place, points))}" fill="none" stroke="#1b5e8c" stroke-width="2"/>{mark}</svg>\n'
    )
