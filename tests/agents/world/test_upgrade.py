"""A running story and another edition of its world: what comes, what goes, what stays."""

from typing import Any

from agents.story import Value, apply_changes
from agents.world.schema import World
from agents.world.upgrade import EDITION, compare, fit, misfits
from agents.world.view import initial_slots

TEXTURES = [f"texture {number}" for number in range(12)]
ONE: dict[str, Any] = {
    "world": "tiny", "version": 1, "title": "Tiny", "summary": "A tiny world.", "opening": "It begins.", "start": "hall", "ending": "It ends.",
    "tone": {"mood": "calm", "textures": TEXTURES},
    "locations": {
        "hall": {"name": "the hall", "description": "A hall.", "exits": {"north": "shed"}, "states": {"lit": False}},
        "shed": {"name": "the shed", "description": "A shed.", "exits": {"south": "hall"}},
    },
    "items": {
        "lamp": {"name": "lamp", "description": "A lamp.", "in": "hall", "states": {"warm": False}},
        "rope": {"name": "rope", "description": "A rope.", "in": "shed"},
    },
    "goals": {"home": {"title": "Go home", "hint": "Go.", "done": "You are home.", "when": ["lamp in shed"]}},
}  # fmt: skip


def edition(version: int, **parts: Any) -> World:
    """Another edition of the tiny world, with some of its parts replaced."""
    data = {**ONE, "version": version, **parts}
    return World.model_validate(data)


REST = {"rest": {"title": "Rest", "hint": "Rest.", "done": "You rest.", "when": ["player in hall"]}}
OLD = edition(1)


def without(part: str, key: str) -> dict[str, Any]:
    return {part: {name: value for name, value in ONE[part].items() if name != key}}


def moved(slots: dict[str, Value], *editions: World) -> dict[str, Value]:
    """The state after each upgrade was made and the story played once in it."""
    made, old = [], OLD
    for number, new in enumerate(editions):
        made.append(compare(old, new, f"{number:064d}"[::-1]))
        slots, old = apply_changes(slots, fit(new, slots, made)), new
    return slots


def test_what_is_new_comes_in_and_what_was_done_stays() -> None:
    slots = {**initial_slots(OLD), "lamp.in": "player", "home.done": True}
    new = edition(2, items={**ONE["items"], "key": {"name": "key", "description": "A key.", "in": "shed"}})
    after = moved(slots, new)
    assert after == {**slots, "key.in": "shed", EDITION: after[EDITION]}


def test_what_is_gone_goes_with_all_that_was_known_of_it() -> None:
    slots = {**initial_slots(OLD), "lamp.in": "player", "lamp.looks": 3, "player.in": "shed", "rope.in": "player"}
    made = compare(OLD, new := edition(2, **without("items", "lamp"), goals=REST), "b" * 64)
    changes = fit(new, slots, [made])
    after = apply_changes(slots, changes)
    assert not [slot for slot in after if slot.startswith(("lamp.", "home."))]
    assert (after["rope.in"], after["player.in"]) == ("player", "shed")
    told = {misfit.slot: misfit.because for misfit in misfits(OLD, slots, changes)}
    assert told == {"lamp.in": "the lamp, with you, is no more", "lamp.warm": "the lamp: 'warm' is no more"}


def test_whoever_is_where_nothing_is_any_more_begins_again() -> None:
    slots = {**initial_slots(OLD), "player.in": "shed", "lamp.in": "shed"}
    locations = {"hall": {"name": "the hall", "description": "A hall."}}
    items = {"lamp": ONE["items"]["lamp"], "rope": {**ONE["items"]["rope"], "in": "hall"}}
    made = compare(OLD, new := edition(2, locations=locations, items=items, goals=REST), "b" * 64)
    changes = fit(new, slots, [made])
    after = apply_changes(slots, changes)
    assert (after["player.in"], after["lamp.in"], after["rope.in"]) == ("hall", "hall", "hall")
    assert "hall.lit" not in after
    told = {misfit.slot: (misfit.because, misfit.becomes) for misfit in misfits(OLD, slots, changes)}
    assert told["player.in"] == ("you cannot be in the shed any more", "hall")
    assert told["hall.lit"] == ("the hall: 'lit' is no more", None)


def test_a_thing_that_was_used_up_does_not_come_back() -> None:
    slots = initial_slots(OLD)
    del slots["rope.in"]
    key = {"name": "key", "description": "A key.", "in": "shed"}
    first = edition(2, items={**ONE["items"], "key": key})
    second = edition(3, items={**ONE["items"], "key": key, "bell": {"name": "bell", "description": "A bell."}})
    after = moved(slots, first)
    after["key.in"] = "player"
    made = [compare(OLD, first, "a" * 64), compare(first, second, "b" * 64)]
    again = apply_changes({**after, EDITION: "a" * 12}, fit(second, {**after, EDITION: "a" * 12}, made))
    assert "rope.in" not in again
    assert (again["key.in"], again["bell.in"]) == ("player", "nowhere")
    assert fit(second, again, made) == []


def test_an_edition_that_is_come_back_to() -> None:
    """There and back again: the last time counts, and a thing that came back is where a new story has it."""
    new = edition(2, **without("items", "rope"))
    slots = {**initial_slots(OLD), "rope.in": "player"}
    made = [compare(OLD, new, "b" * 64), compare(new, OLD, "a" * 64), compare(OLD, new, "b" * 64), compare(new, OLD, "a" * 64)]  # fmt: skip
    gone = apply_changes(slots, fit(new, slots, made[:1]))
    assert "rope.in" not in gone
    back = apply_changes(gone, fit(OLD, gone, made[:2]))
    assert back["rope.in"] == "shed"
    assert fit(OLD, back, made[:2]) == []
    # A branch that slept through all of it keeps what fits the last edition.
    slept = apply_changes(slots, fit(OLD, slots, made))
    assert slept["rope.in"] == "player"


def test_what_lies_in_a_thing_that_holds_nothing_any_more_is_brought_back() -> None:
    box = {"name": "box", "description": "A box.", "in": "hall"}
    old = edition(1, items={**ONE["items"], "box": {**box, "container": True}})
    slots = {**initial_slots(old), "rope.in": "box"}
    made = compare(old, new := edition(2, items={**ONE["items"], "box": box}), "b" * 64)
    changes = fit(new, slots, [made])
    assert apply_changes(slots, changes)["rope.in"] == "shed"
    (told,) = misfits(old, slots, changes)
    assert (told.slot, told.because) == ("rope.in", "the rope cannot be in the box any more")


def test_of_what_is_nowhere_no_place_is_told() -> None:
    old = edition(
        1, items={**ONE["items"], "gate": {"name": "gate", "description": "A gate.", "door": True, "portable": False}}
    )
    changes = fit(new := OLD, slots := initial_slots(old), [compare(old, new, "b" * 64)])
    assert "the gate is no more" in [misfit.because for misfit in misfits(old, slots, changes)]
