"""Several messages over one socket at once: each is answered by itself, none waits for what is told, none is lost."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from cottage import begun
from fakes import ScriptedModel
from served import served
from structlog.testing import capture_logs
from test_sockets import asked, url
from websockets.asyncio.client import ClientConnection, connect

from api import talk
from graphs.engine import StoryEngine

DANGER = "I want to end my life tonight"
HELD = "The range ticks. The cups hang still. <held> Rain falls on the roof."
FIRST = "turn-0001"


@pytest.fixture
async def where(engine: StoryEngine) -> AsyncGenerator[str]:
    async with served(engine) as address:
        yield address


@pytest.fixture
def model(engine: StoryEngine) -> ScriptedModel:
    made = ScriptedModel(answers=[HELD, "A cup falls.", "A spoon falls.", "A plate falls."])
    engine.use_model("scripted", made)
    return made


@pytest.fixture
async def client(engine: StoryEngine, where: str, model: ScriptedModel) -> AsyncGenerator[ClientConnection]:
    async with connect(url(where, await begun(engine, "", model="scripted"))) as opened:
        yield opened


class Heard:
    """The frames of one connection, by the message that they answer."""

    def __init__(self, client: ClientConnection) -> None:
        self.client, self.frames = client, dict[str, list[dict[str, Any]]]()

    async def say(self, ref: str, **message: Any) -> None:
        await self.client.send(json.dumps({"ref": ref, **message}))

    async def one(self) -> dict[str, Any]:
        frame = json.loads(await asyncio.wait_for(self.client.recv(), 30))
        self.frames.setdefault(frame["ref"], []).append(frame)
        return frame

    async def until(self, ref: str, event: str = "end") -> list[dict[str, Any]]:
        """That message's frames up to that event; those of others are kept."""
        while event not in [frame["event"] for frame in self.frames.get(ref, [])]:
            await self.one()
        return self.frames[ref]


@pytest.fixture
async def told(client: ClientConnection) -> Heard:
    """A connection over which a turn is told: it has told something, and waits for its model."""
    heard = Heard(client)
    await heard.say("first", type="action", action="look", turn_id=FIRST)
    await heard.until("first", "sentence")
    return heard


def turn_of(frames: list[dict[str, Any]]) -> dict[str, Any]:
    return frames[-2]["data"]["turn"]


async def test_over_one_socket_one_can_cut_in(told: Heard) -> None:
    await told.say("second", type="action", action="wait", multitask_strategy="interrupt")
    second, first = await told.until("second"), await told.until("first")
    assert "Rain" not in turn_of(first)["narration"]
    assert turn_of(second)["parent"] == FIRST
    for frames in (first, second):
        assert {frame["turn_id"] for frame in frames} == {turn_of(frames)["turn_id"]}
        assert [frames[0]["event"], frames[-2]["event"], frames[-1]["event"]] == ["metadata", "committed", "end"]


async def test_what_is_taken_back_and_what_waits(told: Heard, model: ScriptedModel) -> None:
    await told.say("waits", type="action", action="wait", multitask_strategy="enqueue")
    await told.until("waits", "metadata")
    await told.say("instead", type="action", action="go north", multitask_strategy="rollback")
    for ref in ("first", "waits"):
        assert (await told.until(ref))[-2]["data"]["code"] == "turn_cancelled"
    assert turn_of(await told.until("instead"))["number"] == 1


async def test_what_waits_is_played_in_its_order(told: Heard, model: ScriptedModel, engine: StoryEngine) -> None:
    actions = ["look", *(f"examine the cup {n}" for n in range(4))]
    for number, action in enumerate(actions[1:]):
        await told.say(str(number), type="action", action=action, multitask_strategy="enqueue")
    model.go.set()
    numbers = [turn_of(await told.until(str(number)))["number"] for number in range(4)]
    assert numbers == [2, 3, 4, 5]
    session = turn_of(await told.until("first"))["session"]
    assert [turn["action"] for turn in reversed(await engine.turns(session))] == actions


@pytest.mark.parametrize("named", [{}, {"turn_id": FIRST}], ids=["what is played", "by its id"])
async def test_a_turn_is_cancelled(told: Heard, engine: StoryEngine, named: dict[str, str]) -> None:
    await told.say("stop", type="cancel", **named)
    (frame,) = await told.until("stop", "cancelled")
    assert (frame["data"], frame["turn_id"]) == ({"turn_id": FIRST, "status": "cancelled"}, FIRST)
    assert [each["data"].get("code") for each in await told.until("first")][-2:] == ["turn_cancelled", None]
    await told.say("again", type="cancel")
    assert (await told.until("again"))[0]["data"]["code"] == "unknown_turn"


async def test_a_cry_for_help_is_answered_while_another_turn_is_told(told: Heard) -> None:
    await told.say("cry", type="action", action=DANGER)
    assert turn_of(await told.until("cry"))["kind"] == "crisis"
    assert turn_of(await told.until("first"))["kind"] == "story"


async def test_a_cry_for_help_waits_for_no_message_before_it(
    client: ClientConnection, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, go = engine.send, asyncio.Event()

    async def slowly(session: str, action: str, **options: Any) -> Any:
        if action == "look":
            await go.wait()
        return await send(session, action, **options)

    monkeypatch.setattr(engine, "send", slowly)
    heard = Heard(client)
    await heard.say("slow", type="action", action="look")
    await heard.say("behind", type="action", action="wait")
    await heard.say("cry", type="action", action=DANGER)
    assert turn_of(await heard.until("cry"))["kind"] == "crisis"
    assert set(heard.frames) == {"cry"}
    go.set()
    for ref in ("slow", "behind"):
        assert (await heard.until(ref))[0]["data"]["code"] == "session_paused"


async def test_a_cry_for_help_is_never_one_too_many(told: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "MOST", 2)
    await told.say("waits", type="action", action="wait", multitask_strategy="enqueue")
    await told.until("waits", "metadata")
    await told.say("cry", type="action", action=DANGER, multitask_strategy="interrupt")
    assert turn_of(await told.until("cry"))["kind"] == "crisis"
    assert "error" in [frame["event"] for frame in await told.until("waits")]


async def test_more_than_a_few_are_refused(told: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "MOST", 2)
    await told.say("waits", type="action", action="wait", multitask_strategy="enqueue")
    await told.until("waits", "metadata")
    await told.say("more", type="action", action="look", multitask_strategy="enqueue")
    error, _ = await told.until("more")
    assert (error["data"]["status"], error["data"]["code"]) == (429, "too_many_messages")
    await told.say("here", type="ping")
    assert (await told.until("here", "pong"))[0]["turn_id"] == ""
    await told.say("stop", type="cancel")
    assert (await told.until("stop", "cancelled"))[0]["turn_id"] == FIRST
    assert turn_of(await told.until("waits"))["number"] == 1


async def test_what_is_said_of_one_message_is_of_no_other(client: ClientConnection, engine: StoryEngine) -> None:
    heard, before = Heard(client), {entry["id"] for entry in await engine.audit_entries()}
    for number in range(6):
        words = DANGER if number % 2 else "look"
        await heard.say(str(number), type="dance", words=words)
    for number in range(6):
        error, _ = await heard.until(str(number))
        expected = ("held_text", True) if number % 2 else ("invalid_request", False)
        assert (error["data"]["code"], "help" in error["data"]) == expected
    noted = [entry for entry in await engine.audit_entries() if entry["tier"] == "crisis" and entry["id"] not in before]
    assert len(noted) == 3


async def test_who_leaves_at_once_has_said_it(
    engine: StoryEngine, where: str, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.answers[:] = ["The range ticks."]
    send, reached, gone = engine.send, asyncio.Event(), asyncio.Event()

    async def slowly(*args: Any, **options: Any) -> Any:
        reached.set()
        await gone.wait()
        return await send(*args, **options)

    monkeypatch.setattr(engine, "send", slowly)
    session = await begun(engine, "", model="scripted")
    with capture_logs() as logs:
        async with connect(url(where, session)) as client:
            await client.send(json.dumps({"type": "action", "action": "look", "turn_id": FIRST}))
            await asyncio.wait_for(reached.wait(), 30)
        async with asyncio.timeout(30):
            while not any(log["event"] == "request" for log in logs):
                await asyncio.sleep(0.01)
    gone.set()
    async with asyncio.timeout(30):
        while not await engine.turns(session):
            await asyncio.sleep(0.01)


async def test_the_id_of_a_turn_belongs_to_its_words(client: ClientConnection, model: ScriptedModel) -> None:
    """Else a cry for help under an id that was used would be answered with an old turn."""
    model.answers[:] = ["The range ticks."]
    await asked(client, {"type": "action", "action": "look", "turn_id": FIRST})
    again = await asked(client, {"type": "action", "action": "look", "turn_id": FIRST})
    assert again[-2]["data"]["turn"]["turn_id"] == FIRST
    error, _ = await asked(client, {"type": "action", "action": DANGER, "turn_id": FIRST})
    assert (error["data"]["code"], error["data"]["help"]["tier"]) == ("key_reused", "crisis")


async def test_a_turn_that_is_sent_again_while_it_is_told_is_told_to_both(told: Heard, model: ScriptedModel) -> None:
    await told.say("again", type="action", action="look", turn_id=FIRST)
    await told.until("again", "sentence")
    model.go.set()
    first, again = await told.until("first"), await told.until("again")
    assert [{**frame, "ref": ""} for frame in first] == [{**frame, "ref": ""} for frame in again]


@pytest.mark.parametrize(("ref", "echoed"), [("m-1", "m-1"), ("no name", ""), (7, ""), ("I-want-to-end-my-life", "")])
async def test_a_refusal_says_which_message_it_answers(client: ClientConnection, ref: Any, echoed: str) -> None:
    await client.send(json.dumps({"type": "dance", "ref": ref}))
    error = json.loads(await asyncio.wait_for(client.recv(), 20))
    assert (error["event"], error["ref"]) == ("error", echoed)
    assert ("help" in error["data"]) == ("life" in str(ref))
