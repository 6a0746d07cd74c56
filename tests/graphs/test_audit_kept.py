"""What becomes of the safety audit: stores that fail, processes that die, time that passes, sessions that go."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from audited import CHECK_IN, CRISIS, REFUSED, gone, noted, redis_of, told
from cottage import begun

from agents.errors import SessionPaused, StoreUnavailable, StoryError, UnknownSession
from agents.safety.screen import Screen
from graphs.audit import log
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings


async def test_a_store_that_is_gone_costs_nobody_help_and_the_entry_comes_later(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = await begun(engine)
    await engine.act(session, "look")
    with monkeypatch.context() as patched:
        patched.setattr(redis_of(engine), "execute_command", gone)
        patched.setattr("redis.asyncio.client.Pipeline.execute", gone)
        with pytest.raises(StoreUnavailable) as caught:
            await engine.act(session, CRISIS)
        assert caught.value.help
        await engine.audit.settle()
        figures = await engine.audit_figures()
        assert (figures["counts"], figures["waiting"], figures["failed"] > 0) == (None, 1, True)
        assert "ConnectionError" in caplog.text
        assert "zebrafish" not in caplog.text
    await engine.act(session, "wait")
    assert told(await engine.audit_entries(), "answer", "session", "turn") == [("store_unavailable", session, "")]
    figures = await engine.audit_figures()
    assert figures["waiting"] == 0
    assert figures["counts"] and figures["counts"]["audit|failed"] == figures["failed"]  # noqa: PT018 - for the type


async def test_an_audit_that_fails_costs_no_turn(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await begun(engine)
    with monkeypatch.context() as patched:
        patched.setattr(engine.audit.stream, "put", gone)
        for words, kind in ((REFUSED, "refused"), (CRISIS, "crisis")):
            assert (await engine.act(session, words))["kind"] == kind
    with monkeypatch.context() as patched:

        def broken(*_: Any) -> str:
            raise ZeroDivisionError("zebrafish")

        patched.setattr(Screen, "version", property(broken))
        with pytest.raises(SessionPaused) as caught:
            await engine.act(session, CRISIS)
        assert caught.value.help
    await engine.audit.close()
    assert told(await engine.audit_entries(), "action") == [("refuse",), ("crisis",)]


async def test_an_accepted_turn_that_its_store_fails_is_noted_once(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await begun(engine)

    async def broken(*_: Any) -> Any:
        raise StoreUnavailable("The plug was pulled")

    with monkeypatch.context() as patched:
        patched.setattr(engine.memory, "commit", broken)
        with pytest.raises(StoreUnavailable) as caught:
            await engine.act(session, CRISIS)
        assert caught.value.help
    assert await engine.recover(session)
    assert told(await engine.audit_entries(), "answer", "tier") == [("turn", "crisis")]
    assert (await engine.audit_entries())[0]["hash"]


async def test_what_hangs_is_not_waited_for(engine: StoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await begun(engine)

    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(engine.audit.stream, "put", never)
    monkeypatch.setattr(log, "SETTLE_S", 0.01)
    monkeypatch.setattr(log, "CLOSE_S", 0.01)
    async with asyncio.timeout(30):
        assert (await engine.act(session, CRISIS))["kind"] == "crisis"
        with pytest.raises(SessionPaused):
            await engine.act(session, CRISIS)


async def test_when_the_room_runs_out_what_weighs_least_goes_first(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MAX_WAITING", 3)
    with monkeypatch.context() as patched:
        patched.setattr(engine.audit.stream, "put", gone)
        for number, tier in enumerate(("crisis", "none", "check_in", "none", "crisis")):
            engine.audit.note(noted(tier, mark=str(number)))
            await engine.audit.settle()
    await engine.audit.close()
    assert told(await engine.audit_entries(), "tier") == [("crisis",), ("check_in",), ("crisis",)]
    figures = await engine.audit_figures()
    assert (figures["lost"], (figures["counts"] or {})["audit|lost"]) == (2, 2)


async def test_nothing_is_written_twice_under_one_mark(engine: StoryEngine) -> None:
    """A lost connection may send a command twice; a turn that is resumed is noted again."""
    stream = engine.audit.stream
    assert [bool(await stream.put(noted("crisis", mark=mark))) for mark in ("a", "a", "b")] == [True, False, True]
    assert (await stream.counts())["verdicts|action|crisis|refuse"] == 2


async def test_entries_go_when_their_time_is_over(engine: StoryEngine) -> None:
    redis, key = redis_of(engine), "tta:1:audit:{local}"
    day_ms = 24 * 3600 * 1000
    now_ms = time.time_ns() // 1_000_000
    old = json.dumps({"at": "old", "session": "s", "tier": "crisis", "hash": ""})
    for age_days in (200, 91, 89):
        await redis.xadd(key, {"entry": old}, id=f"{now_ms - age_days * day_ms}-0")
    assert len(await engine.audit_entries()) == 1
    assert await redis.xlen(key) == 1, "reading takes away what is too old"
    assert await engine.audit_entries(since_ms=now_ms - day_ms) == []
    await redis.delete(key)
    pipe = redis.pipeline()
    for number in range(500):
        pipe.xadd(key, {"entry": old}, id=f"{now_ms - 100 * day_ms + number}-0")
    await pipe.execute()
    await engine.act(await begun(engine), CRISIS)
    assert await redis.xlen(key) <= 101, "writing takes it away, but for one node of the stream"
    assert 89 * day_ms < await redis.pttl(key) <= 90 * day_ms


async def test_an_index_holds_no_more_than_the_stream(engine: StoryEngine) -> None:
    """A session that is played for years is not remembered by entries that are gone."""
    stream, redis = engine.audit.stream, redis_of(engine)
    for number in range(60):
        await stream.put(noted("none", mark=f"old{number}"))
    await redis.xtrim("tta:1:audit:{local}", maxlen=0, approximate=False)
    await asyncio.sleep(0.002)
    for number in range(10):
        await stream.put(noted("none", mark=f"new{number}"))
    assert await redis.hlen("tta:1:audit_of:{local}:s") <= 10
    assert await stream.forget("s") <= 10


async def test_a_sweep_takes_what_was_noted_while_its_session_was_deleted(engine: StoryEngine) -> None:
    await engine.act(await begun(engine), CRISIS)
    await engine.audit.stream.put(noted("crisis", session="deleted"))
    engine.audit.note(noted("crisis", session="s", mark="late"))
    await engine.audit.settle()
    await engine.sweep()
    assert told(await engine.audit_entries(), "session") == [("s",), ("s",)]


async def test_what_waits_for_the_store_goes_with_its_session(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await begun(engine)
    with monkeypatch.context() as patched:
        patched.setattr(engine.audit.stream, "put", gone)
        await engine.act(session, CRISIS)
        assert engine.audit.waiting == 1
        await engine.delete(session)
    assert engine.audit.waiting == 0
    await engine.audit.close()
    assert await engine.audit_entries() == []


async def test_an_undo_and_a_resume_take_nothing_back(engine: StoryEngine) -> None:
    session = await begun(engine)
    await engine.act(session, "look")
    await engine.act(session, CHECK_IN)
    await engine.act(session, CRISIS)
    before = await engine.audit_entries()
    await engine.resume(session)
    await engine.undo(session)
    assert await engine.audit_entries() == before
    assert (await engine.session(session))["risk"] == "crisis"
    with pytest.raises(UnknownSession):
        await engine.audit_entries(session="nobody")


async def test_a_restored_session_keeps_its_entries_and_a_backup_has_none(engine: StoryEngine, tmp_path: Path) -> None:
    session = await begun(engine)
    await engine.act(session, CRISIS)
    before = await engine.audit_entries()
    await engine.backup(tmp_path / "backup")
    assert before[0]["hash"] not in (tmp_path / "backup").read_text()
    await engine.restore(tmp_path / "backup", force=True)
    assert await engine.audit_entries() == before
    await engine.delete(session)
    await engine.restore(tmp_path / "backup")
    assert await engine.audit_entries() == []


async def test_the_key_is_sealed_with_the_rest_and_anew(tmp_path: Path) -> None:
    fernet = pytest.importorskip("cryptography.fernet").Fernet
    old, new = fernet.generate_key().decode(), fernet.generate_key().decode()

    def settings(keys: str) -> Any:
        return read_settings(data_dir=tmp_path, linger_s=0.2, encryption_keys=keys)

    async with open_engine(settings(old)) as engine:
        await engine.act(await begun(engine), CRISIS)
        kept = (await redis_of(engine).get("tta:1:audit_key:{local}")).decode()
        assert not re.fullmatch("[0-9a-f]{64}", kept)
    async with open_engine(settings(f"{new},{old}")) as engine:
        await engine.reseal()
    async with open_engine(settings(new)) as engine:
        assert len(await engine.audit_entries(text=CRISIS)) == 1


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
from cottage import begun
from graphs.engine import open_engine
from graphs.inbox import Inbox
from graphs.settings import read_settings

async def main():
    async with open_engine(read_settings(data_dir=Path({data!r}), linger_s=5)) as engine:
        session = await begun(engine)

        async def dies(*_, **__):
            os.kill(os.getpid(), signal.SIGKILL)

        engine.audit.stream.put = dies
        await engine.act(session, {words!r})

asyncio.run(main())
"""


async def test_a_process_that_dies_before_it_has_written_leaves_it_to_the_next(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    code = DYING.format(tests=str(root / "tests"), root=str(root), data=str(tmp_path), words=CRISIS)
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    async with open_engine(read_settings(data_dir=tmp_path, linger_s=0.2)) as engine:
        assert await engine.audit_entries() == []
        with suppress(StoryError):
            await engine.recover("s")
        assert told(await engine.audit_entries(), "tier", "session") == [("crisis", "s")]
        assert (await engine.session("s"))["paused"]
