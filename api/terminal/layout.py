"""Where the nodes and edges of a graph go: layers from top to bottom, in the way of Sugiyama, Tagawa and Toda (1981).

Small graphs only: a few dozen nodes. The same graph always gets the same layout.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from langchain_core.runnables.graph import Edge, Graph

NODE_H = 40.0
LAYER_GAP = 50.0
NODE_GAP = 28.0
LANE_W = 14.0
"""The width that a long edge keeps for itself where it passes a layer."""
PORT_GAP = 16.0
MARGIN = 32.0
LETTER_W = 8.6
"""Width of a letter at the size of node names: an upper estimate, since no font is measured."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A node: its name, the middle of its box and the box's width. Its height is NODE_H."""

    name: str
    label: str
    x: float
    y: float
    w: float
    ends: bool
    """Whether it is the start or the end."""


@dataclass(frozen=True)
class Wire:
    """An edge from its first to its last point, always downwards; `up` says that it points to its first."""

    points: tuple[Point, ...]
    label: str
    conditional: bool
    up: bool = False


@dataclass(frozen=True)
class Layout:
    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


@dataclass
class _Lane:
    """An edge on its way: the cells that it passes, one a layer."""

    edge: Edge
    cells: list[str]
    up: bool


def lay_out(graph: Graph) -> Layout:
    """The layout of a graph. Edges from a node to itself are left out."""
    edges = [edge for edge in graph.edges if edge.source != edge.target]
    backward = _backward(list(graph.nodes), edges)
    down = [(e.target, e.source) if i in backward else (e.source, e.target) for i, e in enumerate(edges)]
    layers = _layers(list(graph.nodes), down)
    lanes = [_Lane(edge, _cells(index, *down[index], layers), index in backward) for index, edge in enumerate(edges)]
    rows = _rows(layers, lanes)
    labels = {name: _label(name) for name in graph.nodes}
    widths = {name: _width(label, name, down) for name, label in labels.items()}
    links = [pair for lane in lanes for pair in pairwise(lane.cells)]
    _order(rows, links)
    xs = _place(rows, links, widths)
    ys = {cell: MARGIN + NODE_H / 2 + row * (NODE_H + LAYER_GAP) for row, cells in enumerate(rows) for cell in cells}
    boxes = tuple(
        Box(name, labels[name], xs[name], ys[name], widths[name], name in ("__start__", "__end__"))
        for name in graph.nodes
    )
    wires = _wires(lanes, xs, ys)
    width = max((box.x + box.w / 2 for box in boxes), default=0) + MARGIN
    lanes_right = max((x for wire in wires for x, _ in wire.points), default=0) + MARGIN
    return Layout(max(width, lanes_right), max(ys.values(), default=0) + NODE_H / 2 + MARGIN, boxes, wires)


def _label(name: str) -> str:
    return {"__start__": "start", "__end__": "end"}.get(name, name.replace("_", " "))


def _width(label: str, name: str, down: Sequence[tuple[str, str]]) -> float:
    """Wide enough for the name, and for the edges that leave or arrive side by side."""
    ports = max(sum(pair[end] == name for pair in down) for end in (0, 1))
    return max(72.0, len(label) * LETTER_W + 32, (ports + 1) * PORT_GAP)


def _backward(nodes: Sequence[str], edges: Sequence[Edge]) -> set[int]:
    """The edges that close a cycle, found depth first in the order of the graph."""
    leaving: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, edge in enumerate(edges):
        leaving[edge.source].append((index, edge.target))
    found: set[int] = set()
    done: set[str] = set()
    open_: set[str] = set()

    def visit(node: str) -> None:
        open_.add(node)
        for index, target in leaving[node]:
            if target in open_:
                found.add(index)
            elif target not in done:
                visit(target)
        open_.discard(node)
        done.add(node)

    for node in nodes:
        if node not in done:
            visit(node)
    return found


def _layers(nodes: Sequence[str], down: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Each node one layer below the lowest that leads to it."""
    layers = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for source, target in down:
            layers[target] = max(layers[target], layers[source] + 1)
    return layers


def _cells(index: int, source: str, target: str, layers: dict[str, int]) -> list[str]:
    between = range(layers[source] + 1, layers[target])
    return [source, *(f"{index}\0{layer}" for layer in between), target]


def _rows(layers: dict[str, int], lanes: Iterable[_Lane]) -> list[list[str]]:
    """The cells of each layer: its nodes and the lanes that pass it."""
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for name, layer in layers.items():
        rows[layer].append(name)
    for lane in lanes:
        for offset, cell in enumerate(lane.cells[1:-1], 1):
            rows[layers[lane.cells[0]] + offset].append(cell)
    return rows


def _neighbours(links: Iterable[tuple[str, str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = defaultdict(list)
    below: dict[str, list[str]] = defaultdict(list)
    for upper, lower in links:
        above[lower].append(upper)
        below[upper].append(lower)
    return above, below


def _order(rows: list[list[str]], links: Sequence[tuple[str, str]]) -> None:
    """Sorts each row by the mean place of its neighbours, up and down, until few lines cross."""
    above, below = _neighbours(links)
    for sweep in range(8):
        order = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        near = above if sweep % 2 == 0 else below
        for row in order:
            beside = rows[row - 1] if sweep % 2 == 0 else rows[row + 1]
            place = {cell: index for index, cell in enumerate(beside)}
            now = {cell: index for index, cell in enumerate(rows[row])}

            def wish(cell: str, near: dict[str, list[str]] = near, place: dict[str, int] = place) -> float:
                found = [place[other] for other in near[cell] if other in place]
                return sum(found) / len(found) if found else 0.0

            rows[row].sort(key=lambda cell: (wish(cell), now[cell]))


def _place(rows: list[list[str]], links: Sequence[tuple[str, str]], widths: dict[str, float]) -> dict[str, float]:
    """The middle of each cell: as near to its neighbours as the order and the widths of its row let it."""
    above, below = _neighbours(links)
    xs = {cell: float(index) for row in rows for index, cell in enumerate(row)}
    for sweep in range(24):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            near = above if sweep % 2 == 0 else below
            wishes = [_mean([xs[other] for other in near[cell]], xs[cell]) for cell in row]
            for cell, x in zip(row, _spread(row, wishes, widths), strict=True):
                xs[cell] = x
    _straighten(rows, above, below, xs, widths)
    left = min((xs[cell] - widths.get(cell, LANE_W) / 2 for cell in xs), default=0.0)
    return {cell: x - left + MARGIN for cell, x in xs.items()}


def _straighten(
    rows: Sequence[Sequence[str]],
    above: dict[str, list[str]],
    below: dict[str, list[str]],
    xs: dict[str, float],
    widths: dict[str, float],
) -> None:
    """Puts what follows on one another without a fork on one upright line, as far as the rows have room for it."""
    for head in [cell for row in rows for cell in row]:
        if len(above[head]) == 1 and len(below[above[head][0]]) == 1:
            continue  # not where a chain begins
        chain = [head]
        while len(below[chain[-1]]) == 1 and len(above[below[chain[-1]][0]]) == 1:
            chain += below[chain[-1]]
        for start in range(len(chain) - 1):
            part = chain[start:]
            moved = {**xs, **dict.fromkeys(part, sorted(xs[cell] for cell in part)[len(part) // 2])}
            if all(_has_room(row, moved, widths) for row in rows):
                xs.update(moved)
                break


def _has_room(row: Sequence[str], xs: dict[str, float], widths: dict[str, float]) -> bool:
    return all(
        xs[right] - xs[left] >= (widths.get(left, LANE_W) + widths.get(right, LANE_W)) / 2 + NODE_GAP - 0.01
        for left, right in pairwise(row)
    )


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(row: Sequence[str], wishes: Sequence[float], widths: dict[str, float]) -> list[float]:
    """The places nearest to the wishes (least squares) that keep the order and the gaps: pool adjacent violators."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (widths.get(left, LANE_W) + widths.get(right, LANE_W)) / 2 + NODE_GAP)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        pools.append((wish - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    settled = [value for value, count in pools for _ in range(count)]
    return [value + offset for value, offset in zip(settled, offsets, strict=True)]


def _wires(lanes: Sequence[_Lane], xs: dict[str, float], ys: dict[str, float]) -> tuple[Wire, ...]:
    """Each edge through the middles of its lane, leaving and arriving side by side with the others of its node."""
    leaving = _ports([(lane.cells[0], xs[lane.cells[1]]) for lane in lanes])
    arriving = _ports([(lane.cells[-1], xs[lane.cells[-2]]) for lane in lanes])
    wires: list[Wire] = []
    for index, lane in enumerate(lanes):
        first, last = lane.cells[0], lane.cells[-1]
        points: list[Point] = [(xs[first] + leaving[index], ys[first] + NODE_H / 2)]
        for cell in lane.cells[1:-1]:
            points += [(xs[cell], ys[cell] - NODE_H / 2), (xs[cell], ys[cell] + NODE_H / 2)]
        points.append((xs[last] + arriving[index], ys[last] - NODE_H / 2))
        named = str(lane.edge.data or "")
        label = "" if named == lane.edge.target else named.replace("_", " ")
        wires.append(Wire(tuple(points), label, lane.edge.conditional, lane.up))
    return tuple(wires)


def _ports(ends: Sequence[tuple[str, float]]) -> list[float]:
    """For each end of a wire at a node, how far from the node's middle it is: in the order of where they come from."""
    places: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for index, (node, x) in enumerate(ends):
        places[node].append((x, index))
    offsets = [0.0] * len(ends)
    for found in places.values():
        for rank, (_, index) in enumerate(sorted(found)):
            offsets[index] = (rank - (len(found) - 1) / 2) * PORT_GAP
    return offsets
