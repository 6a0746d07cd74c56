"""What a node read and wrote is kept as it was, without personal data, whatever stands in several entries."""

from typing import Any

from redis.asyncio import Redis

from agents.safety.redaction import Redaction
from graphs.trace import MAX_ENTRY, TraceEntry, TraceLog, compact

MAIL = "anna@example.org"


def entry(node: str, given: dict[str, Any], **made: Any) -> TraceEntry:
    return TraceEntry(order=0, node=node, input=given, output=made, route="", ms=1.5, resumed=False)


def log_of(redis: Any, redaction: Redaction | None = None) -> TraceLog:
    return TraceLog(redis, f"trace{id(redaction)}", "t", redaction=redaction)


async def test_entries_are_read_as_they_were_written(redis: Redis) -> None:
    log = log_of(redis, Redaction())
    scene = {"place": "cellar", "exits": ["up", {"down": None}], "dark": True, "seen": 3, "said": 'a "quote"\n\u2028 é'}
    given: dict[str, Any] = {"scene": scene, "action": "look", 'odd "input": 0, "output": 0': 0, "none": None}
    await log.append(entry("first", given, choices=[1, 2.5]))
    await log.append(entry("second", {**given, "choices": []}))
    await log.append(entry("third", {}))
    told = await log.entries()
    assert [(one["input"], one["output"]) for one in told] == [
        (given, {"choices": [1, 2.5]}),
        ({**given, "choices": []}, {}),
        ({}, {}),
    ]
    assert [(one["order"], one["node"], one["route"], one["ms"]) for one in told] == [
        (0, "first", "second", 1.5),
        (1, "second", "third", 1.5),
        (2, "third", "", 1.5),
    ]
    await log.drop()


async def test_what_is_learned_on_the_way_is_hidden_from_then_on(redis: Redis) -> None:
    """A name that nothing around it shows to be one is hidden once it is known for a part of an address."""
    redaction = Redaction()
    log = log_of(redis, redaction)
    given = {"narration": f"It is for {MAIL}.", "exchanges": ["You ask: 450 0840?"]}
    await log.append(entry("first", given))
    redaction.hide("call me on 450 0840")
    await log.append(entry("second", given))
    first, second = await log.entries()
    assert MAIL not in str(first)
    assert "[EMAIL_1]" in first["input"]["narration"]
    assert "450 0840" not in str(second)
    await log.drop()


async def test_what_a_later_member_teaches_hides_an_earlier_one_from_then_on(redis: Redis) -> None:
    log = log_of(redis, Redaction())
    given = {"narration": ["You ask: 450 0840?"], "action": "call me on 450 0840"}
    await log.append(entry("first", given))
    await log.append(entry("second", given))
    _, second = await log.entries()
    assert "450 0840" not in str(second)
    await log.drop()


async def test_a_value_of_the_same_name_that_is_another_is_written_anew(redis: Redis) -> None:
    log = log_of(redis, Redaction())
    for number in range(50):
        await log.append(entry("node", {"scene": {"turn": number}, "usage": [number]}))
    assert [one["input"] for one in await log.entries()] == [
        {"scene": {"turn": number}, "usage": [number]} for number in range(50)
    ]
    await log.drop()


async def test_a_large_one_is_cut(redis: Redis) -> None:
    log = log_of(redis, Redaction())
    await log.append(entry("node", {"text": "a" * MAX_ENTRY}, number=1))
    (told,) = await log.entries()
    assert (told["input"], told["output"], told["node"]) == ({"cut": True}, {"cut": True}, "node")
    await log.drop()


def test_slots_are_named_by_their_number() -> None:
    assert compact({"slots": {"a": 1, "b": 2}, "line": "l"}) == {"slots": "<2 slots>", "line": "l"}
