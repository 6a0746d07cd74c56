"""A turn that another process has ended meanwhile: whoever comes second has the same turn, and tells nobody of an error."""

import pytest
from cottage import begun

from agents.errors import StoreUnavailable
from graphs.engine import StoryEngine, open_engine
from graphs.keys import story_key
from graphs.runner import StreamVoice

TURN = "0" * 31 + "1"


async def test_who_was_overtaken_between_two_looks_has_the_turn_all_the_same(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await begun(engine)
    with monkeypatch.context() as patched:

        async def gone(*_: object, **__: object) -> None:
            raise StoreUnavailable("gone")

        patched.setattr(engine.memory, "commit", gone)
        with pytest.raises(StoreUnavailable):  # all but the last node has run: the thread can be gone on with
            await engine.act(session, "look", turn_id=TURN)
    released, seen = StreamVoice.released, list[str]()

    async def overtaken(voice: StreamVoice) -> list[str]:
        if not seen:
            seen.append("once")
            redis = engine._stores.redis  # pyright: ignore[reportPrivateUsage]
            await redis.delete(
                story_key("lock", f"local:{session}")
            )  # as a lease that ran out while its server was gone
            async with open_engine(engine.settings) as other:
                await other.act(session, "look", turn_id=TURN)
        return await released(voice)

    monkeypatch.setattr(StreamVoice, "released", overtaken)
    turn = await engine.act(session, "look", turn_id=TURN)
    assert (turn["turn_id"], turn["number"], seen) == (TURN, 1, ["once"])
    assert [told["turn_id"] for told in await engine.turns(session)] == [TURN]
    assert "error" not in [event["kind"] async for event in engine.events(session, TURN)]
