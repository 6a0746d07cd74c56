"""A file with a fault is told line by line before a node is written; an import that is cut off leaves nothing to be seen."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archive_stores import keys_of, nodes_of
from cottage import begun
from session_faults import IN_MIND

from agents.errors import Conflict, InvalidInput, InvalidStory, StoreUnavailable, UnknownSession
from graphs.engine import StoryEngine, open_engine

Lines = list[dict[str, Any]]


async def exported(engine: StoryEngine, path: Path, *, turns: int = 3) -> Lines:
    await begun(engine)
    for n in range(turns):
        await engine.act("s", ("look", "take lamp", "wait")[n % 3])
    await engine.save("s", "saved")
    await engine.export_to("s", path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def at(lines: Lines, kind: str, number: int = 0) -> int:
    """The place of the line of that kind, counted from 0."""
    return [place for place, line in enumerate(lines) if kind in line][number]


def changed(kind: str, which: int = 0, /, **new: Any) -> Callable[[Lines], int]:
    """A change of one line's properties; which line that is, counted from 1. None takes a property away."""

    def change(lines: Lines) -> int:
        place = at(lines, kind, which)
        value = lines[place][kind]
        value.update(new)
        lines[place][kind] = {name: held for name, held in value.items() if held is not None}
        return place + 1

    return change


def without(kind: str, number: int = 0) -> Callable[[Lines], int]:
    """The line is gone; which line tells, counted from 1."""

    def change(lines: Lines) -> int:
        place = at(lines, kind, number)
        lines.pop(place)
        return place + 1

    return change


def twice(kind: str, number: int = 0) -> Callable[[Lines], int]:
    def change(lines: Lines) -> int:
        place = at(lines, kind, number)
        lines.insert(place, lines[place])
        return place + 2

    return change


def header(**new: Any) -> Callable[[Lines], int]:
    def change(lines: Lines) -> int:
        lines[0].update(new)
        return 1

    return change


def inside(which: int, name: str, value: Any) -> Callable[[Lines], int]:
    """A change within the body of a turn."""

    def change(lines: Lines) -> int:
        place = at(lines, "turn", which)
        lines[place]["turn"]["body"][name] = value
        return place + 1

    return change


def short(lines: Lines) -> int:
    del lines[-1]
    return len(lines)


FAULTS: list[tuple[str, Callable[[Lines], int], str]] = [
    ("another format", header(tta="song"), "no story of tta"),
    ("a backup", header(tta="backup"), "`tta sessions restore"),
    ("a newer version", header(version=2), "Update tta"),
    ("cut short", short, "cut short"),
    ("a line is missing", without("moment", 1), "not whole"),
    ("no session", without("session"), "no session"),
    ("a parent is missing", without("turn", 1), "is not there before it"),
    ("no root", without("turn", 0), "is not there before it"),
    ("a turn twice", twice("turn", 2), "already"),
    ("a branch twice", twice("branch"), "already"),
    ("a moment twice", twice("moment"), "already"),
    ("the session twice", twice("session"), "one session"),
    ("a HEAD on nothing", changed("branch", 1, head="nowhere"), "stands on a turn that is not there"),
    ("a HEAD with another number", changed("branch", 1, number=1), "stands on a turn that is not there"),
    ("a branch that is not there", changed("session", branch="nowhere"), "not there"),
    ("a moment of nothing", changed("moment", 1, turn_id="nothing"), "hangs on a turn"),
    ("a trace of nothing", changed("trace", 1, turn_id="nothing"), "hangs on a turn"),
    ("a number out of order", changed("turn", 2, number=7), "body is that of another turn"),
    ("a tail that leads nowhere", changed("turn", 3, tail=["x"]), "does not lead to its keyframe"),
    ("a tail that is missing", changed("turn", 3, tail=None), "tail is missing"),
    ("another keyframe", changed("turn", 3, keyframe="x"), "does not lead to its keyframe"),
    ("a wrong body", inside(2, "turn_id", "x"), "body is that of another turn"),
    ("a body without a narration", changed("turn", 2, body={"turn_id": "x"}), "body is not what it should be, at session"),
    ("a body that is text", changed("turn", 2, body="text"), "body is no JSON"),
    ("a number for a narration", inside(2, "narration", 7), "body is not what it should be, at narration"),
    ("changes that are none", changed("turn", 2, changes={"a": 1}), "changes is not what it should be"),
    ("a change without a slot", changed("turn", 2, changes=[{"value": 1}]), "changes is not what it should be, at 0.slot"),
    ("a focus that is none", changed("turn", 2, focus={"a": 1}), "focus is not what it should be"),
    ("a ledger that is none", changed("turn", 0, snapshot="[1]"), "snapshot is not what it should be"),
    ("a ledger with half an entry", changed("turn", 0, snapshot={"a.in": ["b"]}), "snapshot is not what it should be"),
    ("a trace that is none", changed("trace", 1, body={"a": 1}), "body is not what it should be"),
    ("too large a turn", changed("turn", 2, changes=["x" * 70_000]), "too large to keep"),
    ("too large a trace", changed("trace", 1, body=["x" * 1_100_000]), "too large to keep"),
    ("a wrong kind", changed("turn", 2, kind="tale"), "kind is missing or of the wrong kind"),
    *((name, changed("session", **new), told) for name, new, told in IN_MIND),
    ("an id that is none", changed("session", session="no/id"), "is no session id"),
    ("a world that is none", changed("session", world_text="{}"), "does not fit"),
    ("a name for a statement", changed("moment", 1, **{"x}) DETACH DELETE n //": 1}), "unusable name"),
    ("a value that is none", changed("moment", 1, more={"a": 1}), "nothing that a graph can store"),
    ("a list of many things", changed("moment", 1, more=[1, "a"]), "nothing that a graph can store"),
    ("a number too large", changed("moment", 1, more=2**64), "nothing that a graph can store"),
    ("half a vector", changed("moment", 1, vector=[0.5, 0.5]), "vector is not one of 384 numbers"),
    ("a vector of words", changed("moment", 1, vector=["a"] * 384), "vector is not one of 384 numbers"),
    ("half a letter", changed("moment", 1, text="\ud800"), "nothing that a graph can store"),
    ("an unknown thing", lambda lines: lines.insert(3, {"poem": {}}) or 4, "no 'poem' in a story"),
    ("two things in a line", lambda lines: lines[3].update(more={}) or 4, "one key"),
    ("a list for a branch", lambda lines: lines.__setitem__(2, {"branch": []}) or 3, "a JSON object"),
    ("more after the end", lambda lines: lines.append(lines[-1]) or len(lines), "after the end line"),
    ("a story in a story", lambda lines: lines.insert(3, lines[0]) or 4, "before the one before it has ended"),
    ("a key of Redis that is none", lambda lines: lines.insert(1, {"redis": {"key": "lock"}}) or 2, "no such key"),
    ("a key of Redis that cannot be", lambda lines: lines.insert(1, {"redis": {"key": "inbox", "held": [{"type": "string", "data": "%", "ttl_ms": 1}]}}) or 2, "cannot be put back"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"\xff\xfe\n" * 9, "not UTF-8"),
        (b"{\n" * 9, "not JSON"),
        (b"[]\n" * 9, "not a JSON object"),
        (b'{"turn": {}}\n' * 9, "no story of tta"),
        (b'{"tta": "story", "version": 9}\n' * 9, "Update tta"),
        (b'{"tta": "story", "version": true}\n' * 9, "Update tta"),
    ],
    ids=["binary", "torn", "a list", "no header", "a newer tta's", "a version that is none"],
)
async def test_a_file_that_is_something_else_is_told_once(
    engine: StoryEngine, tmp_path: Path, content: bytes, cause: str
) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidStory) as caught:
        await engine.import_story(path)
    assert cause in caught.value.line()
    assert not caught.value.others


async def test_every_fault_has_its_line_its_cause_and_its_cure(engine: StoryEngine, tmp_path: Path) -> None:
    good = await exported(engine, tmp_path / "good")
    nodes, keys = await nodes_of(engine), sorted(await keys_of(engine))
    path = tmp_path / "story.jsonl"
    for name, change, cause in FAULTS:
        lines = json.loads(json.dumps(good))
        place = change(lines)
        path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
        with pytest.raises(InvalidStory) as caught:
            await engine.import_story(path, session="copy")
        told = [caught.value, *caught.value.others]
        found = [error.place for error in told if cause in error.line()]
        assert found, (name, [error.line() for error in told])
        # What can only be told once all has been read is told at the end.
        assert found[0] in (f"{path}:{place}", f"{path}:{len(lines)}"), (name, place, found)
        assert all("\n" not in error.line() and error.cure for error in told), name
    assert (await nodes_of(engine), sorted(await keys_of(engine))) == (nodes, keys)
    await engine.delete_tenant()


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"", "empty"), (b"\xff\n", "not UTF-8"), (b"{\n", "not JSON"), (b"[]\n", "not a JSON object"),
        (b'{"tta": NaN}\n', "not JSON"), (b"[" * 100_000, "not JSON"), (b"x" * 9_000_000, "longer than"),
        (b'{"tta": "story", "version": "new"}\n', "this tta reads up to|is a story, not a backup|is a (story|backup), not"), (b'{"tta": ["story"]}\n', "no story of tta"),
    ],
)  # fmt: skip
async def test_what_is_no_file_of_ours(engine: StoryEngine, tmp_path: Path, raw: bytes, cause: str) -> None:
    path = tmp_path / "story.jsonl"
    path.write_bytes(raw)
    for read in (engine.import_story, engine.restore):
        with pytest.raises(InvalidStory, match=cause.replace("story", "(story|backup)")) as caught:
            await read(path)
        assert str(path) in caught.value.place
        assert caught.value.exit_code == 2


async def test_many_faults_are_told_at_once_and_not_more_than_twenty(engine: StoryEngine, tmp_path: Path) -> None:
    lines = await exported(engine, tmp_path / "good", turns=3)
    path = tmp_path / "story.jsonl"
    for line in lines:
        line.get("moment", {}).pop("people", None)
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    with pytest.raises(InvalidStory) as caught:
        await engine.import_story(path, session="copy")
    assert [error.place for error in (caught.value, *caught.value.others)] == [
        f"{path}:{place + 1}" for place, line in enumerate(lines) if "moment" in line
    ]
    path.write_text("\n".join([json.dumps(lines[0]), *["{"] * 100]))
    with pytest.raises(InvalidStory) as caught:
        await engine.import_story(path, session="copy")
    assert len(caught.value.others) == 19
    await engine.delete_tenant()


async def test_a_session_that_is_there_is_left_alone(engine: StoryEngine, tmp_path: Path) -> None:
    await exported(engine, tmp_path / "story")
    before = [line async for line in engine.export("s")][1:]
    with pytest.raises(Conflict, match="already") as caught:
        await engine.import_story(tmp_path / "story")
    assert "--as" in caught.value.cure
    with pytest.raises(InvalidInput, match="session id"):
        await engine.import_story(tmp_path / "story", session="no/id")
    assert [line async for line in engine.export("s")][1:] == before
    await engine.delete_tenant()


@pytest.mark.parametrize("cleans", [True, False])
async def test_an_import_that_is_cut_off_leaves_nothing_to_be_seen(
    engine: StoryEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cleans: bool
) -> None:
    """At every call; whether the process still cleans up, or it is the next one that does."""
    await exported(engine, tmp_path / "story", turns=4)
    await engine.delete("s")
    monkeypatch.setattr("graphs.archive.load.PAGE", 3)
    path, memory, calls = tmp_path / "story", engine.memory, 0
    while True:
        left = calls

        def cut(name: str) -> Any:
            call = getattr(type(memory), name)

            async def run(*args: Any, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise StoreUnavailable("The plug was pulled")
                return await call(memory, *args, **options)

            return run

        with monkeypatch.context() as patched:
            for name in ("begin_import", "put_nodes", "end_import"):
                patched.setattr(memory, name, cut(name))
            if not cleans:
                patched.setattr(engine, "_clear", _nothing)
            try:
                await engine.import_story(path)
                break
            except StoreUnavailable:
                calls += 1
        with pytest.raises(UnknownSession):
            await engine.session("s")
        assert await memory.sessions(engine.settings.tenant) == []
        if not cleans:
            async with open_engine(engine.settings):
                pass
        assert (await nodes_of(engine), await keys_of(engine)) == (0, [])
    assert calls > 6
    assert (await engine.act("s", "look"))["number"] == 5
    await engine.delete_tenant()


async def _nothing(_: str) -> None:
    """The process died before it could do more."""


async def test_a_turn_under_the_old_seed_tells_the_same_after_an_import(engine: StoryEngine, tmp_path: Path) -> None:
    """Lines are counted on, so that the next one draws what it would have drawn."""
    await exported(engine, tmp_path / "one")
    await engine.undo("s")
    await engine.act("s", "look")
    await engine.undo("s")
    await engine.export_to("s", tmp_path / "two")
    await engine.import_story(tmp_path / "two", session="copy")
    told = [await engine.act(session, "look closely") for session in ("s", "copy")]
    assert told[0]["narration"] == told[1]["narration"]
    assert [turn["narration"] for turn in await engine.turns("s")] == [
        t["narration"] for t in await engine.turns("copy")
    ]
    assert await engine.trace("copy", told[1]["turn_id"])
    await engine.delete_tenant()
