"""A fact as it is shown: what still holds has no end, and what only counts what was told may be left out."""

from collections.abc import Iterable
from typing import Annotated, cast

from pydantic import Field
from typing_extensions import TypedDict

from agents.story import FOREVER, Fact, Value
from agents.world.view import is_bookkeeping


class FactAnswer(TypedDict):
    """A slot's value, and for which turns it holds."""

    slot: str
    subject: str
    relation: str
    value: Value
    since: int
    until: Annotated[int | None, Field(description="The first turn for which it does not hold; null while it does.")]
    turn_id: str
    because: str


def shown(facts: Iterable[Fact], *, everything: bool) -> list[FactAnswer]:
    """The facts; without `everything` those alone that do more than count what was told."""
    return [
        cast(FactAnswer, {**fact, "until": None if fact["until"] == FOREVER else fact["until"]})
        for fact in facts
        if everything or not is_bookkeeping(fact["relation"])
    ]
