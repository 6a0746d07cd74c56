"""The network's file (ONNX): two layers and their heads, matrices as signed bytes with a scale a column.

Written with `onnx` when it is trained, node by node, so that the same numbers give the same bytes; read by
`agents/models/tuned.py`. An engine puts the bytes back to floats once, when it loads them.
"""

import hashlib
from pathlib import Path
from typing import Any

from agents.errors import InvalidSetting
from agents.safety.classifying.layers import PARTS, WIDTH, Parameters
from agents.safety.classifying.library import library
from agents.safety.classifying.weights import weights_file

TUNED_HEADS = ("crisis", "concern", "asking_means", "prompt_injection", "harmful_request")
"""What the layers were tuned to tell; `crisis` alone is asked for (`agents/safety/classifying/classifier.py`)."""

SOURCE = "layers 5 and 6 of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), changed: tuned and rounded by TTA"
"""Told in the file, as the licence of what it was made from asks."""

OPSET, FORMAT = 18, 9
"""Of ONNX, and of its file."""

_CURE = "Restore it, or make it anew: tta safety train"

MATRICES = frozenset({"qkv", "o", "u", "d"})
"""Of a layer: what is kept as bytes."""


def network_file() -> Path:
    """Where the shipped network is."""
    return beside(weights_file())


def beside(weights: Path) -> Path:
    """Where the network is that belongs to a file of weights."""
    return weights.with_suffix(".onnx")


def check_network(sha256: str) -> bytes:
    """The file's bytes, if they are those that the weights were trained with. Raises InvalidSetting."""
    path = network_file()
    try:
        model = path.read_bytes()
    except OSError as error:
        cause = f"The classifier's network cannot be read ({error.strerror})"
        raise InvalidSetting(cause, place=str(path), cure=_CURE) from None
    if hashlib.sha256(model).hexdigest() != sha256:
        cause = "The classifier's network is not the one that its weights were trained with"
        raise InvalidSetting(cause, place=str(path), cure=_CURE)
    return model


def encode(parameters: Parameters, *, corpus: str) -> bytes:
    """The file's bytes. `corpus`: the fingerprint of what it was trained from."""
    onnx = library("onnx")
    graph = _Graph()
    scores = _body(graph, parameters)
    floats = onnx.TensorProto.FLOAT
    asked = [
        onnx.helper.make_tensor_value_info("hidden", floats, ["texts", "pieces", WIDTH]),
        onnx.helper.make_tensor_value_info("mask", floats, ["texts", "pieces"]),
    ]
    told = [onnx.helper.make_tensor_value_info(scores, floats, ["texts", len(TUNED_HEADS)])]
    made = onnx.helper.make_graph(graph.nodes, "tuned", asked, told, graph.held)
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(made, opset_imports=[opset], ir_version=FORMAT, producer_name="tta")
    onnx.helper.set_model_props(model, {"corpus": corpus, "heads": ",".join(TUNED_HEADS), "source": SOURCE})
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def rounded(matrix: Any) -> tuple[Any, Any]:
    """A matrix as signed bytes (int8), and what each of its columns is to be multiplied with (float32)."""
    np = library("numpy")
    scales = np.maximum(np.abs(matrix).max(0), np.float32(1e-12)) / np.float32(127)
    return np.round(matrix / scales).astype(np.int8), scales.astype(np.float32)


class _Graph:
    """Nodes and the values that they hold, in the order in which they are put."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.held: list[Any] = []
        self._onnx = library("onnx")
        self._arrays = library("onnx.numpy_helper")

    def hold(self, name: str, value: Any) -> str:
        self.held.append(self._arrays.from_array(library("numpy").asarray(value), name))
        return name

    def matrix(self, name: str, value: Any) -> str:
        whole, scales = rounded(value)
        inputs = [self.hold(f"{name}_bytes", whole), self.hold(f"{name}_scales", scales)]
        return self.put("DequantizeLinear", inputs, name, axis=1)

    def put(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(self._onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output


def _body(graph: _Graph, parameters: Parameters) -> str:
    np = library("numpy")
    ints, one = np.int64, np.float32(1)
    for name, value in {
        "parts": np.array([0, 0, PARTS, WIDTH // PARTS], ints), "whole": np.array([0, 0, WIDTH], ints),
        "thirds": np.array([WIDTH] * 3, ints), "share": np.float32((WIDTH // PARTS) ** -0.5), "one": one,
        "half": np.float32(0.5), "root": np.float32(2**-0.5), "far": np.float32(1e9), "first": np.array([1], ints),
        "second": np.array([2], ints), "middle": np.array([1, 2], ints),
    }.items():  # fmt: skip
        graph.hold(name, value)
    graph.put("Sub", ["mask", "one"], "missing")
    graph.put("Mul", ["missing", "far"], "unseen_flat")
    graph.put("Unsqueeze", ["unseen_flat", "middle"], "unseen")
    x = "hidden"
    for at, layer in enumerate(parameters["layers"]):
        x = _layer(graph, layer, x, f"layer_{at}_")
    graph.put("Unsqueeze", ["mask", "second"], "wide")
    graph.put("Mul", [x, "wide"], "kept")
    graph.put("ReduceSum", ["kept", "first"], "sum", keepdims=0)
    graph.put("ReduceSum", ["mask", "first"], "pieces", keepdims=1)
    graph.put("Div", ["sum", "pieces"], "mean")
    graph.put("MatMul", ["mean", graph.hold("heads", parameters["W"])], "weighed")
    return graph.put("Add", ["weighed", graph.hold("heads_bias", parameters["b"])], "scores")


def _layer(graph: _Graph, layer: dict[str, Any], x: str, at: str) -> str:
    """One layer, as `agents/safety/classifying/layers.py` trains it."""

    def n(name: str) -> str:
        return f"{at}{name}"

    own = {name: (graph.matrix if name in MATRICES else graph.hold)(n(name), value) for name, value in layer.items()}
    graph.put("MatMul", [x, own["qkv"]], n("asked"))
    graph.put("Add", [n("asked"), own["bqkv"]], n("thirds"))
    graph.nodes.append(
        library("onnx").helper.make_node("Split", [n("thirds"), "thirds"], [n("q"), n("k"), n("v")], axis=2)
    )
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        graph.put("Reshape", [n(name), "parts"], n(f"{name}_parts"))
        graph.put("Transpose", [n(f"{name}_parts")], n(f"{name}_turned"), perm=order)
    graph.put("MatMul", [n("q_turned"), n("k_turned")], n("near"))
    graph.put("Mul", [n("near"), "share"], n("nearness"))
    graph.put("Add", [n("nearness"), "unseen"], n("seen"))
    graph.put("Softmax", [n("seen")], n("shares"), axis=-1)
    graph.put("MatMul", [n("shares"), n("v_turned")], n("told"))
    graph.put("Transpose", [n("told")], n("back"), perm=[0, 2, 1, 3])
    graph.put("Reshape", [n("back"), "whole"], n("flat"))
    graph.put("MatMul", [n("flat"), own["o"]], n("out"))
    graph.put("Add", [n("out"), own["bo"]], n("outwards"))
    graph.put("Add", [x, n("outwards")], n("added"))
    middle = graph.put("LayerNormalization", [n("added"), own["g1"], own["b1"]], n("middle"), axis=-1, epsilon=1e-12)
    graph.put("MatMul", [middle, own["u"]], n("up"))
    graph.put("Add", [n("up"), own["bu"]], n("upwards"))
    graph.put("Mul", [n("upwards"), "root"], n("scaled"))
    graph.put("Erf", [n("scaled")], n("erf"))
    graph.put("Add", [n("erf"), "one"], n("gate"))
    graph.put("Mul", [n("upwards"), n("gate")], n("gated"))
    graph.put("Mul", [n("gated"), "half"], n("bent"))
    graph.put("MatMul", [n("bent"), own["d"]], n("down"))
    graph.put("Add", [n("down"), own["bd"]], n("downwards"))
    graph.put("Add", [middle, n("downwards")], n("sum"))
    return graph.put("LayerNormalization", [n("sum"), own["g2"], own["b2"]], n("end"), axis=-1, epsilon=1e-12)
