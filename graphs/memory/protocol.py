"""StoryMemory: what lasts of a story, and the one protocol that every graph database implements.

A turn is a commit with a PREV link to its parent, a branch is a named pointer (HEAD) to a turn, a line is the stretch
of turns between two forks. Undo, retry and fork move HEAD and nothing else. Every call is filtered by tenant and
session.

The state at a turn is a snapshot every `KEYFRAME` turns plus the changes of the turns since, so reading any turn of a
story costs the same, however long the story is and however often it was forked.
"""

from typing import Any, Protocol

from agents.story import Fact, Moment, Turn, Value
from graphs.memory.keeping import StoryKeeping
from graphs.memory.shapes import EXCHANGES, Branch, Chapter, Commit, Edition, OpenChapter, Position, Scope, Session


class StoryMemory(StoryKeeping, Protocol):
    """Every method raises StoreUnavailable when the server is gone and StoreFull when it takes no more writes.

    Every method that names a story raises UnknownSession where there is none (`recall`, `trace`, `count` and `delete` find
    nothing), one that names a branch UnknownBranch, one that names a turn UnknownTurn, and InvalidInput for a name that is
    empty, longer than 200 characters or holds control characters. Every call bears being repeated after a lost connection.
    """

    async def setup(self) -> None:
        """Creates indexes and constraints, idempotently, and brings a store of an older schema up to this one.

        StoreTooNew when a newer version wrote the store. A migration that was interrupted goes on where it was; a process of
        the older version must not be writing meanwhile.
        """
        ...

    async def create(self, session: Session, world_text: str, opening: Turn, slots: dict[str, Value]) -> Session:
        """Stores a new session with its pinned world, the root turn (`turn_id` root, number 0) and the branch `main`.

        Creating the same session again returns what is there. One statement, but where a story has indexes of its own.
        """
        ...

    async def session(self, scope: Scope) -> Session:
        """The session as it is now. One statement."""
        ...

    async def sessions(self, tenant: str, *, player: str | None = None, limit: int = 50) -> list[Session]:
        """The tenant's sessions, last played first."""
        ...

    async def world_text(self, scope: Scope) -> str:
        """The pinned world, as it was when the session was made."""
        ...

    async def update(
        self,
        scope: Scope,
        *,
        title: str | None = None,
        paused: bool | None = None,
        world: Edition | None = None,
        avoid: list[str] | None = None,
    ) -> Session:
        """Changes what is given; `world` is another edition of the pinned one. One statement."""
        ...

    async def position(self, scope: Scope, branch: str | None = None) -> Position:
        """One statement; without a branch, the active one."""
        ...

    async def recall(
        self, scope: Scope, branch: str, query: str, *, limit: int = 4, skip: int = EXCHANGES
    ) -> list[Moment]:
        """The most relevant past moments among the ancestors of HEAD, best first, without the last `skip` turns.

        Nothing that HEAD does not descend from is ever returned. Any text is a valid query: Lucene syntax, stop words,
        other scripts, 2,000 characters. With an embedder, what sounds alike is found without a word in common, too; where
        the embedder fails, words alone are asked. One statement, and a wider one if abandoned lines crowd out its 96 hits
        (and 64 nearest), or if too few are found while words were left out as common in the story. In FalkorDB two more,
        once in a story that was begun without an embedder. On a store sealed without hashes the last 32 to 63 turns are
        looked at.
        """
        ...

    async def commit(self, scope: Scope, commit: Commit) -> Turn:
        """Appends a turn and moves HEAD, in one statement that locks the branch before it compares HEAD.

        A turn_id that is already there returns the stored turn, also after an undo. HeadMoved when HEAD is not
        `turn.parent`. For kinds other than `story` the turn is kept beside the branch whatever HEAD is, its changes and
        moments are not part of the story, and HEAD stays. InvalidInput for a turn above 64 KiB, more than 4 moments, or a
        number that does not follow HEAD's. A keyframe reads once before it writes.
        """
        ...

    async def turn(self, scope: Scope, turn_id: str) -> Turn:
        """Any turn ever committed, of whatever kind, on whatever line. One statement."""
        ...

    async def turns(
        self, scope: Scope, branch: str | None = None, *, limit: int = 50, before: int | None = None
    ) -> list[Turn]:
        """Turns of a branch from HEAD backwards, newest first, numbers below `before`; the root is not among them.

        Two statements, and one more for every 32 to 63 turns beyond the first.
        """
        ...

    async def slots_at(self, scope: Scope, turn_id: str) -> dict[str, Value]:
        """The world as it was after that turn: nearest snapshot plus changes. Cost bounded by KEYFRAME."""
        ...

    async def facts(
        self, scope: Scope, branch: str | None = None, *, at: int | None = None, about: str | None = None
    ) -> list[Fact]:
        """What was true after turn number `at` (default HEAD) of the branch, sorted by slot.

        `since` and `turn_id` are those of the turn that gave the slot its value (setting it to what it is changes
        neither), `until` the number of the turn of this branch that replaced it. `about` keeps facts with that subject,
        value or member. Two statements; for a past `at` one more for every 32 to 63 turns between it and HEAD.
        """
        ...

    async def branches(self, scope: Scope) -> list[Branch]:
        """All branches, oldest first. One statement."""
        ...

    async def create_branch(self, scope: Scope, name: str, turn_id: str | None = None) -> Branch:
        """A new name for a turn (default: HEAD of the active branch), not switched to. Conflict when the name is taken."""
        ...

    async def switch(self, scope: Scope, name: str) -> Branch:
        """Makes a branch the active one."""
        ...

    async def delete_branch(self, scope: Scope, name: str) -> None:
        """Takes a name away; its turns stay, as what was undone does. Conflict for the active branch.

        Two statements; three where there is nothing to take away.
        """
        ...

    async def move_head(self, scope: Scope, branch: str, *, back: int) -> Branch:
        """Undo: HEAD goes back `back` turns, at most to the root. The next turn starts a new line, unless HEAD stayed.

        Two statements, however far back. HeadMoved if a turn was committed between them.
        """
        ...

    async def restore_head(self, scope: Scope, branch: str, turn_id: str) -> bool:
        """HEAD goes forward to a turn that it was moved back from, and that turn's line goes on; whether it did.

        Nothing changes unless HEAD is the turn's parent and nothing was committed since. One statement.
        """
        ...

    async def attempts(self, scope: Scope, turn_id: str, *, limit: int = 50) -> list[Turn]:
        """All turns with the same parent as that turn, itself among them, oldest first, the newest `limit` of them.

        Empty for the root, a turn that is no story, and one that is not there. One statement.
        """
        ...

    async def take_attempt(self, scope: Scope, branch: str, turn_id: str) -> Branch:
        """HEAD goes to another attempt at its turn; the next turn starts a new line. UnknownTurn for any other turn.

        Three statements. HeadMoved if a turn was committed between them.
        """
        ...

    async def close_chapter(self, scope: Scope, chapter: Chapter) -> Chapter:
        """Keeps what the KEYFRAME turns up to the keyframe `chapter["turn_id"]` came to, and returns what is kept.

        A chapter is closed once: who comes second gets the first one's. `number`, `first` and `last` are the turn's own.
        UnknownTurn for a turn that is no keyframe, InvalidInput for a summary above 4,000 characters. One statement.
        """
        ...

    async def chapters(
        self, scope: Scope, branch: str | None = None, *, limit: int = 10, before: int | None = None
    ) -> list[Chapter]:
        """The closed chapters of a branch, newest first, numbers below `before`.

        Two statements, and one more for every 32 chapters beyond the first.
        """
        ...

    async def open_chapters(self, scope: Scope, branch: str | None = None) -> list[str]:
        """The keyframe turns of a branch whose chapters are not closed yet, oldest first.

        Two statements, and one more for every 32 chapters that are open.
        """
        ...

    async def open_chapter(self, scope: Scope, turn_id: str) -> OpenChapter:
        """What the chapter that ends with that keyframe turn is to be made of. UnknownTurn for any other turn.

        One statement, which reads KEYFRAME turns.
        """
        ...

    async def put_trace(self, scope: Scope, turn_id: str, trace: list[dict[str, Any]]) -> None:
        """Keeps what the turn did, node by node, beside the turn. Writing it again replaces it. InvalidInput above 1 MiB."""
        ...

    async def trace(self, scope: Scope, turn_id: str) -> list[dict[str, Any]]:
        """Empty when the turn has none."""
        ...

    async def delete(self, scope: Scope) -> int:
        """Removes the session and all that hangs on it; how many nodes went. Not an error when there is none."""
        ...

    async def count(self, scope: Scope) -> int:
        """Nodes that belong to the session: 0 after `delete`."""
        ...

    async def version(self) -> dict[str, str]:
        """Server name and version and our schema version, for `tta doctor`."""
        ...

    async def close(self) -> None: ...
