"""How a thread lies in Redis: two keys, whatever its length, in one slot of a Cluster.

    {prefix}:3:{thread}:names   sorted set, all scores 0: which things there are, in order of their names
    {prefix}:3:{thread}:data    hash: the things themselves

Two keys and no more make deletion one UNLINK, expiry two EXPIREs and a copy of a thread two DUMPs. A name is a tuple of
parts joined by NUL, the first part its kind, so that a range of names (ZRANGE BYLEX) is a namespace, or the writes of a
checkpoint:

    C M H namespace                the head: the newest checkpoint, while a saver with `keep` writes the namespace
    c namespace id                 a checkpoint of the past with its small values; listed in names
    m namespace id                 its metadata, so that a listing reads nothing else
    h namespace id                 its heading (`codec.Heading`)
    v namespace channel version    a large value, stored once, shared by the checkpoints that hold this version
    n namespace channel version    how many checkpoints refer to it; at zero both go
    w namespace id task index      a pending write; listed in names
    p namespace id                 there if the checkpoint has pending writes
    s namespace                    listed only: a namespace that has checkpoints
    x run namespace id             listed only: a checkpoint that this run made
    o id namespace                 listed only: a namespace of one task's subgraph, by its newest checkpoint
    o namespace                    that newest id
    d namespace                    there if a graph with DeltaChannels wrote it: its values live in older checkpoints

A turn's checkpoints take each other's place in the head, which costs one HSET; the last of them passes into the past when
the next turn begins. Ids are time-ordered (uuid6), so the order of names is the order of checkpoints.
"""

from collections import OrderedDict
from urllib.parse import quote, unquote

SCHEMA = 3
NEWER_SCHEMAS = range(SCHEMA + 1, SCHEMA + 5)
"""A thread that we do not know may be known to these: a saver from before an update must not begin it again."""

THREADS_REMEMBERED = 1024

NUL = "\0"


class Keys:
    """The keys below one prefix."""

    def __init__(self, prefix: str) -> None:
        if not prefix or set(prefix) & set("{}*?[]\\"):
            raise ValueError(f"prefix must be a name without braces or wildcards, not {prefix!r}")
        self._prefix = prefix
        self._met: OrderedDict[str, list[str]] = OrderedDict()

    def of(self, thread: str, schema: int = SCHEMA) -> list[str]:
        """The thread's two keys: names, data.

        The thread's id is percent-encoded: a brace in it would end the hash tag early. An empty id would make an empty
        tag, which Redis ignores; a bare "%" stands for it, which no encoding yields.
        """
        tag = f"{self._prefix}:{schema}:{{{quote(thread, safe='') or '%'}}}"
        return [f"{tag}:names", f"{tag}:data"]

    def to_ask(self, thread: str) -> list[str]:
        """The thread's two keys; until it has been met, then those that newer schemas would have: scripts look for them."""
        if thread in self._met:
            self._met.move_to_end(thread)
            return self._met[thread]
        return [*self.of(thread), *(self.of(thread, schema)[0] for schema in NEWER_SCHEMAS)]

    def meet(self, thread: str) -> None:
        """A script has looked, and answered: who was refused is refused again, whoever asks."""
        if thread not in self._met:
            self._met[thread] = self.of(thread)
            if len(self._met) > THREADS_REMEMBERED:
                self._met.popitem(last=False)

    @property
    def pattern(self) -> str:
        """A SCAN pattern for the names key of every thread."""
        return f"{self._prefix}:{SCHEMA}:{{*}}:names"

    def thread_of(self, names_key: str) -> str:
        """The thread's id from its names key."""
        tag = names_key.removeprefix(f"{self._prefix}:{SCHEMA}:{{").removesuffix("}:names")
        return "" if tag == "%" else unquote(tag)


def name(*parts: str) -> str:
    """The parts as one name. Raises ValueError if a part contains NUL, which would make another name of it, or what UTF-8
    has no bytes for."""
    joined = NUL.join(parts)
    joined.encode()
    if joined.count(NUL) != len(parts) - 1:
        raise ValueError(f"a namespace, id, channel, run or task must not contain NUL: {parts!r}")
    return joined
