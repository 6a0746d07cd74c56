"""Whether a condition or an effect takes a state for what it is: true or false, a number, or a word.

A state's first value says which: `water: flase` makes a word of it, which every bare condition would find true.
"""

from agents.story import Value
from agents.world.language import Act, Test


def test_problem(test: Test, first: Value) -> str:
    """What is wrong with a condition on a state whose first value that is; empty if nothing is."""
    name = f"{test.subject}.{test.relation}"
    if not test.op:
        return f"'{name}' begins as {_kind(first)}, and is used as true or false" if isinstance(first, str) else ""
    if test.op in ("=", "!="):
        return _differs(name, first, test.value, "compared with")
    return _counts(name, first)


def act_problem(act: Act, first: Value) -> str:
    """What is wrong with an effect on such a state."""
    name = f"{act.subject}.{act.relation}"
    if act.op != "=":
        return (
            ""
            if isinstance(first, int) and not isinstance(first, bool)
            else f"'{name}' begins as {_kind(first)}, not a number"
        )
    return _differs(name, first, act.value, "set to")


def _counts(name: str, first: Value) -> str:
    number = isinstance(first, int) and not isinstance(first, bool)
    return "" if number else f"'{name}' begins as {_kind(first)}, not a number"


def _differs(name: str, first: Value, value: Value, how: str) -> str:
    return "" if type(first) is type(value) else f"'{name}' begins as {_kind(first)}, and is {how} {_kind(value)}"


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "true or false"
    return f"the number {value}" if isinstance(value, int) else f"the word '{value}'"
