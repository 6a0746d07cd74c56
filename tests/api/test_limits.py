"""What is above a limit is refused and not done; what is refused, or was done before, does not count; all processes count together."""

import asyncio

import pytest
from cottage import begun
from metered import DANGER, EVENTS, metered, refused

from graphs.engine import StoryEngine

LOOK = {"action": "look"}


async def turns_of(engine: StoryEngine, **options: str) -> str:
    return f"/api/v1/sessions/{await begun(engine, '', **options)}/turns"


async def test_a_turn_above_the_limit_is_refused_and_said_beforehand(engine: StoryEngine) -> None:
    turns = await turns_of(engine)
    async with metered(engine, turns="2/hour") as client:
        for left in (1, 0):
            answer = await client.post(turns, json=LOOK)
            assert (answer.status_code, answer.headers["ratelimit-policy"]) == (201, '"turns";q=2;w=3600')
            assert answer.headers["ratelimit"].startswith(f'"turns";r={left};t=')
        refused(await client.post(turns, json=LOOK), "turns")
        assert len((await client.get(turns)).json()["turns"]) == 2


async def test_exactly_ten_of_fifty_at_once_get_through(engine: StoryEngine) -> None:
    paths = [await turns_of(engine) for _ in range(50)]
    async with metered(engine, turns="10/hour") as client:
        answers = await asyncio.gather(*(client.post(path, json=LOOK) for path in paths))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [429] * 40


@pytest.mark.parametrize("headers", [{}, EVENTS], ids=["json", "events"])
async def test_somebody_at_risk_is_answered_above_every_limit_and_it_does_not_count(
    engine: StoryEngine, headers: dict[str, str]
) -> None:
    turns = await turns_of(engine)
    async with metered(engine, turns="1/hour", streams="1", requests="off") as client:
        answer = await client.post(turns, json={"action": DANGER}, headers=headers)
        assert answer.status_code == 201
        assert "ratelimit" not in answer.headers
        other = await turns_of(engine)
        assert (await client.post(other, json=LOOK)).headers["ratelimit"].startswith('"turns";r=0')
        answer = await client.post(await turns_of(engine), json={"action": DANGER}, headers=headers)
        assert answer.status_code == 201
        assert "crisis" in answer.text
        refused(await client.post(other, json=LOOK), "turns")
