"""Writing a file's story into a memory, page by page, under another id if need be.

Nothing of it is to be seen before the last step, which writes the session; what is broken off before leaves a marked
rest (`graphs.memory.keeping`), which the next call or the next process removes.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

from agents.errors import InvalidStory
from graphs.archive.check import Line
from graphs.archive.lines import KINDS, decode_node
from graphs.memory.keeping import Node
from graphs.memory.protocol import StoryMemory
from graphs.memory.shapes import Scope, Session

PAGE, PAGE_BYTES = 200, 512 * 1024
"""What one statement writes at most, but for one node, which may be larger."""

Progress = Callable[[int], None]
"""Is told how many lines are done, now and then."""


class Loader:
    """One story on its way into a memory. Whoever calls holds the story's lease."""

    def __init__(self, memory: StoryMemory, scope: Scope, progress: Progress | None) -> None:
        self._memory, self._scope, self._progress = memory, scope, progress
        self._session: Node = {}
        self._done = self._pages = 0
        self.lines: set[str] = set()
        """The lines that its turns were played on."""
        self.redis: list[dict[str, Any]] = []
        """What the file holds of Redis."""

    async def run(self, lines: Iterator[Line | InvalidStory]) -> None:
        """Writes all up to the story's end line, but for the session. Raises Conflict where there is one."""
        async for label, nodes in self._paged(lines):
            self._pages += 1
            await self._memory.put_nodes(self._scope, label, self._pages, nodes)
            self._done += len(nodes)
            if self._progress:
                self._progress(self._done)

    async def end(self) -> Session:
        """Now the story is there."""
        return await self._memory.end_import(self._scope, self._session)

    async def _paged(self, lines: Iterator[Line | InvalidStory]) -> AsyncGenerator[tuple[str, list[Node]]]:
        page: list[Node] = []
        kind, size, was = "", 0, ""
        for line in lines:
            if isinstance(line, InvalidStory):
                raise line
            if page and (line.kind != kind or len(page) >= PAGE or size >= PAGE_BYTES):
                yield KINDS[kind], page
                page, size = [], 0
            kind = line.kind
            if kind == "end":
                return
            if kind == "session":
                was = line.value["session"]
                self._session = decode_node("Session", line.value, self._scope, was=was)
                player, played = self._session["player"], self._session["played"]
                await self._memory.begin_import(self._scope, player=player, at=played)
            elif kind == "redis":
                self.redis.append(line.value)
            elif kind in KINDS:
                page.append(decode_node(KINDS[kind], line.value, self._scope, was=was))
                size += line.size
                if kind == "turn" and line.value["parent"]:
                    self.lines.add(line.value["line"])
