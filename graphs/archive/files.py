"""Files that hold what players wrote: only their owner may read them, and they are there whole or not at all."""

import errno
import os
import stat
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from agents.errors import InvalidInput, StoreFull, StoryError

_CAUSES = {
    errno.ENOENT: "it is not there",
    errno.ENOTDIR: "its folder is none",
    errno.EISDIR: "it is a folder",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the disk is read-only",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EEXIST: "it is there already",
}


class Written:
    """A file that is being written, line by line."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self.lines = self.bytes = 0

    def put(self, line: str) -> None:
        """Raises StoreFull where there is no room."""
        raw = line.encode() + b"\n"
        try:
            self._file.write(raw)
        except OSError as error:
            raise _told(error, self._path, "written") from error
        self.lines, self.bytes = self.lines + 1, self.bytes + len(raw)


@contextmanager
def writing(path: Path, *, force: bool = False) -> Generator[Written]:
    """A new file at `path`, with mode 0600, once all is written. InvalidInput where there is one, unless `force`."""
    _free(path, force)
    draft = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:8]}")
    try:
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _told(error, path, "written") from error
        with os.fdopen(handle, "wb", buffering=1 << 16) as file:
            yield Written(file, path)
            try:
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                raise _told(error, path, "written") from error
        _free(path, force)
        try:
            draft.replace(path)
        except OSError as error:
            raise _told(error, path, "written") from error
    finally:
        with suppress(OSError):
            draft.unlink()


@contextmanager
def reading(path: Path) -> Generator[BinaryIO]:
    """The file, to be read more than once. Raises InvalidInput where that cannot be."""
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise InvalidInput("The file cannot be read: it is no plain file", place=str(path), cure="Check the path")
        file = path.open("rb")
    except OSError as error:
        raise _told(error, path, "read") from error
    with file:
        yield file


def _free(path: Path, force: bool) -> None:
    try:
        found = path.lstat() if path.is_symlink() or path.exists() else None
    except OSError as error:
        raise _told(error, path, "written") from error
    if found and stat.S_ISDIR(found.st_mode):
        raise InvalidInput("The file cannot be written: it is a folder", place=str(path), cure="Name a file")
    if found and (not force or not stat.S_ISREG(found.st_mode)):
        cure = "Name another file" + (", or use --force to replace it" if stat.S_ISREG(found.st_mode) else "")
        raise InvalidInput("The file is there already", place=str(path), cure=cure)


def _told(error: OSError, path: Path, done: str) -> StoryError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull("There is no room for the file on its disk", place=str(path), cure="Make room and try again")
    cause = _CAUSES.get(error.errno or 0, "the system refuses it")
    if error.errno == errno.ENOENT and done == "written":
        cause = "its folder does not exist"
    return InvalidInput(f"The file cannot be {done}: {cause}", place=str(path), cure="Check the path")
