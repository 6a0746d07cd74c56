"""The safety audit: every verdict but permission, once, for one tenant, without a word of anybody."""

import logging
import re
from contextlib import suppress
from pathlib import Path

import pytest
from audited import CHECK_IN, CRISIS, REFUSED, gone, redis_of, told
from cottage import begun
from fakes import ScriptedModel
from flight import broken_off

from agents.errors import InvalidInput, SessionPaused, StoryError, TurnInProgress, UnknownSession
from agents.story import Signal, Verdict
from graphs.audit.entries import build_entry
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings


@pytest.mark.parametrize("engine", ["embedded", "cluster"], indirect=True)
async def test_each_verdict_but_permission_is_one_entry(engine: StoryEngine) -> None:
    session = await begun(engine)
    turns = [await engine.act(session, words) for words in ("look", REFUSED, CHECK_IN, CRISIS)]
    entries = await engine.audit_entries()
    assert told(entries, "turn", "gate", "tier", "action", "answer", "session") == [
        (turns[1]["turn_id"], "action", "none", "refuse", "turn", session),
        (turns[2]["turn_id"], "action", "check_in", "check_in", "turn", session),
        (turns[3]["turn_id"], "action", "crisis", "crisis", "turn", session),
    ]
    newest = entries[0]
    assert newest["signals"] == turns[3]["verdicts"][0]["signals"]
    assert newest["categories"] == ["suicide"]
    assert newest["rules"] == engine.screen.version
    assert newest["at"] <= turns[3]["at"]
    assert (await engine.audit_figures())["counts"] == {
        "verdicts|action|none|refuse": 1,
        "verdicts|action|check_in|check_in": 1,
        "verdicts|action|crisis|crisis": 1,
    }


async def test_a_rewritten_narration_is_counted_by_category(engine: StoryEngine) -> None:
    session = await begun(engine)
    engine.use_model("offline", ScriptedModel(answers=["The gull calls. Help is on its way to you. The rain goes on."]))
    turn = await engine.act(session, "look")
    [entry] = await engine.audit_entries()
    assert (entry["gate"], entry["action"], entry["turn"]) == ("narration", "rewrite", turn["turn_id"])
    assert entry["hash"] == "", "what was stopped is kept nowhere"
    counts = (await engine.audit_figures())["counts"]
    assert counts == {"verdicts|narration|none|rewrite": 1, **{f"rewrites|{name}": 1 for name in entry["categories"]}}
    assert entry["categories"] == ["contact_claim"]


async def test_whoever_is_turned_away_is_noted_once_with_the_reason(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await begun(engine)
    model = ScriptedModel(answers=["You look. <hang>"])
    engine.use_model("slow", model)
    busy = await begun(engine, "busy", model="slow")
    _, task = await engine.start(busy, "look")
    with pytest.raises(TurnInProgress):
        await engine.act(busy, REFUSED)
    await broken_off(task, model.asked)
    await engine.act(session, CRISIS)
    with pytest.raises(SessionPaused):
        await engine.act(session, CRISIS)
    with pytest.raises(InvalidInput):
        await engine.act(session, "and so on " * 300 + CRISIS)
    with pytest.raises(UnknownSession):
        await engine.act("I-want-to-end-my-life", CRISIS)
    with pytest.raises(InvalidInput):
        await engine.save(session, "save me I want to end my life")
    with pytest.raises(SessionPaused):
        await engine.act(session, "look")
    assert told(await engine.audit_entries(), "answer", "session", "tier") == [
        ("turn_in_progress", busy, "none"),
        ("turn", session, "crisis"),
        ("session_paused", session, "crisis"),
        ("invalid_action", session, "crisis"),
        ("unknown_session", "", "crisis"),
        ("invalid_input", "", "crisis"),
    ]


async def test_the_words_are_in_no_key_no_file_and_no_log(
    engine: StoryEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    session = await begun(engine)
    await engine.act(session, "say porcupine")
    for words in (REFUSED, CHECK_IN, CRISIS, CRISIS, CRISIS * 100):
        with suppress(StoryError):
            await engine.act(session, words)
    with monkeypatch.context() as patched:
        patched.setattr(engine.audit.stream, "put", gone)
        with pytest.raises(SessionPaused):
            await engine.act(session, CRISIS)
        await engine.audit.settle()
    for name in (CRISIS, "I-want-to-end-my-life-zebrafish"):
        with pytest.raises(StoryError):
            await engine.act(name, CRISIS)
    assert len(await engine.audit_entries(text=CRISIS)) == 5
    held = [key async for key in redis_of(engine).scan_iter()]
    assert b"tta:1:audit:{local}" in held
    assert not [key for key in held if b"zebrafish" in key]
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(b"porcupine" in raw for raw in files.values()), "what is looked for would be found"
    assert [name for name, raw in files.items() if b"zebrafish" in raw] == []
    assert "safety audit" in caplog.text
    assert "zebrafish" not in caplog.text
    assert "password" not in caplog.text


@pytest.mark.parametrize("engine", ["embedded", "cluster"], indirect=True)
async def test_a_text_is_found_again_by_its_hash_and_by_no_other_key(engine: StoryEngine, tmp_path: Path) -> None:
    session = await begun(engine)
    await engine.act(session, CRISIS)
    [entry] = await engine.audit_entries(text=f"  {CRISIS.upper()} ")
    assert re.fullmatch("[0-9a-f]{32}", entry["hash"])
    assert await engine.audit_entries(text=CRISIS + "!") == []
    other = engine.settings.model_copy(update={"tenant": "other"})
    async with open_engine(other) as neighbour:
        await neighbour.act(await begun(neighbour), CRISIS)
        [theirs] = await neighbour.audit_entries(text=CRISIS)
        assert theirs["hash"] != entry["hash"], "a key is one tenant's"
    async with open_engine(engine.settings) as again:
        assert len(await again.audit_entries(text=CRISIS)) == 1, "the key is kept"
    url = engine.settings.redis_url
    given = read_settings(data_dir=tmp_path, linger_s=0.2, tenant="given", audit_key="k" * 32, redis_url=url)
    async with open_engine(given) as keyed:
        await keyed.act(await begun(keyed), CRISIS)
        assert len(await keyed.audit_entries(text=CRISIS)) == 1
        assert not await redis_of(keyed).exists("tta:1:audit_key:{given}"), "where a key is given none is made"


async def test_a_tenant_sees_nothing_of_another(engine: StoryEngine) -> None:
    async with open_engine(engine.settings.model_copy(update={"tenant": "other"})) as neighbour:
        for one in (engine, neighbour):
            await one.act(await begun(one), CRISIS)
        await neighbour.resume("s")
        await neighbour.act("s", CHECK_IN)
        assert [len(await one.audit_entries()) for one in (engine, neighbour)] == [1, 2]
        assert [len(await one.audit_entries(session="s")) for one in (engine, neighbour)] == [1, 2]
        await neighbour.delete("s")
        await neighbour.delete_tenant()
        assert await neighbour.audit_entries() == []
        assert (await neighbour.audit_figures())["counts"] == {}
        assert len(await engine.audit_entries()) == 1
        assert (await engine.audit_figures())["counts"] == {"verdicts|action|crisis|crisis": 1}


@pytest.mark.parametrize("id_", ["a b", "I want to die", "", "x" * 65, "Ünlaut", "a\nb"])
async def test_what_is_no_name_of_a_rule_is_called_other(id_: str) -> None:
    signal = Signal(source="judge", id=id_, category=id_, confidence=0.5)
    verdict = Verdict(gate="action", tier="crisis", action="crisis", categories=[id_], signals=[signal], signal_level=3)
    entry = build_entry(verdict, at="", rules="")
    assert (entry["signals"][0]["id"], entry["signals"][0]["category"], entry["categories"]) == (
        "other",
        "other",
        ["other"],
    )
    fact = Signal(source="fact", id="holds:brass lamp", category="contradiction", confidence=1.0)
    assert build_entry({**verdict, "signals": [fact]}, at="", rules="")["signals"][0]["id"] == "holds"
