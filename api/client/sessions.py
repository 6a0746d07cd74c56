"""Sessions: begun, listed, changed, moved between their branches, looked into, taken along, removed."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from api.client.lines import lines_of
from api.client.paths import API, session_path, step
from api.client.wire import Asked, Wire, post
from api.facts import FactAnswer
from api.schemas import (
    BranchAnswer,
    NewSessionAnswer,
    SessionAnswer,
    SessionPage,
    SessionRecord,
    TraceAnswer,
    UndoAnswer,
)


class Sessions:
    """What the API's `sessions` do, beside their turns."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def create(self, world: str = "", *, key: str = "", **options: Any) -> NewSessionAnswer:
        """A story that begins; `turn` is its opening. `options` are the other fields of `api.schemas.NewSession`."""
        said = {"world": world, **options}
        body = {name: value for name, value in said.items() if value not in (None, "")}
        return await self._wire.ask(post(f"{API}/sessions", body, key=key), NewSessionAnswer)

    async def list(self, *, player: str = "", page: int = 50) -> AsyncIterator[SessionRecord]:
        """Those begun last first, however many: each page is asked for when it is needed."""
        cursor = ""
        while True:
            query: dict[str, Any] = {"player": player, "limit": page, "cursor": cursor}
            found = await self._wire.ask(Asked("GET", f"{API}/sessions", query=query), SessionPage)
            for record in found.sessions:
                yield record
            if not found.cursor:
                return
            cursor = found.cursor

    async def get(self, session: str) -> SessionAnswer:
        return await self._wire.ask(Asked("GET", session_path(session)), SessionAnswer)

    async def change(
        self, session: str, *, title: str | None = None, avoid: Sequence[str] | None = None, if_match: str = ""
    ) -> SessionAnswer:
        """Another title (empty: the world's own), other topics to leave out; with `if_match`, only what is as it was."""
        said: dict[str, Any] = {"title": title, "avoid": None if avoid is None else [*avoid]}
        body = {name: value for name, value in said.items() if value is not None}
        # What was changed under a tag has another one then: asked again it would be refused.
        asked = Asked("PATCH", session_path(session), body, again=not if_match).with_headers(If_Match=if_match)
        return await self._wire.ask(asked, SessionAnswer)

    async def rename(self, session: str, title: str) -> SessionAnswer:
        return await self.change(session, title=title)

    async def pause(self, session: str) -> SessionAnswer:
        return await self._wire.ask(post(f"{session_path(session)}/pause"), SessionAnswer)

    async def resume(self, session: str) -> SessionAnswer:
        """The player's explicit choice to go on, also after a crisis."""
        return await self._wire.ask(post(f"{session_path(session)}/resume"), SessionAnswer)

    async def delete(self, session: str) -> None:
        """Removed for good."""
        await self._wire.send(Asked("DELETE", session_path(session)))

    async def undo(self, session: str, turns: int = 1, *, key: str = "") -> UndoAnswer:
        return await self._wire.ask(post(f"{session_path(session)}/undo", {"turns": turns}, key=key), UndoAnswer)

    async def branches(self, session: str) -> Sequence[BranchAnswer]:
        """Oldest first."""
        return await self._wire.ask(Asked("GET", f"{session_path(session)}/branches"), list[BranchAnswer])

    async def save(self, session: str, name: str, *, turn: int | None = None, turn_id: str = "") -> BranchAnswer:
        """A named branch at a turn, by default the last; play goes on where it was."""
        body = {"name": name} | ({"turn": turn} if turn is not None else {}) | ({"turn_id": turn_id} if turn_id else {})
        return await self._wire.ask(post(f"{session_path(session)}/branches", body), BranchAnswer)

    async def switch(self, session: str, name: str) -> SessionAnswer:
        """Play goes on on that branch."""
        return await self._wire.ask(post(f"{session_path(session)}/branches/{step(name)}/switch"), SessionAnswer)

    async def delete_branch(self, session: str, name: str) -> None:
        await self._wire.send(Asked("DELETE", f"{session_path(session)}/branches/{step(name)}"))

    async def facts(
        self, session: str, *, at: int | None = None, about: str = "", branch: str = "", everything: bool = False
    ) -> Sequence[FactAnswer]:
        """What is true after a turn, `everything` with what only counts tellings; for authors and operators.

        Raises UnknownSubject where nothing is said of what is asked `about`.
        """
        query: dict[str, Any] = {"at": at, "about": about, "branch": branch, "all": "true" if everything else ""}
        return await self._wire.ask(Asked("GET", f"{session_path(session)}/facts", query=query), list[FactAnswer])

    async def trace(self, session: str, turn: int | None = None) -> TraceAnswer:
        """What each node of a turn did, by default of the last; for authors and operators."""
        return await self._wire.ask(Asked("GET", f"{session_path(session)}/trace", query={"turn": turn}), TraceAnswer)

    def export(self, session: str, *, traces: bool = True) -> AsyncGenerator[str]:
        """The session's file, line by line. Raises ForeignAnswer for one that breaks off before its last line."""
        asked = Asked("GET", f"{session_path(session)}/export", query={"traces": str(traces).lower()})
        return lines_of(self._wire, asked, last="end")
