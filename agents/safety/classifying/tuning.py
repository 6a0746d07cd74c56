"""Training the network: the embedder's two upper layers, tuned on the corpus to tell what the linear heads learn too.

A sentence embedding was made to tell what a text is about; a cry for help and a song about one are about the same. So the
layers that make it learn the difference, from what the layer beneath them says, which is asked once for each text. Two
rounds over the corpus, some twenty minutes; what comes out is rounded to signed bytes and written as a file of ONNX.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from agents.safety.classifying.classifier import EMBEDDED, PIECES_OF_TWO
from agents.safety.classifying.corpus import Example
from agents.safety.classifying.layers import RATE, WIDTH, Batch, Parameters, jax_alone, read_layers, step_of
from agents.safety.classifying.library import library
from agents.safety.classifying.network import TUNED_HEADS, encode
from agents.safety.classifying.training import LEARN, Tell, weight_of
from agents.safety.normalise import views

if TYPE_CHECKING:
    from agents.models.embedding import MiniLM

ROUNDS = 2

SHARES = (1.0, 0.5, 0.5, 0.25, 0.25)
"""How much each of TUNED_HEADS counts: the others keep the layers from learning nothing but the words of crises."""

THIN = 1.2
"""An example of less weight than 1/THIN is one of many that a line became: fewer of them are learnt, each with more."""

LENGTHS = (10, 14, 18, 24, 32, 44, 64, 72)
"""Word pieces to which texts of a batch are padded; of a longer one the first are learnt."""

PIECES_A_BATCH = 1_536
WARM, LEAST = 0.06, 0.03
"""The share of steps in which the rate grows to its full size, and the share of it that is left at the end."""

_READ_AT_ONCE, _PIECES_AT_ONCE = 64, 1_500


class _Learnt(NamedTuple):
    """What the steps are made of: numpy arrays, a row an example."""

    states: Any
    """float16: the word pieces of all texts, one after the other."""
    starts: Any
    lengths: Any
    of: Any
    own: Any
    weights: Any


def tune(
    examples: Sequence[Example], model: "MiniLM", *, beneath: int, corpus: str, tell: Tell, rounds: float = ROUNDS
) -> bytes:
    """The network's file. `beneath` layers of the model stay as they are. Raises InvalidSetting without its libraries."""
    jax, np = jax_alone(), library("numpy")
    learnt = _learnt(examples, model, tell)
    chance = np.random.default_rng(0)
    heads = (chance.standard_normal((WIDTH, len(TUNED_HEADS))) * 0.02).astype(np.float32)
    parameters: Parameters = {
        "layers": read_layers(model.file, beneath),
        "W": heads,
        "b": np.full(len(TUNED_HEADS), -1.0, np.float32),
    }
    parameters = jax.tree.map(jax.numpy.asarray, parameters)
    plan = [each for _ in range(int(-(-rounds // 1))) for each in _shuffled(learnt.lengths, chance)]
    plan = plan[: max(1, int(len(plan) * rounds / -(-rounds // 1)))]
    parameters = _stepped(parameters, plan, learnt, tell)
    return encode(jax.tree.map(np.asarray, parameters), corpus=corpus)


def _stepped(parameters: Parameters, plan: list[tuple[int, Any]], learnt: _Learnt, tell: Tell) -> Parameters:
    jax, np = jax_alone(), library("numpy")
    step = step_of(np.array(SHARES, np.float32))
    first, second = (jax.tree.map(jax.numpy.zeros_like, parameters) for _ in range(2))
    key, warm = jax.random.key(0), int(len(plan) * WARM) + 1
    for number, (length, places) in enumerate(plan, start=1):
        share = number / warm
        if number > warm:
            share = min(share, 1 - (number - warm) / (len(plan) - warm + 1) * (1 - LEAST))
        batch, own = _batch(learnt, length, places), jax.random.fold_in(key, number)
        rate = np.float32(RATE * min(share, 1))
        parameters, first, second, _ = step(parameters, first, second, np.float32(number), rate, batch, own)
        if number % 50 == 0 or number == len(plan):
            jax.block_until_ready(parameters)
            tell("network", number, len(plan))
    return parameters


def _learnt(examples: Sequence[Example], model: "MiniLM", tell: Tell) -> _Learnt:
    np = library("numpy")
    weights = np.array([weight_of(example) for example in examples], np.float32)
    kept_share = np.minimum(1, np.maximum(weights, 0.01) * THIN)
    kept = np.flatnonzero(np.random.default_rng(5).random(len(weights)) < kept_share)
    weights = (weights / kept_share)[kept]
    chosen = [examples[place] for place in kept]
    texts = [views(example.text).raw[:EMBEDDED] for example in chosen]
    lengths = np.array(model.lengths(texts, most=PIECES_OF_TWO))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    states = np.zeros((int(starts[-1]), WIDTH), np.float16)
    for done, places in _alike(lengths):
        found = model.states_now([texts[place] for place in places], most=PIECES_OF_TWO).beneath
        for row, place in enumerate(places):
            states[starts[place] : starts[place + 1]] = found[row, : lengths[place]]
        tell("states", done, len(texts))
    return _Learnt(
        states,
        starts,
        lengths,
        np.array([[LEARN[head].of(example) for head in TUNED_HEADS] for example in chosen], np.float32),
        np.array([[LEARN[head].own(example) for head in TUNED_HEADS] for example in chosen], np.float32),
        weights / weights.mean(),
    )


def _alike(lengths: Any) -> Iterator[tuple[int, Any]]:
    """Places of texts of like length, and how many there were before and with them."""
    order = library("numpy").argsort(lengths, kind="stable")
    done = 0
    while done < len(order):
        some = max(1, min(_READ_AT_ONCE, _PIECES_AT_ONCE // max(1, int(lengths[order[done]]))))
        places = order[done : done + some]
        done += len(places)
        yield done, places


def _shuffled(lengths: Any, chance: Any) -> list[tuple[int, Any]]:
    """One round over all: batches of like length, each with the length that its texts are padded to."""
    np = library("numpy")
    sizes = np.searchsorted(LENGTHS, np.minimum(lengths, LENGTHS[-1]))
    batches: list[tuple[int, Any]] = []
    for size, length in enumerate(LENGTHS):
        places = chance.permutation(np.flatnonzero(sizes == size))
        many = PIECES_A_BATCH // length
        batches += [(length, places[begin : begin + many]) for begin in range(0, len(places), many)]
    return [batches[place] for place in chance.permutation(len(batches))]


def _batch(learnt: _Learnt, length: int, places: Any) -> Batch:
    np = library("numpy")
    many = PIECES_A_BATCH // length
    states, mask = np.zeros((many, length, WIDTH), np.float16), np.zeros((many, length), np.float32)
    for row, place in enumerate(places):
        size, start = min(int(learnt.lengths[place]), length), learnt.starts[place]
        states[row, :size] = learnt.states[start : start + size]
        mask[row, :size] = 1
    mask[len(places) :, 0] = 1  # a mean over nothing is no number
    filled = ((0, many - len(places)), (0, 0))
    return Batch(
        states,
        mask,
        np.pad(learnt.of[places], filled),
        np.pad(learnt.own[places], filled),
        np.pad(learnt.weights[places], filled[0]),
    )
