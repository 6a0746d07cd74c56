"""Keeping: stories as files. Export and import of one, backup and restore of all that a tenant has."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

from typing_extensions import TypedDict

from agents.errors import Conflict, InvalidStory, StoryError, TurnInProgress, UnknownSession
from graphs.archive.check import Line, check_file, read_lines
from graphs.archive.dump import story_lines
from graphs.archive.files import Written, reading, writing
from graphs.archive.lines import header
from graphs.archive.load import Loader, Progress
from graphs.locks import hold
from graphs.memory.records import encode
from graphs.memory.shapes import Session
from graphs.playing import LOCK_WAIT_S
from graphs.removing import NAMED, StoryRemover
from graphs.sessions import check_id

BACKUP_WAIT_S = 10.0
"""How long a backup waits for the turn that a session is playing."""


class BackedUp(TypedDict):
    """What a backup holds. `in_flight` are sessions whose turn did not end within the wait: they are kept as they
    stood.
    """

    tenant: str
    sessions: list[str]
    in_flight: list[str]
    file: str
    bytes: int


class Restored(TypedDict):
    tenant: str
    sessions: list[str]
    replaced: list[str]
    file: str


class StoryKeeper(StoryRemover):
    """The keeping part of StoryEngine. Every method raises a StoryError and nothing else."""

    async def export(self, session: str, *, traces: bool = True) -> AsyncGenerator[str]:
        """The lines of the session's file (`graphs.archive.lines`), without line ends: all that was ever committed.

        Reads in pages, holds no text, and takes no lease: what is committed meanwhile is not part of it. An accepted
        turn that is not committed is none of it.
        """
        with self._translated():
            await self.session(session)
            lines = story_lines(self.memory, self.scope(session), at=self.clock.now().isoformat(), traces=traces)
            async for line in lines:
                yield line

    async def export_to(
        self, session: str, path: Path, *, traces: bool = True, force: bool = False, progress: Progress | None = None
    ) -> Written:
        """The same into a file that only its owner may read, whole or not at all. Conflict where there is one, unless
        `force`.
        """
        await self.session(session)
        with self._translated(), writing(path, force=force) as file:
            async for line in self.export(session, traces=traces):
                file.put(line)
                if progress:
                    progress(file.lines)
            return file

    async def import_story(self, path: Path, *, session: str = "", progress: Progress | None = None) -> Session:
        """A session from an exported file, under the id `session` if one is given; the tenant is that of the settings.

        The whole file is checked first (InvalidStory, with all faults). Conflict where there is such a session.
        """
        if session:
            self._harmless(check_id(session, "session id"))
        with self._translated(), reading(path) as file:
            (was,) = await asyncio.to_thread(check_file, file, str(path), "story")
            return await self._load(read_lines(file, str(path)), session or was, progress)

    async def backup(
        self,
        path: Path,
        *,
        force: bool = False,
        wait_s: float = BACKUP_WAIT_S,
        waiting: Callable[[str], None] | None = None,
    ) -> BackedUp:
        """Everything of the settings' tenant in one file: of each session what Redis holds, and its story.

        Each is read under its lease, between two turns. Where one is being played, the others come first, and
        `waiting` is told which; if its turn does not end within `wait_s` of all, the session is read as it stands:
        what Redis holds before the graph, which is as if the process had died there, so the turn is ended after a
        restore like any other, once.
        """
        done = BackedUp(tenant=self.settings.tenant, sessions=[], in_flight=[], file=str(path), bytes=0)
        with self._translated(), writing(path, force=force) as file:
            file.put(header("backup", self.clock.now().isoformat(), tenant=self.settings.tenant))
            busy = [session async for session in self._ids() if not await self._put(file, done, session, LOCK_WAIT_S)]
            until = asyncio.get_running_loop().time() + wait_s
            for session in busy:
                if waiting:
                    waiting(session)
                left = max(0.0, until - asyncio.get_running_loop().time())
                if not await self._put(file, done, session, left):
                    done["in_flight"].append(session)
                    await self._put_story(file, done, session)
            file.put(encode({"end": {"story": len(done["sessions"])}}))
        return {**done, "bytes": file.bytes}

    async def restore(self, path: Path, *, force: bool = False, progress: Progress | None = None) -> Restored:
        """Puts back the sessions of a backup, with their turns in flight. The whole file is checked first.

        Conflict, before anything is written, where one of them is there; with `force` it is replaced. Other sessions
        stay. Broken off, it can be asked again with `force`.
        """
        done = Restored(tenant=self.settings.tenant, sessions=[], replaced=[], file=str(path))
        with self._translated(), reading(path) as file:
            sessions = await asyncio.to_thread(check_file, file, str(path), "backup")
            there = [session for session in sessions if await self._is_there(session)]
            if there and not force:
                raise Conflict(
                    f"{len(there)} of the backup's sessions are there already",
                    cure="Use --force to replace them, or delete them first",
                    choices=there[:NAMED],
                    more=len(there) > NAMED,
                )
            lines = read_lines(file, str(path))
            next(lines)  # the header
            for session in sessions:
                if session in there:
                    await self.delete(session, keep_audit=True)  # an audit is only added to
                    done["replaced"].append(session)
                await self._load(lines, session, progress)
                done["sessions"].append(session)
        return done

    async def _put(self, file: Written, done: BackedUp, session: str, wait_s: float) -> bool:
        """Writes a session between two turns; whether there was such a moment."""
        try:
            async with hold(self._stores.redis, self._story(session), "backup", wait_s=wait_s):
                await self._put_story(file, done, session)
        except TurnInProgress:
            return False
        return True

    async def _put_story(self, file: Written, done: BackedUp, session: str) -> None:
        redis = [encode({"redis": told}) async for told in self._keyspace(session).dump()]
        lines = story_lines(self.memory, self.scope(session), at=self.clock.now().isoformat(), redis=redis)
        with suppress(UnknownSession):  # of one that was deleted meanwhile not a line is written
            async for line in lines:
                file.put(line)
            done["sessions"].append(session)

    async def _load(self, lines: Iterator[Line | InvalidStory], session: str, progress: Progress | None) -> Session:
        """The next story of the file, under that id. What a failure leaves behind is removed, now or by the next
        process.
        """
        loader = Loader(self.memory, self.scope(session), progress)
        async with hold(self._stores.redis, self._story(session), "import", wait_s=LOCK_WAIT_S):
            await self._clear(session)
            try:
                await loader.run(lines)
                await self._load_keys(session, loader)
                made = await loader.end()
            except BaseException:
                with suppress(StoryError):
                    await self._clear(session)
                raise
            self._worlds.pop(session, None)
            return made

    async def _clear(self, session: str) -> None:
        """Removes what an import or a deletion left behind; of a session that is whole, nothing."""
        if session in await self.memory.unfinished(self.settings.tenant):
            await self._remove_marked(session)

    async def _load_keys(self, session: str, loader: Loader) -> None:
        await self._remove_keys(session)
        keys = self._keyspace(session)
        for told in loader.redis:
            kind, _, line = str(told["key"]).partition(":")
            if kind == "thread":
                await self._saver.adelete_thread(keys.thread(line))  # and the saver forgets what it knew of it
            await keys.restore(told)
        if not loader.redis:
            await keys.put_lines(sorted(loader.lines))
