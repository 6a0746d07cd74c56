"""No word of a player's in what is watched: marker words stand wherever a client can write, and nowhere afterwards.

Looked through are the log as it is written, every span with its name, attributes, events, status, links and trace state, and
the whole of `/metrics` and `/health/ready`.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fakes import ScriptedModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from served import served
from watched import Log, Spans
from websockets.asyncio.client import connect

from graphs.engine import StoryEngine

DANGER = "I want to end my life tonight"
PLACES = [
    "action",
    "title",
    "player",
    "branch",
    "topic",
    "header",
    "query",
    "path",
    "key",
    "agent",
    "turn",
    "session",
    "body",
    "method",
    "model",
    "vendor",
    "prose",
    "store",
    "route",
    "library",
    "socket",
    "trace",
    "scheme",
    "retry",
    "preference",
    "character",
    "trait",
    "name",
    "reason",
    "run",
    "thread",
    "message",
    "context",
    "ref",
]
MARKS = {place: f"zq{place}wombat" for place in PLACES}


class Quoting(ScriptedModel):
    """A vendor whose errors quote the prompt, and which says in its metadata what it likes."""

    async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        if self.answers == ["<fail>"]:
            raise RuntimeError(f"{MARKS['vendor']} in {messages[-1].text}") from ValueError(MARKS["vendor"])
        async for chunk in super()._astream(messages, *args, **kwargs):
            yield chunk
        said = {"finish_reason": MARKS["reason"], "model_name": MARKS["reason"]}
        yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=said))


def of_client(where: str) -> httpx.AsyncClient:
    agent = {"User-Agent": MARKS["agent"], "X-Whatever": MARKS["header"], "Accept-Language": MARKS["header"]}
    traced = {"traceparent": MARKS["trace"], "tracestate": f"a={MARKS['trace']}", "baggage": f"a={MARKS['trace']}"}
    return httpx.AsyncClient(
        base_url=f"http://{where}", headers={**agent, **traced, "X-Request-ID": f"! {MARKS['header']}"}
    )


async def begun(client: httpx.AsyncClient) -> str:
    asked = {"world": "winter_light", "title": MARKS["title"], "player": MARKS["player"], "avoid": [MARKS["topic"]]}
    unread = {MARKS["query"]: MARKS["query"]}
    assert (await client.post("/api/v1/sessions", json=asked, params=unread)).status_code == 422
    answer = await client.post("/api/v1/sessions", json=asked)
    assert answer.status_code == 201, answer.text
    return f"/api/v1/sessions/{answer.json()['session']}"


async def told_by(engine: StoryEngine, model: str) -> str:
    """A session of a model whose package is not here."""
    record = await engine.create("winter_light", title=MARKS["title"], model=model)
    return f"/api/v1/sessions/{record['session']}"


async def played(client: httpx.AsyncClient, path: str) -> None:
    """Turns as JSON and as events, with a client's own ids; names; a crisis."""
    look = {"action": f"look at the {MARKS['action']}"}
    assert (await client.post(f"{path}/turns", json=look, headers={"Idempotency-Key": MARKS["key"]})).status_code == 201
    told = {**look, "turn_id": MARKS["turn"]}
    events = await client.post(f"{path}/turns", json=told, headers={"Accept": "text/event-stream"})
    assert "event: committed" in events.text
    assert (await client.get(f"{path}/turns/{MARKS['turn']}")).status_code == 200
    assert (await client.post(f"{path}/branches", json={"name": MARKS["branch"]})).status_code == 201
    assert (await client.delete(f"{path}/branches/{MARKS['branch']}")).status_code < 300
    assert (await client.patch(path, json={"title": MARKS["name"]})).status_code == 200
    preferences = {"preferences": {"note": MARKS["preference"]}}
    await client.patch("/api/v1/players/me", json=preferences)
    await client.patch(f"/api/v1/players/{MARKS['player']}", json=preferences)
    whom = {"name": MARKS["character"], "description": MARKS["character"], "traits": [MARKS["trait"]]}
    made = await client.post(f"/api/v1/players/{MARKS['player']}/characters", json=whom)
    assert made.status_code == 201
    asked = {"world": "winter_light", "player": MARKS["player"], "character": made.json()["character"]}
    as_them = (await client.post("/api/v1/sessions", json=asked)).json()["session"]
    assert (await client.post(f"/api/v1/sessions/{as_them}/turns", json=look)).status_code == 201
    messages = [{"role": "user", "content": f"look at the {MARKS['message']}"}, {"role": "user", "content": "wait"}]
    run = {"threadId": MARKS["thread"], "runId": f"{MARKS['run']} 1", "state": MARKS["context"]}
    told = await client.post(f"{path}/agui", json={**run, "messages": messages[:1]})
    assert "RUN_FINISHED" in told.text
    assert (await client.post(f"{path}/agui", json={**run, "messages": messages})).status_code == 422
    crisis = await client.post(f"{path}/turns", json={"action": f"{DANGER}, {MARKS['action']}"})
    assert crisis.json()["kind"] == "crisis"
    await client.post(f"{path}/resume")


async def refused(client: httpx.AsyncClient, path: str) -> None:
    """Whatever is not valid, not there, not known."""
    turns = f"{path}/turns"
    assert (await client.post(turns, json={MARKS["body"]: MARKS["body"], "action": 7})).status_code == 422
    assert (await client.post(turns, content=f'{{"{MARKS["body"]}')).status_code in (400, 415, 422)
    assert (await client.post(turns, json={"action": "x", "turn_id": f"{MARKS['turn']} ?"})).status_code == 422
    assert (await client.get(f"/{MARKS['path']}/{MARKS['path']}")).status_code == 404
    assert (await client.get(f"/api/v1/sessions/{MARKS['session']}/turns")).status_code == 404
    assert (await client.request(MARKS["method"].upper(), turns)).status_code in (400, 405)
    assert (await client.post(turns, json={"action": f"{MARKS['action']} " * 500})).status_code == 422
    assert (await client.post("/api/v1/sessions", json={"model": f"openai:{MARKS['model']}"})).status_code == 422
    assert (await client.get(turns, headers={"Host": f"{MARKS['header']}.example"})).status_code == 421


async def over_a_socket(where: str, path: str) -> None:
    asked = {"type": "action", "action": f"ask about {MARKS['socket']}", "turn_id": f"{MARKS['socket']}-0001"}
    asked |= {"ref": MARKS["ref"]}
    async with connect(f"ws://{where}{path}/play?q={MARKS['query']}", user_agent_header=MARKS["agent"]) as client:
        for message in (json.dumps(asked), f'{{"type": "{MARKS["socket"]}"}}', f"{MARKS['socket']} {DANGER}"):
            await client.send(message)
            while json.loads(await asyncio.wait_for(client.recv(), 30))["event"] != "end":
                pass


async def test_no_word_of_a_players_is_logged_traced_or_counted(
    engine: StoryEngine, spans: Spans, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Quoting(answers=[f"The lamp stands on the desk. {MARKS['prose']} is written in the frost."])
    engine.use_model("ollama:told", told)
    engine.use_model(f"ollama:{MARKS['model']}", Quoting(answers=["<fail>"]))
    async with served(engine) as where, of_client(where) as client:
        path = await told_by(engine, "ollama:told")
        await played(client, path)
        await refused(client, path)
        await over_a_socket(where, await begun(client))
        failing = await told_by(engine, f"ollama:{MARKS['model']}")
        assert (await client.post(f"{failing}/turns", json={"action": MARKS["action"]})).status_code == 503

        async def broken(*_: Any, **__: Any) -> Any:
            raise KeyError(MARKS["route"]) from ValueError(MARKS["route"])

        monkeypatch.setattr(engine, "turns", broken)
        assert (await client.get(f"{path}/turns")).status_code == 500
        logging.getLogger("a.library").error("it said %s", MARKS["library"])
        logging.getLogger("a.library").error("it said %s", MARKS["library"], exc_info=ValueError(MARKS["library"]))

        async def gone(*_: Any, **__: Any) -> Any:
            raise RedisConnectionError(f"{MARKS['store']} at redis://:{MARKS['store']}@host")

        with monkeypatch.context() as without:
            without.setattr(Redis, "execute_command", gone)
            assert (await client.post(f"{path}/turns", json={"action": MARKS["action"]})).status_code == 503
            unready = await client.get("/health/ready")
        figures = (await client.get("/metrics")).text
    watched = {"log": log.text(), "spans": spans.text(), "metrics": figures, "readiness": unready.text}
    found = [(where, place) for where, text in watched.items() for place, mark in MARKS.items() if mark in text.lower()]
    assert found == []
    # What was looked through is what it should be: nothing is found in what is empty.
    assert {"error", "request"} <= {line["event"] if line["level"] == "info" else line["level"] for line in log.lines()}
    assert {"play turn", "chat told", "chat other", "commit", "MULTI"} <= {span.name for span in spans.all()}
    assert 'tta_store_errors_total{error="ConnectionError",store="redis"}' in figures
    assert 'tta_model_calls_total{model="other",outcome="RuntimeError",provider="ollama"} 1.0' in figures
