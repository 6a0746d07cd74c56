"""Whole stories: what export, import and deletion ask of a graph database, beside playing and looking back."""

from typing import Any, NamedTuple, Protocol

from graphs.memory.shapes import Scope, Session

Node = dict[str, Any]
"""A node's properties as they are stored, without tenant and session: text, numbers, truth and lists of them."""


class Place(NamedTuple):
    """Where a node is found again: `key` is its turn_id or name, `at` what the backend seeks it by."""

    key: str
    number: int
    at: Any


class StoryKeeping(Protocol):
    """The part of `StoryMemory` that handles stories whole. Errors as there.

    A story that is being imported or deleted has no Session node but a mark (`Unfinished`): nothing of the playing
    and looking-back halves finds it, nothing can be committed to it, and `unfinished` names it until `delete` has
    removed the rest.
    """

    async def session_ids(
        self, tenant: str, *, player: str | None = None, after: str = "", limit: int = 500, newest_first: bool = False
    ) -> list[str]:
        """Ids of the tenant's sessions in their order, from the one after `after`. One statement.

        Our own ids begin with the time: `newest_first` turns their order round.
        """
        ...

    async def places(self, scope: Scope, label: str) -> list[Place]:
        """All nodes of a label (one of `cypher.LABELS`) by turn number and key, so that a parent comes before what
        follows it.

        One statement for every 2,000 nodes or ids; some 200 bytes a node are held.
        """
        ...

    async def nodes(self, scope: Scope, label: str, places: list[Place]) -> list[Node]:
        """The nodes at these places, in this order, by index. One statement."""
        ...

    async def begin_import(self, scope: Scope, *, player: str, at: str) -> None:
        """Marks a story that is about to be written node by node. Conflict where there is a session, or a mark."""
        ...

    async def put_nodes(self, scope: Scope, label: str, page: int, nodes: list[Node]) -> None:
        """Writes a page of nodes: pages count from 1, a page written again is not written twice.

        Turns before what hangs on them, a parent in the same page as its child or before. StoreError where the mark
        is gone. One statement, and one or two for the links of turns.
        """
        ...

    async def end_import(self, scope: Scope, session: Node) -> Session:
        """Writes the Session and takes the mark away: now the story is there."""
        ...

    async def mark_deleted(self, scope: Scope) -> bool:
        """The Session gives way to a mark; whether there was either. From here on the story is not to be seen."""
        ...

    async def unfinished(self, tenant: str) -> list[str]:
        """Sessions whose import or deletion has not ended. One statement."""
        ...

    async def reseal(self, scope: Scope) -> int:
        """Seals with the first key what is not sealed with it; how many nodes. Two statements for every 200."""
        ...

    async def prove(self) -> None:
        """From now on the store opens with the first key: other keys are refused by `setup`."""
        ...
