"""What can go wrong with a checkpoint, and what Redis says, as one of these.

    CheckpointError
    ├── StoreUnreachable       no answer, however often it was asked within the saver's patience
    ├── StoreFull              Redis takes no more writes: its memory or its disk is full
    ├── StoreReadOnly          the server is a replica
    ├── StoreRefused           any other answer of Redis that is an error, a refused login among them
    ├── StoreNewer             a newer version of this saver wrote the thread
    ├── ValueTooLarge          a value is over the limit that the saver was given
    ├── CheckpointDamaged      a checkpoint lacks a value that it refers to
    ├── CheckpointUnreadable   another key or another serializer wrote it
    └── CannotPrune            what is asked would cut off values that live in older checkpoints (DeltaChannel)

After each of them the store is as it was before the call; but a call that ended in StoreUnreachable may have reached the
server all the same, and was then carried out, whole. Every call can be made again.
"""

from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ClusterError,
    ConnectionError,  # noqa: A004 - redis has its own
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

from graphs.checkpoint.keys import SCHEMA

PASSING = (
    ConnectionError,
    TimeoutError,
    ClusterDownError,
    TryAgainError,
    MasterDownError,
    RedisClusterException,
    OSError,
)
"""Errors of a server that may answer in a moment: a restart, a failover, slots on the move, data still loading."""

NEWER = "NEWERSCHEMA"
"""Begins the error reply of `lua/newer.lua`; how many schemas newer follows."""


class CheckpointError(Exception):
    """The root. See the module."""


class StoreUnreachable(CheckpointError):
    pass


class StoreFull(CheckpointError):
    pass


class StoreReadOnly(CheckpointError):
    pass


class StoreRefused(CheckpointError):
    pass


class StoreNewer(CheckpointError):
    pass


class ValueTooLarge(CheckpointError):
    pass


class CheckpointDamaged(CheckpointError):
    pass


class CheckpointUnreadable(CheckpointError):
    pass


class CannotPrune(CheckpointError):
    pass


def passing(error: BaseException) -> bool:
    """Whether asking again may help. A refused login is a ConnectionError for redis-py, and stays refused.

    A bare ClusterError is redis-py's own: it has asked sixteen times while a slot was on the move. Those below it are
    answers of a server, among them the one that a client for a single server gets of a Cluster, which stays.
    """
    return type(error) is ClusterError or (isinstance(error, PASSING) and not isinstance(error, AuthenticationError))


def translate(error: BaseException) -> CheckpointError:
    """An error of the client as one of ours. Its text is not told: it may hold what was being written."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or text.startswith(("OOM", "MISCONF")) or "No space left" in text:
        return StoreFull("Redis takes no more writes: its memory or its disk is full")
    if isinstance(error, ReadOnlyError) or "READONLY" in text:
        return StoreReadOnly("Redis is a read-only replica here; checkpoints need its primary")
    if NEWER in text:
        schema = SCHEMA + int(text.split(NEWER, 1)[1].split(maxsplit=1)[0])
        return StoreNewer(f"a newer version of this saver wrote this thread (schema {schema}): update this one")
    if passing(error):
        return StoreUnreachable(f"Redis does not answer ({type(error).__name__})")
    if isinstance(error, RedisError):
        return StoreRefused(f"Redis refused the call: {text.split(' ', 1)[0]} ({type(error).__name__})")
    raise error
