"""Checkpoints, values and writes as bytes, and back.

The serializer (`serde`) makes the bytes of everything a graph put in; msgpack only holds its pairs (type, bytes)
together, so an encrypting serializer leaves nothing of the story in the clear. In the clear are names alone: of
threads, namespaces, channels, tasks and runs.
"""

from collections.abc import Iterable, Mapping, Sequence
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

from graphs.checkpoint.errors import CheckpointDamaged, CheckpointUnreadable, ValueTooLarge
from graphs.checkpoint.keys import NUL, name

INLINE_BYTES = 512  # a value up to this size costs less copied than shared: two fields and their names are about 400

INPUT = "__start__"
"""LangGraph's channel for what a run is given."""

Typed = Sequence[Any]
"""What a serializer makes of a value: (type, bytes)."""
Packed = bytes
"""The same as msgpack."""


@dataclass(frozen=True)
class Codec:
    """A serializer with a limit: no value, checkpoint or write of more than `max_bytes` leaves for Redis."""

    serde: SerializerProtocol
    max_bytes: int

    def dump(self, value: Any, what: str) -> Typed:
        """Raises ValueTooLarge, naming `what`."""
        typed = self.serde.dumps_typed(value)
        self.check(typed, what)
        return typed

    def check(self, typed: Typed, what: str) -> None:
        """Raises ValueTooLarge, naming `what`."""
        if len(typed[1]) > self.max_bytes:
            raise ValueTooLarge(f"{what} takes {len(typed[1]):,} bytes, over the limit of {self.max_bytes:,}")

    def load(self, typed: Typed) -> Any:
        """Raises CheckpointUnreadable: a serializer fails in its own ways, and a cipher's must not pass for data."""
        try:
            kind, content = typed
            return self.serde.loads_typed((kind, content))
        except Exception as error:
            raise _unreadable(error) from error

    def pack(self, value: Any, what: str) -> Packed:
        """Raises ValueTooLarge, naming `what`."""
        return ormsgpack.packb(self.dump(value, what))

    def unpack(self, packed: Packed) -> Any:
        """Raises CheckpointUnreadable."""
        return self.load(unpacked(packed))


def unpacked(packed: bytes) -> Any:
    """What is ours of stored bytes. Raises CheckpointUnreadable."""
    try:
        return ormsgpack.unpackb(packed)
    except ormsgpack.MsgpackDecodeError as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> CheckpointUnreadable:
    return CheckpointUnreadable(
        f"a stored value cannot be read: another key or serializer wrote it ({type(error).__name__})"
    )


class Heading(NamedTuple):
    """What the scripts need to know of a checkpoint without reading it."""

    parent: str
    kind: str
    """`s`: it takes its parent's place within a turn if it is the next step; `r`: whichever step, as no input came between;
    `d`: of a graph with DeltaChannels; else `-`."""
    step: str
    run: str
    """The run that made it, empty where the graph was not told of one."""
    refs: list[str]
    """The large values it refers to, by name."""
    id: str

    @classmethod
    def of(
        cls,
        parent: str | None,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        refs: Iterable[str],
        new: ChannelVersions,
    ) -> "Heading":
        run = metadata.get("run_id")
        return cls(
            parent or "",
            _kind(parent, checkpoint, metadata, new),
            str(metadata.get("step", "")),
            "" if run is None else name(str(run)),
            list(refs),
            checkpoint["id"],
        )

    def pack(self) -> bytes:
        return ormsgpack.packb(tuple(self))


def _kind(parent: str | None, checkpoint: Checkpoint, metadata: CheckpointMetadata, new: ChannelVersions) -> str:
    if metadata.get("counters_since_delta_snapshot"):
        return "d"
    if not (checkpoint["versions_seen"] and parent and metadata.get("source") == "loop"):
        return "-"
    # Durability "exit" leaves steps out: whether the turn is its parent's, resumed, or a new one, the input says.
    return "r" if INPUT in checkpoint["channel_versions"] and INPUT not in new else "s"


@dataclass(slots=True)
class Line:
    """What a checkpoint holds, by channel: its small values as bytes, the names of its large ones."""

    versions: ChannelVersions = field(default_factory=dict[str, str | int | float])
    small: dict[str, Typed] = field(default_factory=dict[str, Typed])
    large: dict[str, str] = field(default_factory=dict[str, str])


def sort_values(
    codec: Codec, ns: str, checkpoint: Checkpoint, new: ChannelVersions, known: Line
) -> tuple[Line, dict[str, Packed]]:
    """Decide for each channel whether its value travels inside, is sent once, or is there already: the checkpoint's line
    and the large values, by name, that are new.

    Serializes only what `known` does not hold at the same version: a version stands for its value for ever. A channel
    that has a version and no value is empty.
    """
    versions, values = checkpoint["channel_versions"], checkpoint["channel_values"]
    if {**known.versions, **new} == versions:  # the line goes on: most channels are as they were
        line, changed = Line(versions, dict(known.small), dict(known.large)), new
    else:
        same = {channel for channel, version in versions.items() if known.versions.get(channel) == version}
        same -= new.keys()
        small = {channel: packed for channel, packed in known.small.items() if channel in same}
        large = {channel: name for channel, name in known.large.items() if channel in same}
        line, changed = Line(versions, small, large), versions.keys() - same
    fresh: dict[str, Packed] = {}
    dumps = codec.serde.dumps_typed  # a call less for each value: most are small, far from any limit
    for channel in changed:
        line.small.pop(channel, None)
        line.large.pop(channel, None)
        if channel not in values:
            continue
        typed = dumps(values[channel])
        if len(typed[1]) > INLINE_BYTES:
            codec.check(typed, f"the value of {channel!r}")
            line.large[channel] = value = name(ns, channel, str(versions[channel]))
            fresh[value] = ormsgpack.packb(typed)
        else:
            line.small[channel] = typed
    return line, fresh


def channel_of(value: str) -> str:
    """The channel of a large value, from its name."""
    return value.split(NUL)[1]


def pack_checkpoint(codec: Codec, checkpoint: Checkpoint, small: Mapping[str, Typed]) -> bytes:
    bare = {key: value for key, value in checkpoint.items() if key != "channel_values"}
    return ormsgpack.packb((codec.dump(bare, "a checkpoint"), small))


class Stored(NamedTuple):
    """A checkpoint as read: whole again, with what the next put of its line needs to know."""

    id: str
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    parent: str
    writes: list[PendingWrite]
    line: Line
    heading: Heading


def unpack_stored(codec: Codec, reply: Sequence[Any]) -> Stored:
    """One answer of the READ script. Raises CheckpointDamaged if a value is gone."""
    record, packed_metadata, packed_heading, values, writes = reply
    heading = Heading(*unpacked(packed_heading))
    bare, small = unpacked(record)
    checkpoint = codec.load(bare)
    versions: ChannelVersions = checkpoint["channel_versions"]
    found = {channel: codec.load(typed) for channel, typed in small.items()}
    line = Line(versions, small, {})
    for ref, packed in zip(heading.refs, values, strict=True):
        channel = channel_of(ref)
        if packed is None:
            raise CheckpointDamaged(f"checkpoint {heading.id} has lost its value of {channel!r}")
        found[channel] = codec.unpack(packed)
        line.large[channel] = ref
    checkpoint["channel_values"] = {channel: found[channel] for channel in versions if channel in found}
    return Stored(
        heading.id,
        cast("Checkpoint", checkpoint),
        cast("CheckpointMetadata", codec.unpack(packed_metadata)),
        heading.parent,
        _unpack_writes(codec, writes),
        line,
        heading,
    )


def pack_write(codec: Codec, key: tuple[str, str, int], channel: str, value: Any) -> bytes:
    """A pending write; `key` is its (task id, task path, index)."""
    return ormsgpack.packb((*key, channel, codec.dump(value, f"a write to {channel!r}")))


def _unpack_writes(codec: Codec, packed: Sequence[bytes]) -> list[PendingWrite]:
    """Pending writes in the order in which a run applies them."""
    writes = [unpacked(write) for write in packed]
    writes.sort(key=lambda write: writes_sort_key(write[1], write[0], write[2]))
    return [(task, channel, codec.load(typed)) for task, _, _, channel, typed in writes]
