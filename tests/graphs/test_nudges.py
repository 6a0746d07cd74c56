"""What docket connects with is bounded by a setting of ours, as all that connects is."""

import pytest

from graphs.engine import StoryEngine
from graphs.nudges import bounded, open_nudges


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://:secret@there:6379/1", "redis://:secret@there:6379/1?max_connections=40"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2&max_connections=40"),
        ("rediss://there?max_connections=7", "rediss://there?max_connections=7"),
    ],
)
def test_a_url_without_a_limit_gets_one(url: str, told: str) -> None:
    assert bounded(url, 40) == told


async def test_the_queue_connects_as_often_as_its_setting_says(engine: StoryEngine) -> None:
    chosen = engine.settings.model_copy(update={"redis_queue_pool": 40})
    async with open_nudges(engine._stores, chosen) as nudges:  # pyright: ignore[reportPrivateUsage]
        await nudges.nudge("nobody's")
        async with nudges._docket.redis() as redis:  # pyright: ignore[reportPrivateUsage]
            assert redis.connection_pool.max_connections == 40
