"""The turn graph as a picture: every node and edge is there, nothing lies on anything else, nothing is fetched."""

import io
import socket
from itertools import combinations
from xml.etree import ElementTree

import pytest
from langchain_core.runnables.graph import Graph
from PIL import Image

from api.terminal.drawing import draw_png, draw_svg
from api.terminal.layout import MARGIN, NODE_H, lay_out
from graphs.turn import build_turn_graph

SVG = "{http://www.w3.org/2000/svg}"


def graph_of(*edges: tuple, names: tuple[str, ...] = ()) -> Graph:
    graph = Graph()
    wanted = dict.fromkeys([*names, *(name for edge in edges for name in edge[:2])])
    nodes = {name: graph.add_node(None, name) for name in wanted}
    for source, target, *rest in edges:
        graph.add_edge(nodes[source], nodes[target], rest[0] if rest else None, bool(rest))
    return graph


LOOP = graph_of(
    ("__start__", "agent"),
    ("agent", "tools", "calls <a tool>"),
    ("tools", "agent"),
    ("agent", "agent"),
    ("agent", "long & winding", "long_story"),
    ("long & winding", "__end__"),
    ("agent", "__end__", "__end__"),
)
GRAPHS = {
    "turn": build_turn_graph().get_graph(),
    "loop": LOOP,
    "wide": graph_of(*[("__start__", f"node_{n}", "x") for n in range(12)], ("node_3", "node_7")),
    "ladder": graph_of(*[(f"n{a}", f"n{b}") for a in range(6) for b in range(a + 1, 6)]),
    "apart": graph_of(("a", "b"), names=("alone",)),
    "one": graph_of(names=("only",)),
    "none": Graph(),
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a picture needs no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", GRAPHS)
def test_nothing_lies_on_anything_else(name: str) -> None:
    layout = lay_out(GRAPHS[name])
    for a, b in combinations(layout.boxes, 2):
        assert abs(a.x - b.x) >= (a.w + b.w) / 2 or abs(a.y - b.y) >= NODE_H, f"{a.name} lies on {b.name}"
    for box in layout.boxes:
        assert box.x - box.w / 2 >= MARGIN - 0.1
        assert box.x + box.w / 2 <= layout.width - MARGIN + 0.1
        assert box.y + NODE_H / 2 <= layout.height - MARGIN + 0.1


@pytest.mark.parametrize("name", GRAPHS)
def test_every_edge_goes_from_its_source_to_its_target(name: str) -> None:
    graph = GRAPHS[name]
    boxes = {box.name: box for box in lay_out(graph).boxes}
    edges = [edge for edge in graph.edges if edge.source != edge.target]
    wires = lay_out(graph).wires
    assert len(wires) == len(edges)
    for edge, wire in zip(edges, wires, strict=True):
        upper, lower = (edge.target, edge.source) if wire.up else (edge.source, edge.target)
        assert abs(wire.points[0][0] - boxes[upper].x) <= boxes[upper].w / 2
        assert wire.points[0][1] == boxes[upper].y + NODE_H / 2
        assert abs(wire.points[-1][0] - boxes[lower].x) <= boxes[lower].w / 2
        assert wire.points[-1][1] == boxes[lower].y - NODE_H / 2
        assert wire.conditional == edge.conditional


def test_only_an_edge_that_closes_a_cycle_points_up() -> None:
    ups = [wire.up for wire in lay_out(LOOP).wires]
    assert ups == [False, False, True, False, False, False]
    assert not any(wire.up for wire in lay_out(GRAPHS["turn"]).wires)


def test_the_svg() -> None:
    text = draw_svg(GRAPHS["turn"]).decode()
    root = ElementTree.fromstring(text)
    shown = [node.text for node in root.iter(f"{SVG}text")]
    assert {"start", "begin", "screen action", "settle changes", "commit", "end", "One turn of TTA"} <= set(shown)
    assert len(list(root.iter(f"{SVG}polygon"))) == len(GRAPHS["turn"].edges)
    dashed = [path for path in root.iter(f"{SVG}path") if path.get("stroke-dasharray")]
    assert len(dashed) == 4 + 1, "four branches, and the legend"
    assert text.count("http") == 1, "its namespace is the only address in it"


def test_names_are_escaped_and_labels_shown() -> None:
    root = ElementTree.fromstring(draw_svg(LOOP, title="A <loop> & more"))
    shown = [node.text for node in root.iter(f"{SVG}text")]
    assert {"long & winding", "calls <a tool>", "long story", "A <loop> & more"} <= set(shown)
    assert "__end__" not in shown, "a label that is the target's name tells nothing"


@pytest.mark.parametrize("name", GRAPHS)
def test_the_png_is_the_same_picture(name: str) -> None:
    image = Image.open(io.BytesIO(draw_png(GRAPHS[name])))
    root = ElementTree.fromstring(draw_svg(GRAPHS[name]))
    size = tuple(2 * int(root.get(side, "0")) for side in ("width", "height"))
    assert all(abs(a - b) <= 2 for a, b in zip(image.size, size, strict=True))
    assert image.format == "PNG"
    assert len(image.convert("RGB").getcolors(1_000_000) or []) > 8, "something is drawn, with soft edges"


def test_the_same_graph_is_the_same_picture() -> None:
    again = build_turn_graph().get_graph()
    assert draw_svg(again) == draw_svg(GRAPHS["turn"])
    assert draw_png(again) == draw_png(GRAPHS["turn"])
