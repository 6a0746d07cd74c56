"""What somebody who comes back is told of where they are."""

from typing import Any, cast

import pytest

from agents.world.load import load_world
from agents.world.view import initial_slots
from graphs.sessions import recap


@pytest.mark.parametrize(
    ("world", "place", "told"),
    [
        ("winter_light", "slip", "You are on the landing slip."),
        ("winter_light", "kitchen", "You are in the keeper's kitchen, with Isbel."),
        ("night_train", "engine", "You are at the foot of the engine."),
        ("letter_garden", "pond", "You are by the dipping pond."),
    ],
)
def test_a_place_is_told_with_its_small_word(world: str, place: str, told: str) -> None:
    read = load_world(world).world
    position: Any = {"slots": {**initial_slots(read), "player.in": place}, "number": 3}
    assert told in recap(read, cast(Any, position), [])
