"""What keeps the embedded server from starting is told, with its cure."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import pytest
from test_embedded import LINGER_S, remember

from agents.errors import InvalidSetting, StoreUnavailable
from graphs.embedded import embedded_status, open_embedded
from graphs.embedded_home import Binaries, find_binaries, log_tail, rotate_log, socket_path, start_fault
from graphs.embedded_keeper import open_lock, try_lock


async def test_a_socket_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30)
    place = socket_path(data.resolve()).parent
    place.mkdir(mode=0o755)
    try:
        with pytest.raises(StoreUnavailable, match="not private"):
            async with open_embedded(data):
                pass
    finally:
        place.rmdir()


async def test_an_empty_directory_open_to_others_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    async with open_embedded(data, linger_s=LINGER_S):
        assert stat.S_IMODE(data.stat().st_mode) == 0o700


async def test_a_directory_of_other_things_is_not_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "letter.txt").touch()
    with pytest.raises(InvalidSetting, match="other things") as told:
        async with open_embedded(home):
            pass
    assert "TTA_DATA_DIR" in told.value.line()
    assert stat.S_IMODE(home.stat().st_mode) == 0o755


async def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(InvalidSetting) as told:
            async with open_embedded(place):
                pass
        assert str(place) in told.value.line()
        assert "TTA_DATA_DIR" in told.value.line()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_directory_that_is_not_writable_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InvalidSetting, match="not writable"):
        async with open_embedded(tmp_path):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
async def test_a_directory_of_another_user_is_told(tmp_path: Path) -> None:
    data = tmp_path / "theirs"
    data.mkdir(mode=0o700)
    os.chown(data, 12345, 12345)
    with pytest.raises(InvalidSetting, match="another user"):
        async with open_embedded(data):
            pass


async def test_a_missing_binary_is_told_with_the_cure(tmp_path: Path) -> None:
    absent = Binaries(tmp_path / "redis-server", find_binaries().module)
    with pytest.raises(StoreUnavailable, match=r"no redis-server for") as told:
        async with open_embedded(tmp_path / "data", binaries=absent):
            pass
    assert "TTA_REDIS_URL" in told.value.line()


async def test_a_binary_that_may_not_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "redis-server").touch(mode=0o644)
    with pytest.raises(StoreUnavailable, match="not executable"):
        async with open_embedded(
            tmp_path / "data", binaries=Binaries(tmp_path / "redis-server", find_binaries().module)
        ):
            pass


@pytest.mark.parametrize("content", [b"\x7fELF no program", b"#!/no/such/interpreter\n"])
async def test_a_binary_for_another_machine_is_told(tmp_path: Path, content: bytes) -> None:
    server = tmp_path / "redis-server"
    server.write_bytes(content)
    server.chmod(0o755)
    with pytest.raises(StoreUnavailable, match="did not start") as told:
        async with open_embedded(tmp_path / "data", binaries=Binaries(server, find_binaries().module)):
            pass
    assert "TTA_REDIS_URL" in told.value.line()


async def test_a_module_that_does_not_load_is_told_in_the_server_s_words(tmp_path: Path) -> None:
    (tmp_path / "falkordb.so").write_bytes(b"not a library")
    (tmp_path / "falkordb.so").chmod(0o755)
    with pytest.raises(StoreUnavailable, match="failed to load") as told:
        async with open_embedded(
            tmp_path / "data", binaries=Binaries(find_binaries().server, tmp_path / "falkordb.so")
        ):
            pass
    assert "\n" not in told.value.line()


async def test_a_locale_that_is_not_installed_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    async with open_embedded(tmp_path, linger_s=LINGER_S) as server:
        await remember(server, "here")


async def test_no_secret_of_the_caller_reaches_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "not-for-others")  # pragma: allowlist secret
    async with open_embedded(tmp_path, linger_s=LINGER_S) as server:
        environment = Path(f"/proc/{server.pid}/environ")
        assert not environment.exists() or b"SOME_API_KEY" not in environment.read_bytes()


def test_a_full_disk_and_a_missing_library_have_cures_of_their_own(tmp_path: Path) -> None:
    assert start_fault(tmp_path, 0, "errno 28 No space left on device").code == "store_full"
    (tmp_path / "server.log").write_text(
        "12:C 24 Nov 2026 03:25:37.228 * Configuration loaded\n"
        "12:M 24 Nov 2026 03:25:37.228 # Module x failed to load: libgomp.so.1: cannot open shared object file\n"
    )
    fault = start_fault(tmp_path, 0, "exit 1")
    assert fault.cause.endswith(
        "Configuration loaded; Module x failed to load: libgomp.so.1: cannot open shared object file"
    )
    assert "libgomp1" in fault.cure


def test_an_overgrown_log_is_set_aside(tmp_path: Path) -> None:
    assert rotate_log(tmp_path) == 0
    assert log_tail(tmp_path, 0) == ""
    (tmp_path / "server.log").write_bytes(b"x" * 100)
    assert rotate_log(tmp_path) == 100
    (tmp_path / "server.log").write_bytes(b"x" * (2 << 20))
    assert rotate_log(tmp_path) == 0
    assert (tmp_path / "server.log.1").stat().st_size == 2 << 20


async def test_a_process_that_starts_the_server_for_ever_is_not_waited_for(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    start = open_lock(str(tmp_path), "start.lock")
    assert try_lock(start)
    try:
        with pytest.raises(StoreUnavailable, match="too long"):
            async with open_embedded(tmp_path, start_timeout_s=0.05):
                pass
    finally:
        os.close(start)


async def test_a_server_that_listens_and_says_nothing_is_told(tmp_path: Path) -> None:
    async with open_embedded(tmp_path, linger_s=LINGER_S) as server:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable, match="does not"):
                async with open_embedded(tmp_path, start_timeout_s=0.05):
                    pass
        finally:
            os.kill(server.pid, signal.SIGCONT)


async def test_a_load_that_takes_too_long_tells_how_far_it_got(tmp_path: Path) -> None:
    """A stand-in that answers as Redis does while it reads a large file."""
    told_by_redis = {
        "redis_version": "8.2.3",
        "process_id": 1,
        "uptime_in_seconds": 9,
        "connected_clients": 1,
        "loading": 1,
        "loading_total_bytes": 200 << 20,
        "loading_loaded_perc": 43.21,
        "loading_eta_seconds": 7,
    }
    info = "".join(f"{name}:{value}\r\n" for name, value in told_by_redis.items()).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readline()
        bulk = b"$%d\r\n%s\r\n" % (len(info), info)
        writer.write(bulk if asked == b"INFO\r\n" else b"-LOADING Redis is loading the dataset in memory\r\n")
        await writer.drain()
        writer.close()

    tmp_path.chmod(0o700)
    keeper = open_lock(str(tmp_path), "keeper.lock")
    assert try_lock(keeper)
    try:
        async with await asyncio.start_unix_server(answer, tmp_path / "redis.sock"):
            status = await embedded_status(tmp_path)
            assert (status.running, status.loading, status.version) == (True, True, "8.2.3")
            with pytest.raises(StoreUnavailable, match=r"still loading its data: 43 % of 200 MB") as told:
                async with open_embedded(tmp_path, start_timeout_s=0.05):
                    pass
            assert "Try again in 7 s" in told.value.line()
    finally:
        os.close(keeper)
