"""What is above a limit is refused and not done; what is refused, or was done before, does not count."""

import asyncio
import re

import httpx
import pytest
from doors import PASSWORD, door
from fakes import ScriptedModel
from metered import DANGER, EVENTS, LOOK, emptied, metered, refused, turns_of, until
from repeated import KEY
from served import served

from api import tolls
from api.docs import describe
from graphs.engine import StoryEngine


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


async def test_what_was_played_costs_nothing_when_it_is_sent_again(engine: StoryEngine) -> None:
    turns = await turns_of(engine)
    named = {**LOOK, "turn_id": "turn-0001"}
    async with metered(engine, turns="2/hour") as client:
        first = await client.post(turns, json=LOOK, headers=KEY)
        for _ in range(3):
            again = await client.post(turns, json=LOOK, headers=KEY)
            assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
        assert (await client.post(turns, json=named)).headers["ratelimit"].startswith('"turns";r=0')
        for headers in ({}, EVENTS):
            assert (await client.post(turns, json=named, headers=headers)).status_code == 201


async def test_a_turn_that_a_limit_has_refused_leaves_its_key_free(engine: StoryEngine) -> None:
    turns = await turns_of(engine)
    async with metered(engine, turns="1/hour") as client:
        await client.post(turns, json=LOOK)
        refused(await client.post(turns, json={"action": "wait"}, headers=KEY), "turns")
        refused(await client.post(turns, json=LOOK, headers=KEY), "turns")
        await emptied(engine)
        played = await client.post(turns, json={"action": "inventory"}, headers=KEY)
        assert (played.status_code, played.json()["action"]) == (201, "inventory")


async def test_what_anything_else_refuses_does_not_count(engine: StoryEngine) -> None:
    engine.use_model("held", held := ScriptedModel(answers=["The range ticks. <held> Rain falls."]))
    turns = await turns_of(engine, model="held")
    async with metered(engine, turns="2/hour", sessions="1/hour") as client:
        running_turn = asyncio.create_task(client.post(turns, json=LOOK))
        async with asyncio.timeout(30):
            while await engine._runner(turns.split("/")[4]).inbox.current() is None:
                await asyncio.sleep(0.01)
        assert (await client.post(turns, json={"action": "wait"})).json()["code"] == "turn_in_progress"
        assert (await client.post(turns, json={"action": ""})).status_code == 422
        assert (await client.post(turns, json={"act": "look"})).status_code == 422
        held.go.set()
        assert (await running_turn).headers["ratelimit"].startswith('"turns";r=1')
        bad = {"seed": 1, "session": "no-such-field"}
        assert (await client.post("/api/v1/sessions", json=bad)).status_code == 422
        bad = {"seed": 1, "title": "x" * 100_000}
        assert (await client.post("/api/v1/sessions", json=bad)).status_code == 413
        made = await client.post("/api/v1/sessions", json={"seed": 1}, headers=KEY)
        assert made.headers["ratelimit"].startswith('"sessions";r=0')
        again = await client.post("/api/v1/sessions", json={"seed": 1}, headers=KEY)
        assert (again.json(), again.headers["idempotent-replayed"]) == (made.json(), "true")
        refused(await client.post("/api/v1/sessions", json={"seed": 1}), "sessions")


async def test_each_player_has_turns_of_their_own_and_a_key_has_them_for_all_of_them(engine: StoryEngine) -> None:
    async with door(engine, limit_turns="2/hour", limit_key_turns="3/hour") as opened:
        _, key = await engine.access.keys.create("kiosk", role="operator", scopes=["read", "play", "operate"])
        await engine.access.accounts.create("anna", PASSWORD)
        anna = (await opened.login("anna"))["access_token"]
        hers, his = await turns_of(engine, player="anna"), await turns_of(engine, player="ben")
        answers = [await opened.ask("POST", hers, key, json=LOOK) for _ in range(2)]
        told = answers[-1].headers["ratelimit-policy"]
        assert told == '"tokens";q=1000000;tta-unit="tokens";w=86400, "key_turns";q=3;w=3600, "turns";q=2;w=3600'
        refused(await opened.ask("POST", hers, key, json=LOOK), "turns")
        refused(await opened.ask("POST", hers, anna, json=LOOK), "turns")
        assert (await opened.ask("POST", his, key, json=LOOK)).status_code == 201, "her refusal cost the key nothing"
        refused(await opened.ask("POST", his, key, json=LOOK), "key_turns")


async def test_with_a_login_there_are_limits_where_nothing_is_said_and_none_without(engine: StoryEngine) -> None:
    turns = await turns_of(engine)
    async with metered(engine) as client:
        assert "ratelimit" not in (await client.post(turns, json=LOOK)).headers
        assert tolls.Booth(engine).limits is None
    async with door(engine, limit_tokens="off") as opened:
        await engine.access.accounts.create("anna", PASSWORD)
        anna = (await opened.login("anna"))["access_token"]
        answer = await opened.ask("POST", await turns_of(engine, player="anna"), anna, json=LOOK)
        assert answer.headers["ratelimit-policy"] == '"turns";q=30;w=60'


async def test_an_address_has_requests_and_is_who_connects_unless_a_trusted_proxy_says_another(
    engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await emptied(engine)
    engine.settings = engine.settings.model_copy(update={"limit_requests": "2/hour"})
    for trusted, statuses in (("192.0.2.1", [200, 200, 429, 429]), ("127.0.0.1", [200, 200, 200, 429])):
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
        await emptied(engine)
        async with served(engine) as where, httpx.AsyncClient(base_url=f"http://{where}") as client:
            told = [
                await client.get("/api/v1/worlds", headers={"X-Forwarded-For": address})
                for address in ("2001:db8::1", "2001:db8::2", "198.51.100.7", "2001:db8::3")
            ]
            assert [answer.status_code for answer in told] == statuses, trusted
            refused(told[-1], "requests")
            assert [(await client.get(f"/health/{what}")).status_code for what in ("live", "ready")] == [200, 200]


async def test_a_stream_counts_while_it_is_open_and_is_given_back_by_who_leaves(engine: StoryEngine) -> None:
    engine.use_model("held", held := ScriptedModel(answers=["The range ticks. <held> Rain falls."]))
    turns, other = await turns_of(engine, model="held"), await turns_of(engine)
    await emptied(engine)
    engine.settings = engine.settings.model_copy(update={"limit_streams": "1", "limit_turns": "10/hour"})
    async with served(engine) as where, httpx.AsyncClient(base_url=f"http://{where}", timeout=30) as client:
        async with client.stream("POST", turns, json=LOOK, headers={**EVENTS, **KEY}) as stream:
            assert stream.headers["ratelimit-policy"] == '"streams";q=1;qu="concurrent-requests", "turns";q=10;w=3600'
            assert stream.headers["ratelimit"].startswith('"streams";r=0, "turns";r=9;t=')
            refused(await client.post(other, json=LOOK, headers=EVENTS), "streams")
            refused(await client.post(turns, json=LOOK, headers={**EVENTS, **KEY}), "streams")
            refused(await client.get("/".join([turns, "root", "events"])), "streams")
            answer = await client.post(other, json=LOOK)
            assert answer.headers["ratelimit"].startswith('"turns";r=8'), "what was refused did not count"
        held.go.set()
        await until(engine, open_streams=0)
        assert (await client.post(other, json=LOOK, headers=EVENTS)).status_code == 201


async def test_refusals_are_counted_and_pages_may_read_what_is_left(engine: StoryEngine) -> None:
    turns = await turns_of(engine)

    async def refused() -> float:
        lines = (await client.get("/metrics")).text.splitlines()
        return sum(
            float(line.split()[1]) for line in lines if line.startswith('tta_limits_refused_total{policy="turns"}')
        )

    async with metered(engine, turns="1/hour") as client:
        before = await refused()
        for _ in range(3):
            await client.post(turns, json=LOOK)
        assert await refused() - before == 2
    async with door(engine, cors_origins="https://play.example") as opened:
        answer = await opened.get("/api/v1/worlds", headers={"Origin": "https://play.example"})
        exposed = re.split(r",\s*", answer.headers["access-control-expose-headers"])
        assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)
        said: str = describe(opened.client._transport.app)["info"]["description"]  # type: ignore[attr-defined]
        assert "rate_limited" in said
        assert "RateLimit-Policy" in said
