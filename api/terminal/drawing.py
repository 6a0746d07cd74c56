"""A graph as a picture, SVG or PNG, drawn here: no network, no system library, no font of the machine."""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from math import dist
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from langchain_core.runnables.graph import Graph

from api.terminal.layout import MARGIN, NODE_H, Layout, Point, Wire, lay_out

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

TITLE = "One turn of TTA"
LEGEND = (("always", False), ("one of these", True))

PAPER, CARD, EDGE, INK, FAINT, DARK = "#fbfaf7", "#ffffff", "#5b6b7a", "#22303c", "#8896a3", "#2f4858"
HEAD_H, FOOT_H = 48.0, 34.0
RADIUS, TEXT, SMALL, HEADING = 11.0, 14, 11, 17
ARROW_W, ARROW_H = 4.5, 8.0
DASH = (6.0, 5.0)
SCALE = 2
"""Pixels of the PNG for each unit of the layout."""
FINER = 3
"""How much finer the PNG is drawn before it is scaled down: Pillow draws lines with hard edges."""


def draw_svg(graph: Graph, title: str = TITLE) -> bytes:
    """The graph as an SVG document."""
    layout = lay_out(graph)
    width, height = _size(layout, title)
    shift = _shift(layout, width)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" font-family="Verdana, DejaVu Sans, sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        _text(title, width / 2, MARGIN + 4, HEADING, INK, weight="600"),
        f'<g transform="translate({shift:.1f} {HEAD_H:.1f})">',
    ]
    for wire in layout.wires:
        dashed = f' stroke-dasharray="{DASH[0]:g} {DASH[1]:g}"' if wire.conditional else ""
        parts.append(f'<path d="{_path(wire)}" fill="none" stroke="{EDGE}" stroke-width="1.6"{dashed}/>')
        parts.append(f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in _arrow(wire))}" fill="{EDGE}"/>')
        if wire.label:
            x, y = _label_place(wire)
            halo = f'stroke="{PAPER}" stroke-width="4" paint-order="stroke"'
            parts.append(_text(wire.label, x, y, SMALL, FAINT, more=halo))
    for box in layout.boxes:
        radius, fill, ink = (NODE_H / 2, DARK, PAPER) if box.ends else (RADIUS, CARD, INK)
        parts.append(
            f'<rect x="{box.x - box.w / 2:.1f}" y="{box.y - NODE_H / 2:.1f}" width="{box.w:.1f}" height="{NODE_H:g}" '
            f'rx="{radius:g}" fill="{fill}" stroke="{DARK}" stroke-width="1.4"/>'
        )
        parts.append(_text(box.label, box.x, box.y, TEXT, ink))
    parts.append("</g>")
    for start, end, y, label, dashed in _legend(layout, width, height):
        dash = f' stroke-dasharray="{DASH[0]:g} {DASH[1]:g}"' if dashed else ""
        parts.append(f'<path d="M{start:.1f} {y:.1f}H{end:.1f}" stroke="{EDGE}" stroke-width="1.6"{dash}/>')
        parts.append(_text(label, end + 8, y, SMALL, FAINT, anchor="start"))
    return "\n".join([*parts, "</svg>", ""]).encode()


def _text(
    text: str, x: float, y: float, size: int, fill: str, *, anchor: str = "middle", weight: str = "400", more: str = ""
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}" dominant-baseline="central" {more}>{escape(text)}</text>'
    )


def _size(layout: Layout, title: str) -> Point:
    wide = max(layout.width, len(title) * 11 + 2 * MARGIN, 240 if _has_choice(layout) else 0)
    return wide, layout.height + HEAD_H + (FOOT_H if _has_choice(layout) else 0)


def _shift(layout: Layout, width: float) -> float:
    return (width - layout.width) / 2


def _has_choice(layout: Layout) -> bool:
    return any(wire.conditional for wire in layout.wires)


def _legend(layout: Layout, width: float, height: float) -> Iterator[tuple[float, float, float, str, bool]]:
    """The two kinds of lines, where there are two: from x, to x, y, what it means, whether it is dashed."""
    if not _has_choice(layout):
        return
    x = width / 2 - 105
    for label, dashed in LEGEND:
        yield x, x + 28, height - MARGIN + 4, label, dashed
        x += 100


def _curves(wire: Wire) -> Iterator[tuple[Point, Point, Point, Point]]:
    """The wire as cubic Béziers, upright at every point. The line stops where its arrow's head begins."""
    points = list(wire.points)
    if wire.up:
        points[0] = (points[0][0], points[0][1] + ARROW_H)
    else:
        points[-1] = (points[-1][0], points[-1][1] - ARROW_H)
    for a, b in pairwise(points):
        middle = (a[1] + b[1]) / 2
        yield a, (a[0], middle), (b[0], middle), b


def _path(wire: Wire) -> str:
    steps = [f"M{wire.points[0][0]:.1f} {wire.points[0][1] + (ARROW_H if wire.up else 0):.1f}"]
    for _, b, c, d in _curves(wire):
        steps.append(f"C{b[0]:.1f} {b[1]:.1f} {c[0]:.1f} {c[1]:.1f} {d[0]:.1f} {d[1]:.1f}")
    return "".join(steps)


def _arrow(wire: Wire) -> tuple[Point, Point, Point]:
    (x, y), back = (wire.points[0], ARROW_H) if wire.up else (wire.points[-1], -ARROW_H)
    return (x, y), (x - ARROW_W, y + back), (x + ARROW_W, y + back)


def _label_place(wire: Wire) -> Point:
    """Two thirds along the first stretch, where wires that leave one node have parted."""
    (ax, ay), (bx, by) = wire.points[:2]
    return ax + (bx - ax) * 0.74, ay + (by - ay) * 0.62


def draw_png(graph: Graph, title: str = TITLE) -> bytes:
    """The graph as a PNG image, at SCALE pixels a unit."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only who draws pays for it

    layout = lay_out(graph)
    width, height = _size(layout, title)
    zoom = SCALE * FINER
    image = Image.new("RGB", (round(width * zoom), round(height * zoom)), PAPER)
    _paint(ImageDraw.Draw(image), layout, title, zoom)
    small = image.resize((round(width * SCALE), round(height * SCALE)), Image.Resampling.LANCZOS)
    out = BytesIO()
    small.quantize(96).save(out, "PNG", optimize=True, dpi=(72 * SCALE, 72 * SCALE))
    return out.getvalue()


def _paint(pen: "ImageDraw", layout: Layout, title: str, zoom: int) -> None:
    from PIL import ImageFont  # noqa: PLC0415

    width, height = _size(layout, title)
    shift = _shift(layout, width)
    fonts = {size: ImageFont.load_default(size * zoom) for size in (TEXT, SMALL, HEADING)}

    def at(point: Point) -> Point:
        return (point[0] + shift) * zoom, (point[1] + HEAD_H) * zoom

    pen.text((width / 2 * zoom, (MARGIN + 4) * zoom), title, INK, fonts[HEADING], anchor="mm")
    for wire in layout.wires:
        line = [at(point) for point in _sampled(wire)]
        _stroke(pen, line, round(1.6 * zoom), wire.conditional, zoom)
        pen.polygon([at(point) for point in _arrow(wire)], fill=EDGE)
        if wire.label:
            place = at(_label_place(wire))
            pen.text(place, wire.label, FAINT, fonts[SMALL], anchor="mm", stroke_width=2 * zoom, stroke_fill=PAPER)
    for box in layout.boxes:
        radius, fill, ink = (NODE_H / 2, DARK, PAPER) if box.ends else (RADIUS, CARD, INK)
        corners = [at((box.x - box.w / 2, box.y - NODE_H / 2)), at((box.x + box.w / 2, box.y + NODE_H / 2))]
        pen.rounded_rectangle(corners, radius * zoom, fill=fill, outline=DARK, width=round(1.4 * zoom))
        pen.text(at((box.x, box.y)), box.label, ink, fonts[TEXT], anchor="mm")
    for start, end, y, label, dashed in _legend(layout, width, height):
        _stroke(pen, [(start * zoom, y * zoom), (end * zoom, y * zoom)], round(1.6 * zoom), dashed, zoom)
        pen.text(((end + 8) * zoom, y * zoom), label, FAINT, fonts[SMALL], anchor="lm")


def _sampled(wire: Wire, steps: int = 32) -> list[Point]:
    """Points along the wire, near enough to draw straight lines between them."""
    found: list[Point] = [next(_curves(wire))[0]]
    for a, b, c, d in _curves(wire):
        for step in range(1, steps + 1):
            t = step / steps
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            along: Callable[[int], float] = lambda axis, w=weights, p=(a, b, c, d): sum(  # noqa: E731
                weight * point[axis] for weight, point in zip(w, p, strict=True)
            )
            found.append((along(0), along(1)))
    return found


def _stroke(pen: "ImageDraw", line: Sequence[Point], width: int, dashed: bool, zoom: int) -> None:
    pieces = _dashes(line, zoom) if dashed else [list(line)]
    for piece in pieces:
        pen.line(piece, fill=EDGE, width=width, joint="curve")


def _dashes(line: Sequence[Point], zoom: int) -> Iterator[list[Point]]:
    """The drawn pieces of a dashed line, by length along it."""
    drawn, left = True, DASH[0] * zoom
    piece: list[Point] = [line[0]]
    for a, b in pairwise(line):
        here, rest = a, dist(a, b)
        while rest > left:
            share = left / rest
            here = (here[0] + (b[0] - here[0]) * share, here[1] + (b[1] - here[1]) * share)
            if drawn:
                yield [*piece, here]
            rest -= left
            drawn, piece = not drawn, [here]
            left = DASH[0 if drawn else 1] * zoom
        left -= rest
        piece.append(b)
    if drawn and len(piece) > 1:
        yield piece
