"""How a thread lies in Redis: two keys, whatever its length, in one slot of a Cluster.

    {prefix}:1:{thread}:names   sorted set, all scores 0: which things there are, in order of their names
    {prefix}:1:{thread}:data    hash: the things themselves

Two keys and no more make deletion one UNLINK, expiry two EXPIREs and a copy of a thread two DUMPs. A name is a tuple of
parts joined by NUL, the first part its kind, so that a range of names (ZRANGE BYLEX) is a namespace, or the writes of a
checkpoint:

    c namespace id                 checkpoint with its small values; listed in names
    m namespace id                 its metadata, apart, so that a listing can filter without reading checkpoints
    r namespace id                 the names of the large values it refers to
    v namespace channel version    a large value, stored once, shared by the checkpoints that hold this version
    n namespace channel version    how many checkpoints refer to it; at zero both go
    w namespace id task index      a pending write; listed in names

Ids are time-ordered (uuid6), so the order of names is the order of checkpoints.
"""

from urllib.parse import quote, unquote

SCHEMA = 1
NUL = "\0"


class Keys:
    """The keys below one prefix."""

    def __init__(self, prefix: str) -> None:
        if not prefix or set(prefix) & set("{}*?[]\\"):
            raise ValueError(f"prefix must be a name without braces or wildcards, not {prefix!r}")
        self._stem = f"{prefix}:{SCHEMA}:"

    def of(self, thread: str) -> list[str]:
        """The thread's two keys: names, data.

        The thread's id is percent-encoded: a brace in it would end the hash tag early. An empty id would make an empty
        tag, which Redis ignores; a bare "%" stands for it, which no encoding yields.
        """
        tag = f"{self._stem}{{{quote(thread, safe='') or '%'}}}"
        return [f"{tag}:names", f"{tag}:data"]

    @property
    def pattern(self) -> str:
        """A SCAN pattern for the names key of every thread."""
        return f"{self._stem}{{*}}:names"

    def thread_of(self, names_key: str) -> str:
        """The thread's id from its names key."""
        tag = names_key.removeprefix(f"{self._stem}{{").removesuffix("}:names")
        return "" if tag == "%" else unquote(tag)


def name(*parts: str) -> str:
    """The parts as one name. Raises ValueError if a part contains NUL, which would make another name of it."""
    joined = NUL.join(parts)
    if joined.count(NUL) != len(parts) - 1:
        raise ValueError(f"a namespace, id, channel or task must not contain NUL: {parts!r}")
    return joined


def split(raw: bytes) -> list[str]:
    """The parts of a name as Redis gives it."""
    return raw.decode().split(NUL)


def below(*parts: str) -> tuple[str, str]:
    """The range (min, max) of ZRANGE BYLEX that holds all names beginning with these parts."""
    stem = name(*parts)
    return f"[{stem}\0", f"({stem}\1"
