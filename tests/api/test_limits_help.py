"""Every limit, by every way of asking, with harmless words and with those of a person at risk: these are never met by an error alone."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from cottage import begun
from fakes import ScriptedModel
from metered import DANGER, EVENTS, emptied
from served import served
from test_sockets import asked, until_end, url
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from graphs.engine import StoryEngine

LIMITS = {"turns": "1/day", "tokens": "100/day", "streams": "1", "sessions": "1/day", "requests": "2/day"}


class Counter(ScriptedModel):
    """A model that counts what it took."""

    async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
        async for chunk in super()._astream(messages, *args, **kwargs):
            yield chunk
        chunk.message.usage_metadata = {"input_tokens": 150, "output_tokens": 8, "total_tokens": 158}
        yield chunk


class Asked:
    """An app with one limit, of which the player has used up everything."""

    def __init__(self, engine: StoryEngine, where: str, stack: AsyncExitStack) -> None:
        self.engine, self.where, self.stack = engine, where, stack
        self.client = httpx.AsyncClient(base_url=f"http://{where}", timeout=30)
        self.session = ""

    async def use_up(self, policy: str) -> None:
        self.session = await begun(self.engine, "", model="counter")
        other = await begun(self.engine, "", model="counter")
        if policy in ("turns", "tokens"):
            answer = await self.client.post(f"/api/v1/sessions/{other}/turns", json={"action": "look"})
            assert answer.status_code == 201, answer.text
        elif policy == "streams":
            client = await self.stack.enter_async_context(connect(url(self.where, other)))
            await client.send(json.dumps({"type": "ping"}))  # answered once the connection has its place
            await asyncio.wait_for(client.recv(), 20)
        elif policy == "sessions":
            assert (await self.client.post("/api/v1/sessions", json={"seed": 1})).status_code == 201
        else:
            for _ in range(2):
                assert (await self.client.get("/api/v1/worlds")).status_code == 200

    async def say(self, way: str, words: str) -> tuple[int, dict[str, Any]]:
        """The status, and the turn or the problem."""
        if way == "socket":
            return await self._over_a_socket(words)
        turns = f"/api/v1/sessions/{self.session}/turns"
        answer = await self.client.post(turns, json={"action": words}, headers=EVENTS if way == "events" else {})
        if answer.headers["content-type"].startswith("text/event-stream"):
            data = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
            return answer.status_code, next(each["turn"] for each in data if "turn" in each)
        return answer.status_code, answer.json()

    async def _over_a_socket(self, words: str) -> tuple[int, dict[str, Any]]:
        try:
            async with connect(url(self.where, self.session)) as client:
                [*_, told, _] = await asked(client, {"type": "action", "action": words})
        except InvalidStatus as refusal:
            return refusal.response.status_code, json.loads(refusal.response.body)
        return (201, told["data"]["turn"]) if told["event"] == "committed" else (told["data"]["status"], told["data"])


Prepare = Callable[[str], Any]


@pytest.fixture
async def prepare(engine: StoryEngine) -> AsyncGenerator[Prepare]:
    async with AsyncExitStack() as stack:

        async def with_nothing_left(policy: str) -> Asked:
            await emptied(engine)
            engine.settings = engine.settings.model_copy(update={f"limit_{policy}": LIMITS[policy]})
            engine.use_model("counter", Counter(answers=["The range ticks as it cools."]))
            made = Asked(engine, await stack.enter_async_context(served(engine)), stack)
            stack.push_async_callback(made.client.aclose)
            await made.use_up(policy)
            return made

        yield with_nothing_left


BY = [
    (policy, way)
    for policy in ("turns", "tokens", "streams", "requests")
    for way in ("json", "events", "socket")
    if (policy, way) != ("streams", "json")  # which opens none
]


@pytest.mark.parametrize(("policy", "way"), BY)
async def test_who_is_above_a_limit_is_refused_and_who_is_at_risk_is_helped(
    prepare: Prepare, policy: str, way: str
) -> None:
    app = await prepare(policy)
    status, problem = await app.say(way, "look")
    assert (status, problem["code"], problem["violated-policies"]) == (429, "rate_limited", [policy])
    assert problem["retry_after"] >= 1
    assert "help" not in problem
    status, told = await app.say(way, DANGER)
    if policy in ("turns", "tokens") or (policy, way) == ("streams", "events"):
        assert (status, told["kind"]) == (201, "crisis"), "it takes no model: it is played"
    elif (policy, way) == ("requests", "socket"):
        assert (status, told["code"]) == (429, "rate_limited"), "nothing was said yet: there are no words to read"
    else:
        assert (status, told["code"]) == (429, "rate_limited")
        assert told["help"]["tier"] == "crisis"


async def test_a_session_above_the_limit_is_refused_and_its_words_are_read_all_the_same(prepare: Prepare) -> None:
    app = await prepare("sessions")
    answer = await app.client.post("/api/v1/sessions", json={"seed": 1, "title": "A walk"})
    assert (answer.status_code, answer.json()["violated-policies"]) == (429, ["sessions"])
    assert "help" not in answer.json()
    answer = await app.client.post("/api/v1/sessions", json={"seed": 1, "title": DANGER})
    assert answer.status_code == 422, "words of danger are no title, whatever the limits are"
    assert answer.json()["help"]["tier"] == "crisis"


async def test_a_short_way_to_act_and_a_retry_are_turns_too(prepare: Prepare) -> None:
    app = await prepare("turns")
    for path, body in (
        (f"/api/v1/sessions/{app.session}/retry", None),
        ("/api/v1/players/me/actions", {"action": "look"}),
    ):
        if body is None:
            await app.engine.act(app.session, "wait")
        answer = await app.client.post(path, json=body)
        assert (answer.status_code, answer.json()["violated-policies"]) == (429, ["turns"]), path
    answer = await app.client.post("/api/v1/players/me/actions", json={"action": DANGER})
    assert (answer.status_code, answer.json()["kind"]) == (200, "crisis")


async def test_a_message_of_a_socket_is_a_request(prepare: Prepare) -> None:
    app = await prepare("turns")
    await emptied(app.engine)
    app.engine.settings = app.engine.settings.model_copy(update={"limit_requests": "3/day", "limit_turns": "off"})
    async with served(app.engine) as where, connect(url(where, app.session)) as client:
        for _ in range(2):
            await client.send(json.dumps({"type": "ping"}))
            assert json.loads(await asyncio.wait_for(client.recv(), 20))["event"] == "pong"
        for words, helped in (("look", False), (DANGER, True)):
            [error, _] = await asked(client, {"type": "action", "action": words})
            assert (error["data"]["violated-policies"], "help" in error["data"]) == (["requests"], helped)


async def test_a_socket_too_many_is_let_go_once_its_first_words_are_read(prepare: Prepare) -> None:
    app = await prepare("streams")
    client: ClientConnection
    async with connect(url(app.where, app.session)) as client:
        await client.send(json.dumps({"type": "action", "action": DANGER}))
        [error, end] = await until_end(client)
        assert (error["event"], error["data"]["help"]["tier"], end["event"]) == ("error", "crisis", "end")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(client.recv(), 20)
        assert client.close_code == 1013
