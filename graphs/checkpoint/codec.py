"""Checkpoints, values and writes as bytes, and back.

The serializer (`serde`) makes the bytes of everything a graph put in; msgpack only holds its pairs (type, bytes)
together, so an encrypting serializer leaves nothing of the story in the clear.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import ormsgpack
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    PendingWrite,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from graphs.checkpoint.keys import name, split

INLINE_BYTES = 512  # a value up to this size costs less copied than shared: two fields and their names are about 400

Packed = bytes  # msgpack of (type, bytes)


class CheckpointDamaged(Exception):
    """A stored checkpoint lacks a value that it refers to: somebody else removed fields of the thread."""


class Held(NamedTuple):
    """What a line's last known checkpoint holds of a channel: nothing, a small value, or a reference to a large one."""

    version: str | int | float
    small: Packed | None
    large: bool


@dataclass
class Sorted:
    """A checkpoint's values, sorted by where they go. Large values are named without their kind."""

    held: dict[str, Held] = field(default_factory=dict[str, Held])
    fresh: dict[str, Packed] = field(default_factory=dict[str, Packed])
    refs: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def small(self) -> dict[str, Packed]:
        return {channel: held.small for channel, held in self.held.items() if held.small is not None}


def pack(serde: SerializerProtocol, value: Any) -> Packed:
    return ormsgpack.packb(serde.dumps_typed(value))


def unpack(serde: SerializerProtocol, packed: Packed) -> Any:
    kind, content = ormsgpack.unpackb(packed)
    return serde.loads_typed((kind, content))


def sort_values(
    serde: SerializerProtocol,
    ns: str,
    checkpoint: Checkpoint,
    new: ChannelVersions,
    known: Mapping[str, Held],
) -> Sorted:
    """Decide for each channel whether its value travels inside, is sent once, or is there already.

    Serializes only what `known` does not hold at the same version: a version stands for its value for ever. A channel
    that has a version and no value is empty.
    """
    out, values = Sorted(), checkpoint["channel_values"]
    for channel, version in checkpoint["channel_versions"].items():
        held = known.get(channel)
        if held is None or held.version != version or channel in new:
            packed = pack(serde, values[channel]) if channel in values else None
            large = packed is not None and len(packed) > INLINE_BYTES
            if packed is not None and large:
                out.fresh[name(ns, channel, str(version))] = packed
            held = Held(version, None if large else packed, large)
        out.held[channel] = held
        if held.large:
            out.refs[name(ns, channel, str(version))] = channel
    return out


def pack_checkpoint(
    serde: SerializerProtocol, checkpoint: Checkpoint, parent: str | None, small: Mapping[str, Packed]
) -> bytes:
    bare = {key: value for key, value in checkpoint.items() if key != "channel_values"}
    return ormsgpack.packb((pack(serde, bare), parent, small))


class Stored(NamedTuple):
    """A checkpoint as read: whole again, with what the next put of its line needs to know."""

    id: str
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    parent: str | None
    writes: list[PendingWrite]
    held: dict[str, Held]


def unpack_stored(serde: SerializerProtocol, reply: Sequence[Any]) -> Stored:
    """One answer of the READ script. Raises CheckpointDamaged if a value is gone."""
    raw_name, record, metadata, refs, values, writes = reply
    checkpoint_id = split(raw_name)[2]
    bare, parent, small = ormsgpack.unpackb(record)
    checkpoint = unpack(serde, bare)
    versions: ChannelVersions = checkpoint["channel_versions"]
    held = {channel: Held(version, small.get(channel), False) for channel, version in versions.items()}
    found = {channel: unpack(serde, packed) for channel, packed in small.items()}
    for ref, packed in zip(refs, values, strict=True):
        channel = split(ref)[1]
        if packed is None:
            raise CheckpointDamaged(f"checkpoint {checkpoint_id} has lost its value of {channel!r}")
        found[channel] = unpack(serde, packed)
        held[channel] = Held(versions[channel], None, True)
    checkpoint["channel_values"] = {channel: found[channel] for channel in versions if channel in found}
    meta = cast("CheckpointMetadata", unpack(serde, metadata))
    return Stored(checkpoint_id, cast("Checkpoint", checkpoint), meta, parent, unpack_writes(serde, writes), held)


def pack_write(serde: SerializerProtocol, key: tuple[str, str, int], channel: str, value: Any) -> bytes:
    """A pending write; `key` is its (task id, task path, index)."""
    return ormsgpack.packb((*key, channel, pack(serde, value)))


def unpack_writes(serde: SerializerProtocol, packed: Sequence[bytes]) -> list[PendingWrite]:
    """Pending writes in the order in which a run applies them."""
    writes = [ormsgpack.unpackb(write) for write in packed]
    writes.sort(key=lambda write: writes_sort_key(write[1], write[0], write[2]))
    return [(task, channel, unpack(serde, value)) for task, _, _, channel, value in writes]
