"""An invalid world names the line and the fault."""

from pathlib import Path

import pytest

from agents.errors import InvalidWorld, UnknownWorld
from agents.world.load import examine, find_world_file, load_pinned, load_text, pin

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
    assert load_pinned(pin(source)) == source.world
