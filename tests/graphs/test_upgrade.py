"""A session moves to another edition of its world by one explicit step, and every branch of it follows when it is played."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
from cottage import COTTAGE
from fakes import ScriptedModel
from flight import left_in_flight

from agents.errors import Conflict, InvalidWorld, UnknownWorld
from agents.yamls import read_yaml
from graphs.engine import StoryEngine, open_engine
from graphs.settings import read_settings

Edit = Callable[..., str]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """The path of the cottage with some of its lines replaced, and others put behind a line."""
    path = tmp_path / "cottage.yaml"

    def write(**lines: str) -> str:
        text = Path(COTTAGE).read_text()
        for start, line in lines.items():
            (found,) = [old for old in text.splitlines() if old.startswith(f"  {start}:")]
            text = text.replace(found, line.format(found))
        path.write_text(text)
        return str(path)

    return write


KEY = "{}\n  spoon: {{name: wooden spoon, in: kitchen, description: A spoon worn on one side.}}"


async def test_a_new_thing_is_there_and_what_was_done_stays(engine: StoryEngine, edit: Edit) -> None:
    session = (await engine.create(edit(), session="s", seed=1))["session"]
    await engine.act(session, "take lamp")
    path = edit(stone=KEY)
    before = await engine.session(session)
    tried = await engine.upgrade(session, path, dry_run=True)
    assert (tried["upgraded"], tried["misfits"]) == (False, [])
    assert await engine.session(session) == before
    done = await engine.upgrade(session, path)
    assert (done["upgraded"], done["fingerprint"]) == (True, (await engine.session(session))["fingerprint"])
    assert (await engine.position(session))["slots"]["spoon.in"] == "kitchen", "what is shown is what will be played"
    turn = await engine.act(session, "take spoon")
    assert turn["inventory"] == ["lamp", "spoon"]
    facts = {fact["slot"]: fact for fact in await engine.facts(session, about="spoon")}
    assert facts["spoon.in"]["because"] == "verb:take"
    again = await engine.upgrade(session, path)
    assert (again["upgraded"], again["misfits"]) == (False, [])


async def test_every_branch_follows_also_what_is_gone_back_to(engine: StoryEngine, edit: Edit) -> None:
    session = (await engine.create(edit(), session="s", seed=1))["session"]
    for action in ("take lamp", "north"):
        await engine.act(session, action)
    await engine.save(session, "late")
    await engine.undo(session, 2)
    done = await engine.upgrade(session, edit(stone=KEY))
    assert done["misfits"] == []
    assert (await engine.act(session, "take spoon"))["inventory"] == ["spoon"]
    await engine.undo(session)
    assert (await engine.act(session, "take spoon"))["inventory"] == ["spoon"], "undone with the turn, and here again"
    await engine.switch(session, "late")
    assert (await engine.act(session, "look"))["inventory"] == ["lamp"]
    await engine.act(session, "south")
    assert (await engine.act(session, "take spoon"))["inventory"] == ["lamp", "spoon"]


async def test_what_no_longer_fits_is_said_for_every_branch(engine: StoryEngine, edit: Edit) -> None:
    session = (await engine.create(edit(), session="s", seed=1))["session"]
    for action in ("north", "take flat stone"):
        await engine.act(session, action)
    await engine.save(session, "with stone")
    await engine.undo(session)
    without = edit(stone="  pebble: {{name: pebble, description: Round.}}")
    text = (
        Path(without)
        .read_text()
        .replace("items: [stone]", "items: [pebble]")
        .replace("      stone: {says", "      pebble: {says")
    )
    Path(without).write_text(text)
    done = await engine.upgrade(session, without)
    assert {(m["branch"], m["slot"], m["because"]) for m in done["misfits"]} == {
        ("main", "stone.in", "the flat stone, in the garden, is no more"),
        ("with stone", "stone.in", "the flat stone, with you, is no more"),
    }
    await engine.switch(session, "with stone")
    assert (await engine.act(session, "take pebble"))["inventory"] == ["pebble"]
    assert "stone.in" not in (await engine.position(session))["slots"]


async def test_what_cannot_be_is_refused_and_changes_nothing(engine: StoryEngine, edit: Edit, tmp_path: Path) -> None:
    session = (await engine.create(edit(), session="s", seed=1))["session"]
    before = await engine.session(session)
    with pytest.raises(UnknownWorld):
        await engine.upgrade(session)  # the cottage is no shipped world
    with pytest.raises(Conflict, match="plays 'cottage', and that is 'winter_light'"):
        await engine.upgrade(session, "winter_light")
    (tmp_path / "broken.yaml").write_text("world: cottage\ntitle: [")
    with pytest.raises(InvalidWorld) as caught:
        await engine.upgrade(session, str(tmp_path / "broken.yaml"))
    assert "broken.yaml:" in caught.value.line()
    assert await engine.session(session) == before


async def test_another_process_sees_the_new_edition(tmp_path: Path, edit: Edit) -> None:
    settings = read_settings(data_dir=tmp_path / "home", linger_s=0.2)
    async with open_engine(settings) as one, open_engine(settings) as two:
        session = (await one.create(edit(), session="s", seed=1))["session"]
        await two.act(session, "look")
        await one.upgrade(session, edit(stone=KEY))
        assert (await two.act(session, "take spoon"))["inventory"] == ["spoon"]


async def test_an_id_that_names_something_else_now_begins_anew(engine: StoryEngine, tmp_path: Path) -> None:
    """The player stands in the attic and carries the lamp; in the new edition the one is a thing, the other somebody."""
    session = (await engine.create(COTTAGE, session="s", seed=1))["session"]
    opened = "north, take small key, south, unlock box, open box, take matches, take lamp, light lamp, east"
    for action in opened.split(", "):
        await engine.act(session, action)
    assert (await engine.position(session))["slots"]["player.in"] == "attic"
    data = deepcopy(read_yaml(Path(COTTAGE).read_text()).data)
    data["items"]["attic"] = {"name": "doll house", "in": "kitchen", "description": "A house for dolls."}
    del data["locations"]["attic"], data["locations"]["kitchen"]["exits"]["east"], data["goals"]["climb"]
    lamp = {**data["characters"]["maren"], "name": "Lucerne", "in": "kitchen", "states": {"lit": False}}
    data["characters"]["lamp"] = {**lamp, "topics": {}, "gifts": {}}
    del data["items"]["lamp"]
    path = tmp_path / "swapped.yaml"
    path.write_text(json.dumps(data))
    done = await engine.upgrade(session, str(path))
    told = {misfit["slot"]: misfit["because"] for misfit in done["misfits"]}
    assert told["player.in"] == "you cannot be in the attic any more"
    assert told["lamp.in"] == "the brass lamp cannot be with you any more"
    turn = await engine.act(session, "take the doll house")
    assert (turn["location"], turn["inventory"]) == ("kitchen", ["matches", "small_key", "attic"])
    assert (await engine.position(session))["slots"]["lamp.in"] == "kitchen", "where the edition puts Lucerne"
    await engine.upgrade(session, COTTAGE)
    assert "lamp" not in (await engine.act(session, "look"))["inventory"]
    assert "lamp" in (await engine.act(session, "take lamp"))["inventory"]


async def test_what_was_spoken_of_last_is_not_meant_in_another_edition(engine: StoryEngine, edit: Edit) -> None:
    session = (await engine.create(edit(), session="s", seed=1))["session"]
    for action in ("north", "examine flat stone"):
        await engine.act(session, action)
    await engine.upgrade(session, edit(stone=KEY))
    assert (await engine.act(session, "take it"))["inventory"] == []


async def test_a_turn_in_flight_is_ended_in_the_world_it_was_begun_in(engine: StoryEngine, edit: Edit) -> None:
    engine.use_model("slow", ScriptedModel(answers=["The cups hang still. The clock ticks. <hang>"]))
    session = (await engine.create(edit(), session="s", seed=1, model="slow"))["session"]
    turn_id, shown = await left_in_flight(engine, session, "wait")
    engine.use_model("slow", ScriptedModel(answers=["The range ticks."]))
    await engine.upgrade(session, edit(stone=KEY))
    (turn,) = await engine.turns(session)
    assert (turn["turn_id"], turn["narration"].startswith(shown)) == (turn_id, True)
    assert "world.edition" not in {change["slot"] for change in turn["changes"]}
