"""The embedder's upper layers as something that learns: read from its file, and one step of training (JAX).

Layers of BERT as published (attention, then two dense layers with an exact GELU, each added to what came in and normalised),
a mean over word pieces, and a linear head a kind. One thread, so that sums are added in one order.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from agents.safety.classifying.library import library

WIDTH, PARTS = 384, 12
"""Of a word piece's state, and the parts in which attention looks at it."""

DROPPED = 0.1
"""Share of values that a step of training leaves out, behind each half of a layer and before the heads."""

RATE, HEAD_RATE, DECAY = 1e-4, 1e-3, 0.01
"""Steps of AdamW for the layers and for the heads, and the decay of matrices: the first that were tried."""

_ALONE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

Parameters = dict[str, Any]
"""`W` and `b` of the heads, and `layers`: a dict each (`qkv`, `o`, `u`, `d`, their biases, and the two normalisations)."""


class Batch(NamedTuple):
    """Texts of like length, padded; a row that only fills up has the weight 0."""

    states: Any
    """float16, texts by word pieces by 384."""
    mask: Any
    of: Any
    """1.0 where a head learns of the text, texts by heads."""
    own: Any
    """1.0 where it is the head's own."""
    weights: Any


def read_layers(path: Path, first: int) -> list[dict[str, Any]]:
    """The layers from this one on, their int8 weights as numbers again."""
    np, onnx = library("numpy"), library("onnx")
    helper = library("onnx.numpy_helper")
    graph = onnx.load(str(path)).graph
    held = {each.name: helper.to_array(each) for each in graph.initializer}
    asked = [node.input[1] for node in graph.node if node.op_type == "MatMul" and f"{node.input[1]}_q" in held]
    matrices = [held[f"{name}_q"].astype(np.float32) * held[f"{name}_scale"] for name in asked]
    return [_layer(np, held, matrices[6 * at : 6 * at + 6], at) for at in range(first, len(matrices) // 6)]


def _layer(np: Any, held: dict[str, Any], matrices: list[Any], at: int) -> dict[str, Any]:
    def own(name: str) -> Any:
        return held[f"inner.encoder.layer.{at}.{name}"].astype(np.float32)

    query, key, value, o, u, d = (matrix.astype(np.float32) for matrix in matrices)
    biases = [own(f"attention.self.{name}.bias") for name in ("query", "key", "value")]
    return {
        "qkv": np.concatenate([query, key, value], 1), "bqkv": np.concatenate(biases),
        "o": o, "bo": own("attention.output.dense.bias"),
        "g1": own("attention.output.LayerNorm.weight"), "b1": own("attention.output.LayerNorm.bias"),
        "u": u, "bu": own("intermediate.dense.bias"), "d": d, "bd": own("output.dense.bias"),
        "g2": own("output.LayerNorm.weight"), "b2": own("output.LayerNorm.bias"),
    }  # fmt: skip


def jax_alone() -> Any:
    """JAX on one thread. Raises InvalidSetting without the extra `train`."""
    os.environ["XLA_FLAGS"] = _ALONE  # read when it is first used
    return library("jax")


def scores_of(parameters: Parameters, states: Any, mask: Any, chance: Any = None) -> Any:
    """A score a text and head. With `chance` (a key of JAX) as in training, with values left out."""
    jax = jax_alone()
    jnp = library("jax.numpy")
    x = states.astype(jnp.float32)
    many = 2 * len(parameters["layers"]) + 1
    keys = [None] * many if chance is None else list(jax.random.split(chance, many))
    unseen = jnp.where(mask > 0, 0.0, -1e9)[:, None, None, :]

    def dropped(value: Any, key: Any) -> Any:
        kept = 1 - DROPPED
        return value if key is None else jnp.where(jax.random.bernoulli(key, kept, value.shape), value / kept, 0)

    for at, layer in enumerate(parameters["layers"]):
        x = _normal(jax, x + dropped(_attended(jax, layer, x, unseen), keys[2 * at]), layer["g1"], layer["b1"])
        flat = x.reshape(-1, WIDTH)
        dense = jax.nn.gelu(flat @ layer["u"] + layer["bu"], approximate=False) @ layer["d"] + layer["bd"]
        x = _normal(jax, x + dropped(dense.reshape(x.shape), keys[2 * at + 1]), layer["g2"], layer["b2"])
    mean = (x * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    return dropped(mean, keys[-1]) @ parameters["W"] + parameters["b"]


def _attended(jax: Any, layer: dict[str, Any], x: Any, unseen: Any) -> Any:
    texts, pieces, _ = x.shape
    flat = x.reshape(texts * pieces, WIDTH) @ layer["qkv"] + layer["bqkv"]
    parted = flat.reshape(texts, pieces, 3, PARTS, WIDTH // PARTS)
    query, key, value = (parted[:, :, at].transpose(0, 2, 1, 3) for at in range(3))
    share = jax.nn.softmax(query @ key.transpose(0, 1, 3, 2) * ((WIDTH // PARTS) ** -0.5) + unseen, axis=-1)
    seen = (share @ value).transpose(0, 2, 1, 3).reshape(texts * pieces, WIDTH)
    return (seen @ layer["o"] + layer["bo"]).reshape(x.shape)


def _normal(jax: Any, x: Any, scale: Any, shift: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    spread = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(spread + 1e-12) * scale + shift


def _times(factor: Any, part: Any) -> Any:
    return part * factor


def _mean(moment: Any, part: Any) -> Any:
    return 0.9 * moment + 0.1 * part


def _square(moment: Any, part: Any) -> Any:
    return 0.999 * moment + 0.001 * part * part


def step_of(head_weights: Any) -> Callable[..., Any]:
    """A step of AdamW (Loshchilov and Hutter 2019) on the binary cross entropy of each head over what it learns of, its
    gradient cut to length 1. It takes parameters, the two moments, the step's number, the rate, a batch and a key of JAX,
    and returns the first three anew, and the loss.
    """
    jax = jax_alone()
    jnp = library("jax.numpy")

    def loss(parameters: Parameters, batch: Batch, chance: Any) -> Any:
        scores = scores_of(parameters, batch.states, batch.mask, chance)
        each = jnp.logaddexp(0, scores) - batch.own * scores
        return (each * batch.of * batch.weights[:, None] * head_weights).sum() / batch.states.shape[0]

    def step(parameters: Parameters, first: Any, second: Any, number: Any, rate: Any, batch: Batch, chance: Any) -> Any:
        found, slope = jax.value_and_grad(loss)(parameters, batch, chance)
        length = jnp.sqrt(sum((part**2).sum() for part in jax.tree.leaves(slope)))
        slope = jax.tree.map(partial(_times, jnp.minimum(1, 1 / (length + 1e-6))), slope)
        first = jax.tree.map(_mean, first, slope)
        second = jax.tree.map(_square, second, slope)

        def moved(path: Any, value: Any, mean: Any, square: Any) -> Any:
            own = rate * (HEAD_RATE / RATE if path[0].key in ("W", "b") else 1)
            aim = (mean / (1 - 0.9**number)) / (jnp.sqrt(square / (1 - 0.999**number)) + 1e-8)
            return value - own * (aim + (DECAY * value if value.ndim > 1 else 0))

        return jax.tree_util.tree_map_with_path(moved, parameters, first, second), first, second, found

    return jax.jit(step, donate_argnums=(0, 1, 2))
