"""No change may break a hard rule of the world, and a narrator adds only what the schema allows."""

import pytest

from agents.story import Value, apply_changes, change
from agents.world.schema import World
from agents.world.settle import MAX_SOFT, MAX_SOFT_HELD, check_changes, soft_changes
from agents.world.view import initial_slots


@pytest.mark.parametrize(
    ("subject", "value", "reason"),
    [
        ("lamp", "moon", "no place"),
        ("lamp", None, "somewhere"),
        ("lamp", "stone", "containers and surfaces"),
        ("box", "box", "inside itself"),
        ("player", "box", "in a location"),
        ("maren", "player", "in a location"),
    ],
)
def test_a_broken_rule_is_rejected_with_its_reason(cottage: World, subject: str, value: Value, reason: str) -> None:
    slots = initial_slots(cottage)
    kept, rejected = check_changes(cottage, slots, [change(subject, "in", value, "test")])
    assert kept == []
    assert reason in rejected[0]["reason"]


def test_good_changes_before_a_bad_one_are_kept(cottage: World) -> None:
    good, bad = change("lamp", "in", "player", "test"), change("lamp", "in", "moon", "test")
    kept, rejected = check_changes(cottage, initial_slots(cottage), [good, bad])
    assert kept == [good]
    assert len(rejected) == 1


def test_an_invariant_turns_the_whole_turn_away(cottage: World) -> None:
    kept, rejected = check_changes(cottage, initial_slots(cottage), [change("lamp", "in", "garden", "test")])
    assert kept == []
    assert rejected[0]["reason"] == "the lamp must stay dry"


def test_soft_facts_follow_the_schema(cottage: World) -> None:
    proposed = [
        {"subject": "player", "relation": "feels", "value": "Calmer"},
        {"subject": "you", "relation": "promised", "value": "to come back"},
        {"subject": "maren", "relation": "feels", "value": "glad"},
        {"subject": "player", "relation": "in", "value": "attic"},
        {"subject": "lamp", "relation": "feels", "value": "warm"},
        {"subject": "player", "relation": "feels", "value": "x" * 200},
        "nonsense",
    ]
    kept, rejected = soft_changes(cottage, initial_slots(cottage), proposed)
    assert [(item["slot"], item["value"]) for item in kept] == [
        ("player.feels", "calmer"),
        ("player.promised=to_come_back", True),
    ]
    assert len(rejected) == 5


@pytest.mark.parametrize("tail", [None, "text", 3, {"a": 1}, [[1]], [{"subject": {}}]])
def test_a_broken_tail_costs_nothing(cottage: World, tail: object) -> None:
    assert soft_changes(cottage, initial_slots(cottage), tail)[0] == []


def test_soft_facts_are_bounded(cottage: World) -> None:
    slots = initial_slots(cottage)
    for number in range(2 * MAX_SOFT_HELD):
        proposed = [{"subject": "player", "relation": "promised", "value": f"thing {number}-{i}"} for i in range(5)]
        kept, _ = soft_changes(cottage, slots, proposed)
        assert len([c for c in kept if c["value"] is not None]) == MAX_SOFT
        slots = apply_changes(slots, kept)
    held = [slot for slot in slots if slot.startswith("player.promised")]
    assert len(held) <= MAX_SOFT_HELD
