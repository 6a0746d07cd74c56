"""The small process that starts the embedded server and stops it once nobody uses it any more.

`graphs.embedded` runs this file as a script, with an isolated interpreter and no site packages, so that it is up in
10 ms and stays at a few megabytes: it imports nothing but the standard library's cheapest modules.

    python -I -S embedded_keeper.py DIRECTORY LINGER_MS REPORT_FD start COMMAND...
    python -I -S embedded_keeper.py DIRECTORY LINGER_MS REPORT_FD adopt PID

Nothing here polls; the kernel tells everything through four locks (flock) in the data directory, and it releases them
even when their holder is killed:

    clients.lock   shared: each client, for as long as it lives. Exclusive here means: nobody is left.
    start.lock     exclusive: whoever decides that a server starts, or that it stops. A newcomer takes it before it
                   looks for a server, so it never finds one that has been sentenced.
    server.lock    exclusive: the server process itself, by inheritance. Two servers on one directory cannot be.
    keeper.lock    exclusive: this process. A server without a keeper is adopted by the next client.
"""

import _thread
import fcntl
import os
import signal
import sys
import time

STOP_S = 10.0  # how long a server may take over its shutdown before it is killed; every write is on disk already


def open_lock(directory: str, name: str) -> int:
    """A descriptor of the lock file `name`, created readable by its owner only; not inherited by child processes."""
    return os.open(os.path.join(directory, name), os.O_RDWR | os.O_CREAT, 0o600)  # noqa: PTH118 pathlib takes 15 ms


def try_lock(fd: int) -> bool:
    """Take the exclusive lock if it is free, at once."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def stop(pid: int) -> None:
    """End the server, which flushes its append-only file; the other thread sees it go and ends this process."""
    for number, wait_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        time.sleep(wait_s)


def watch_clients(directory: str, linger_s: float, pid: int) -> None:
    """Wait until the last client has been gone for `linger_s`, then stop the server under the start lock.

    A client that comes and goes while we linger leaves its mark in the lock file's time, and the wait begins anew.
    """
    clients, start = open_lock(directory, "clients.lock"), open_lock(directory, "start.lock")
    while True:
        fcntl.flock(clients, fcntl.LOCK_EX)
        fcntl.flock(clients, fcntl.LOCK_UN)
        last_seen = os.fstat(clients).st_mtime_ns
        time.sleep(linger_s)
        fcntl.flock(start, fcntl.LOCK_EX)
        if try_lock(clients):
            if os.fstat(clients).st_mtime_ns == last_seen:
                stop(pid)  # the locks go with this process, once the server is gone
                return
            fcntl.flock(clients, fcntl.LOCK_UN)
        fcntl.flock(start, fcntl.LOCK_UN)


def start_server(directory: str, command: list[str]) -> int:
    """Start the server holding `server.lock`, its output in `server.log`; answers its pid.

    Raises BlockingIOError if another server still holds the directory.
    """
    lock = open_lock(directory, "server.lock")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(lock, True)
    log = os.path.join(directory, "server.log")  # noqa: PTH118
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    streams = [(os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600), (os.POSIX_SPAWN_DUP2, 1, 2)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=streams)
    os.close(lock)
    return pid


def main(directory: str, linger_ms: str, report_fd: str, mode: str, *rest: str) -> None:
    """Detach, start or adopt the server, and stay as long as it lives.

    The descriptor `report_fd` stays open as long as the server lives, so that whoever waits for the start sees its end;
    one line is written to it before, saying why.
    """
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    report = int(report_fd)
    os.set_inheritable(report, False)
    if not try_lock(open_lock(directory, "keeper.lock")):
        os._exit(0)
    try:
        pid = start_server(directory, list(rest)) if mode == "start" else int(rest[0])
    except OSError as error:
        os.write(report, f"errno {error.errno} {error.strerror}\n".encode())
        os._exit(1)
    _thread.start_new_thread(watch_clients, (directory, int(linger_ms) / 1000, pid))
    if mode == "start":
        _, status = os.waitpid(pid, 0)
        ending = f"exit {os.waitstatus_to_exitcode(status)}\n"
    else:
        fcntl.flock(open_lock(directory, "server.lock"), fcntl.LOCK_EX)
        ending = "gone\n"
    try:
        os.write(report, ending.encode())
    finally:  # nobody may be waiting for the start any more: Python ignores SIGPIPE, the write fails
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
