"""An invalid world names the line and the fault."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.errors import InvalidWorld, UnknownWorld, ended
from agents.world.load import examine, find_world_file, load_pinned, load_text, pin
from agents.yamls import read_yaml
from api.cli.run import run

TEXT = (Path(__file__).parents[2] / "data" / "cottage.yaml").read_text()


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, f"the cottage holds {old!r} {TEXT.count(old)} times"
    return TEXT.replace(old, new)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize(
    ("old", "new", "at", "fault"),
    [
        ("exits: {south: kitchen}", "exits: {south: kitchn}", "kitchn", "leads to nowhere"),
        ("exits: {south: kitchen}", "exits: {south: kitchn}", "kitchn", "did you mean 'kitchen'"),
        ("      north: {to: garden, passing: The step is deep with leaves.}\n", "", "  garden:", "unreachable"),
        ("items: [stone]", "items: [stone, lamp]", "items: [stone", "placed twice"),
        ("items: [stone]", "items: []", "  stone:", "placed nowhere"),
        ("in: table, description: A brass", "in: tabel, description: A brass", "tabel", "did you mean 'table'"),
        ("in: table, description: A brass", "in: stone, description: A brass", "in: stone", "neither container nor"),
        ("start: kitchen", "start: hall", "start: hall", "no location 'hall'"),
        ("title: The Cottage", "titel: The Cottage", "titel", "unknown key 'titel'"),
        ("key: small_key,", "key: smal_key,", "smal_key", "did you mean 'small_key'"),
        ("small_key: {name: small key, in: garden", "small_key: {name: small key, in: box", "light:", "cannot be won"),
        ("when: [bell in maren]", "when: [bell in marn]", "bell in marn", "did you mean 'maren'"),
        ("when: [visited attic]", "when: [lamp.shiny]", "lamp.shiny", "no state 'shiny'"),
        ("when: [visited attic]", "when: [the lamp is lit]", "the lamp is lit", "is not a condition"),
        ("states: {lit: false}", "states: {lit: flase}", "  light: {title", "'flase', and is used as true or false"),
        ("effects: [lamp.lit = true]", "effects: [lamp.lit = ture]", "= ture", "is set to the word 'ture'"),
        ("effects: [lamp.lit = true]", "effects: [lamp.lit += 1]", "lit += 1", "true or false, not a number"),
        ("when: [visited attic]", "when: [lamp.lit ===]", "lamp.lit ===", "compared with the word '=='"),
        ("when: [visited attic]", "when: [lamp.lit > 1]", "lamp.lit > 1", "not a number"),
        ("effects: [lamp.lit = true]", "effects: [lamp.lit := true]", ":= true", "is not an effect"),
        ("effects: [lamp.lit = true]", "effects: [lamp.lot = true]", "lamp.lot", "no state 'lot'"),
        ("on: [ring bell]", "on: [dong bell]", "dong bell", "begins with no known verb"),
        ("on: [ring bell]", "on: [ring bel]", "ring bel]", "did you mean 'bell'"),
        ("  draught: {when", "  lamp: {when", "lamp: {when", "used twice"),
        ("here: [kitchen], elsewhere", "here: [kichen], elsewhere", "kichen", "did you mean 'kitchen'"),
        ("lockable: true, locked: true", "locked: true", "tin box, in", "locked but not lockable"),
        ("blocked: It is too dark up there without a lamp.", "passing: Up.", "passing: Up.", "needs 'blocked'"),
        ("gifts:\n      stone:", "gifts:\n      stne:", "stne:", "did you mean 'stone'"),
        ("capacity: 4", "capacity: four", "capacity: four", "capacity"),
        ("capacity: 4", "capacity: 4\ncapacity: 5", "capacity: 5", "twice"),
        ("capacity: 4", "capacity: [4", "", "not YAML"),
        ("pronoun: she", "pronoun: her", "pronoun: her", "pronoun"),
        ("when: [lamp.lit], after: 2", "when: [lamp.lit], after: 0", "after: 0", "after"),
        ("verbs:\n", "? [a]\n: b\nverbs:\n", "", ""),
    ],
)
def test_a_fault_has_its_line_and_its_cause(old: str, new: str, at: str, fault: str) -> None:
    text = changed(old, new)
    _, faults = examine(text)
    fitting = [found for found in faults if fault in found.message]
    assert fitting, [found.message for found in faults]
    if at:
        assert line_of(text, at) in [found.line for found in fitting]


@pytest.mark.parametrize("text", ["", "[]", "just words", "world: x", "\t", "a: &a [*a]", "- 1\n- 2", "null"])
def test_what_is_no_world_at_all_is_said(text: str) -> None:
    world, faults = examine(text)
    assert world is None
    assert faults


def test_the_first_fault_becomes_the_error() -> None:
    text = changed("exits: {south: kitchen}", "exits: {south: kitchn}")
    with pytest.raises(InvalidWorld) as caught:
        load_text(text, "my.yaml")
    assert caught.value.place == f"my.yaml:{line_of(text, 'kitchn')}"
    assert caught.value.line().count("\n") == 0


def test_unknown_worlds_name_the_valid_ones() -> None:
    with pytest.raises(UnknownWorld) as caught:
        find_world_file("atlantis")
    assert caught.value.choices
    with pytest.raises(UnknownWorld):
        find_world_file("no/such/file.yaml")


def test_a_world_that_is_not_utf8_is_said(tmp_path: Path) -> None:
    from agents.world.load import load_world  # noqa: PLC0415

    path = tmp_path / "latin.yaml"
    path.write_bytes("title: caf\xe9".encode("latin-1"))
    with pytest.raises(InvalidWorld, match="UTF-8"):
        load_world(str(path))


def test_a_pinned_world_is_the_same_world() -> None:
    source = load_text(TEXT, "cottage.yaml")
    assert load_pinned(pin(source)).world == source.world


@pytest.mark.parametrize(
    ("old", "new", "at", "fault"),
    [
        ("capacity: 4", "capacity: four", "capacity: four", "capacity: expected a whole number, got 'four'"),
        ("capacity: 4", "capacity: 400", "capacity: 400", "capacity: expected at most 50, got 400"),
        ("title: The Cottage", "title: 12", "title: 12", "title: expected a text, got 12; put it in quotes"),
        ("title: The Cottage", "title: [a]", "title: [a]", "title: expected a text, got a list"),
        ("title: The Cottage", "title:", "title:", "title: expected a text, got nothing"),
        ("south: kitchen", "south: [kitchen]", "[kitchen]", "locations.garden.exits.south: expected a mapping or a text, got a list"),
        ("south: kitchen", "south: {too: kitchen}", "{too", "the key 'to' is missing in locations.garden.exits.south"),
        ("south: kitchen", "soth: kitchen", "soth", "locations.garden.exits: the key 'soth' is not known; did you mean 'south'?"),
        ("lit: false", "lit: [a]", "lit: [a]", "items.lamp.states.lit: expected true or false, a whole number or a text, got a list"),
        ("pronoun: she", "pronoun: her", "pronoun: her", "characters.maren.pronoun: 'her' is none of: she, he, they, it"),
        ("start: kitchen", "start: The Kitchen", "start:", "start: 'The Kitchen' is no id; ids are lower-case letters"),
        ("hint: Look below.", "hint: [{when: [lamp.lit]}]", "hint: [{", "the key 'says' is missing in goals.bring_bell.hint.0"),
        ("    name: the garden", "    preposition: onto\n    name: the garden", "onto", "locations.garden.preposition: 'onto' is not known; did you mean 'on'?"),
    ],
)  # fmt: skip
def test_a_fault_of_shape_says_plainly_what_was_expected(old: str, new: str, at: str, fault: str) -> None:
    text = changed(old, new)
    _, faults = examine(text)
    assert [found.line for found in faults if found.message.startswith(fault)] == [line_of(text, at)], faults
    assert not any("nput should" in found.message or "[" in found.message for found in faults)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("capacity: 4", "capacity: four"),
        ("title: The Cottage", "titel: The Cottage"),
        ("ending: The cottage is lit, and somebody is home.", ""),
        ("start: kitchen", "start: The Kitchen"),
        ("portable: false,", "portable: maybe,"),
        ("verbs:\n", "verbs: {flip: [1]}\nverps:\n"),
    ],
)
def test_faults_of_sense_are_told_beside_those_of_shape(old: str, new: str) -> None:
    text = (
        changed(old, new)
        .replace("gifts:\n      stone:", "gifts:\n      stne:")
        .replace("visited attic", "visited atic")
    )
    world, faults = examine(text)
    assert world is None
    told = [found.message for found in faults]
    assert "there is no item 'stne'; did you mean 'stone'?" in told
    assert "there is no location 'atic'; did you mean 'attic'?" in told
    assert not any("unreachable" in message or "cannot be won" in message for message in told), "that would be a guess"


def parts(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for key, inner in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, key)
        yield from parts(inner, (*path, key))


@pytest.mark.parametrize("bad", [[[["x"]]], 1.5, None], ids=["list", "number", "nothing"])
def test_a_fault_of_shape_brings_no_others_with_it(bad: Any) -> None:
    """Whichever part of a sound world is of the wrong kind: only that is told, and nothing that hangs on it."""
    data = read_yaml(TEXT).data
    for path in parts(data):
        broken = copy.deepcopy(data)
        holder = broken
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = bad
        world, faults = examine(json.dumps(broken))
        if world is None:
            name = ".".join(map(str, path))
            assert all(name in found.message for found in faults), (path, faults)


def test_a_question_is_no_sentence_with_two_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(changed("visited attic", "visited atic").replace("gifts:\n      stone:", "gifts:\n      stne:"))
    assert run(["worlds", "validate", str(path)]) == 2
    assert "?." not in capsys.readouterr().err
    assert ended("did you mean it?") == "did you mean it?"
    assert ended("it is so") == "it is so."
