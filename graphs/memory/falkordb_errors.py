"""Every error of FalkorDB and its client as one of ours."""

from collections.abc import Generator
from contextlib import contextmanager

from redis.exceptions import AuthenticationError, MaxConnectionsError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agents.errors import StoreError, StoreFull, StoreUnavailable

_FULL = ("oom", "maximum memory", "misconf", "no space", "query's mem consumption exceeded capacity")
_AWAY = ("loading", "timed out", "readonly", "masterdown", "clusterdown", "tryagain")
_CURE = "See `tta doctor`"


class NoGraphError(StoreError):
    """There is no graph of this name."""


class NoVectorsError(StoreError):
    """The graph has no index of vectors."""


class AlreadyIndexedError(StoreError):
    """The index is there."""


@contextmanager
def translation() -> Generator[None]:
    """For a `with`: what is raised inside is a StoreError outside."""
    try:
        yield
    except AuthenticationError as error:
        raise StoreUnavailable("The graph server refuses the password", cure=_CURE) from error
    except MaxConnectionsError as error:
        raise StoreUnavailable(
            "All connections to the graph are in use", cure="Try again in a moment; TTA_FALKORDB_POOL allows more"
        ) from error
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        raise StoreUnavailable("The graph server does not answer", cure=_CURE) from error
    except RedisError as error:
        raise _told(str(error)) from error


def _told(words: str) -> StoreError:
    """What an error's text means; the text itself is not passed on: it may quote the player."""
    lower = words.lower()
    if "empty key" in lower:
        return NoGraphError("There is no such graph")
    if "invalid arguments for procedure 'db.idx.vector" in lower:
        return NoVectorsError("There is no such index")
    if "already indexed" in lower:
        return AlreadyIndexedError("There is such an index")
    if any(sign in lower for sign in _FULL):
        return StoreFull("The graph server takes no more writes", cure="Free memory or disk, then try again")
    if any(sign in lower for sign in _AWAY):
        return StoreUnavailable("The graph server cannot answer now", cure=_CURE)
    return StoreError(f"The graph server refused a statement: {lower.split()[0] if lower else 'no reason'}")
