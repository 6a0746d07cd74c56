"""A store that an older version wrote, with a turn in flight: it is migrated when it is opened, and that turn is ended once."""

from pathlib import Path
from typing import Any

import pytest
from cottage import begun
from fakes import ScriptedModel
from flight import left_in_flight

from graphs.engine import open_engine
from graphs.memory import SCHEMA_VERSION, schema
from graphs.memory.cypher import SCOPE
from graphs.memory.falkordb import REGISTRY
from graphs.settings import read_settings

FORGET = f"MATCH (m:Moment {{{SCOPE}}}) SET m.words = m.text, m.at = null, m.people = null"
UNSTAMP = f"MATCH (s:Session {{{SCOPE}}}) SET s.schema = null"
UNLIST = f"MATCH (l:Listed {{{SCOPE}}}) SET l.schema = null"


async def test_a_turn_in_flight_survives_a_migration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    settings = read_settings(data_dir=tmp_path, linger_s=5)
    async with open_engine(settings) as engine:
        engine.use_model("slow", ScriptedModel(answers=["The range ticks."]))
        session = await begun(engine, model="slow")
        for action in ("take lamp", "go north", "look", "wait", "go south"):
            await engine.act(session, action)
        engine.use_model("slow", ScriptedModel(answers=["The cups hang still. The clock ticks. <hang>"]))
        turn_id, _ = await left_in_flight(engine, session, "wait")
        memory: Any = engine.memory
        names = {"tenant": "local", "session": session}
        for statement in (FORGET, UNSTAMP):
            await memory._write(engine.scope(session), statement, names)
        await memory._query(REGISTRY, UNLIST, names)
        await memory._query(REGISTRY, schema.RESTAMP, {"version": 1})
    async with open_engine(settings) as engine:
        engine.use_model("slow", ScriptedModel(answers=["It rings on."]))
        assert (capsys.readouterr().out, "1 stories" in caplog.text) == ("", True), "what is told is no output"
        assert (await engine.memory.version())["schema"] == str(SCHEMA_VERSION)
        ended = await engine.recover(session)
        assert ended is not None
        assert (ended["turn_id"], ended["number"]) == (turn_id, 6)
        assert ended["narration"].startswith("The cups hang still.")
        assert await engine.recover(session) is None
        assert [turn["number"] for turn in await engine.turns(session)] == [6, 5, 4, 3, 2, 1]
        found = await engine.memory.recall(engine.scope(session), "main", "who took a lamp", skip=0)
        assert found[0]["number"] == 1
        assert (await engine.act(session, "look"))["number"] == 7
