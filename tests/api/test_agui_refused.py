"""Whatever turns a run away, a person at risk is answered: a client of AG-UI shows them the resources as a message."""

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx
import pytest
from ag_ui.core import AssistantMessage, ImagePart, TextPart, UrlSource, UserMessage
from agui import ACCEPT, events_of, helped, kinds_of, run_of, sent
from cottage import begun
from doors import Door
from fakes import ScriptedModel
from flight import sentence_of
from httpx import AsyncClient, Response
from metered import emptied, metered

from api import bodies
from api.runs import EARLIER, MOST_MESSAGES, RUN_LIMIT
from graphs.engine import StoryEngine

DANGER = "I want to end my life tonight"
PICTURE = ImagePart(source=UrlSource(value="https://elsewhere.example/a.png", mime_type="image/png"))


def parts(words: str) -> UserMessage:
    content: Any = [TextPart(text=words), PICTURE]
    return UserMessage(id="1", content=content)


def long_history(words: str) -> dict[str, Any]:
    """Too large as a whole, with a long conversation before the words and long tools behind them."""
    told = [AssistantMessage(id=str(n), content="Snow ticks at the glass. " * 40) for n in range(1_300)]
    return {
        **run_of(*told, words),
        "tools": [{"name": "t", "description": "Shows a picture of the place. " * 2_000, "parameters": {}}],
    }


SHAPES: dict[str, tuple[Callable[[str], Any], int, str]] = {
    "too long": (lambda words: run_of(f"{words}. " + "look " * 3_000), 422, "invalid_action"),
    "a picture": (lambda words: run_of(parts(words)), 422, "invalid_action"),
    "no thread": (lambda words: {**run_of(words), "threadId": None}, 422, "invalid_request"),
    "no message of the user": (
        lambda words: {**run_of(words), "messages": [{"role": "usr", "content": words}]},
        422,
        "invalid_action",
    ),
    "another field": (lambda words: {"threadId": "t", "runId": "r", "action": words}, 422, "invalid_request"),
    "content of another form": (
        lambda words: {**run_of("x"), "messages": [{"role": "user", "content": {"text": words}}]},
        422,
        "invalid_action",
    ),
    "too many messages": (lambda words: run_of(*["a"] * MOST_MESSAGES, words), 422, "invalid_request"),
    "too large": (lambda words: run_of(f"{words}. " + "look " * (RUN_LIMIT // 5)), 413, "body_too_large"),
    "a long history": (long_history, 413, "body_too_large"),
    "a long history that is no JSON": (lambda words: json.dumps(long_history(words))[:-1], 413, "body_too_large"),
    "a run's id that is too long": (lambda words: run_of(words, run="x" * 201), 422, "invalid_request"),
    "no JSON": (lambda words: json.dumps(run_of(words))[:-1], 400, "invalid_json"),
    "as a name of the thread": (lambda words: run_of("look", thread=words), 0, "held_text"),
    "as a name of the run": (lambda words: run_of("look", run=words.replace(" ", "-")), 0, "held_text"),
}


async def asked(client: AsyncClient, path: str, body: Any, **headers: str) -> Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return await client.post(f"{path}/agui", content=content, headers={"Content-Type": "application/json", **headers})


async def check_both(
    client: AsyncClient, path: str, make: Callable[[str], Any], status: int, code: str, **headers: str
) -> None:
    """Harmless words are refused with a problem and no help, those of a person at risk with it, as a run and as a problem."""
    if status:
        harmless = await asked(client, path, make("look"), **ACCEPT, **headers)
        assert (harmless.status_code, harmless.json()["code"]) == (status, code), harmless.text
        assert "help" not in harmless.json()
    answer = await asked(client, path, make(DANGER), **ACCEPT, **headers)
    assert answer.status_code == 200, answer.text
    found = events_of(answer)
    assert kinds_of(found)[-1] == "RUN_ERROR"
    assert (found[-1].code, helped(found)["tier"]) == (code, "crisis")
    assert found[-1].metadata["problem"]["help"] == helped(found)
    plain = await asked(client, path, make(DANGER), **headers)
    assert (plain.json()["code"], plain.json()["help"]["tier"]) == (code, "crisis")
    for text in (answer.text, plain.text):
        assert "end my life" not in text.replace("-", " ")


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_cannot_be_played(client: AsyncClient, session: str, shape: str) -> None:
    await check_both(client, session, *SHAPES[shape])


async def test_a_session_that_is_not_there(client: AsyncClient) -> None:
    await check_both(client, "/api/v1/sessions/nobody", run_of, 404, "unknown_session")


async def test_a_session_that_is_paused(client: AsyncClient, session: str) -> None:
    await client.post(f"{session}/pause")
    answer = await sent(client, session, run_of(DANGER))
    found = events_of(answer)
    assert (found[-1].code, helped(found)["tier"]) == ("session_paused", "crisis")


async def test_who_does_not_log_in(closed: Door, engine: StoryEngine) -> None:
    session = await begun(engine, "")
    await check_both(closed.client, f"/api/v1/sessions/{session}", run_of, 401, "unauthorized")
    assert await engine.audit_entries() == [], "strangers do not fill the audit"


async def test_somebody_elses_session(closed: Door, engine: StoryEngine) -> None:
    session = await begun(engine, "", player="berta")
    token = (await closed.login("anna"))["access_token"]
    path = f"/api/v1/sessions/{session}"
    await check_both(closed.client, path, run_of, 404, "unknown_session", Authorization=f"Bearer {token}")


async def test_above_the_limits(engine: StoryEngine) -> None:
    path = f"/api/v1/sessions/{await begun(engine, '')}"
    async with metered(engine, turns="1/day") as client:
        assert (await sent(client, path, run_of("look"))).status_code == 200
        answer = await sent(client, path, run_of("look"))
        assert (answer.status_code, answer.json()["violated-policies"]) == (429, ["turns"])
        found = events_of(await sent(client, path, run_of(DANGER)))
        assert found[-1].result["kind"] == "crisis", "it takes no model: it is played"
    async with metered(engine, requests="1/day") as client:
        await client.get("/api/v1/worlds")
        await check_both(client, path, run_of, 429, "rate_limited")
    await emptied(engine)


async def test_a_run_is_a_stream_whatever_it_accepts(engine: StoryEngine) -> None:
    path = f"/api/v1/sessions/{await begun(engine, '')}"
    async with metered(engine, streams="1") as client:
        answer = await client.post(f"{path}/agui", json=run_of("look"))
        assert answer.headers["ratelimit-policy"] == '"streams";q=1;qu="concurrent-requests"'


@pytest.fixture
async def running(engine: StoryEngine) -> AsyncGenerator[str]:
    """The path of a session in which a turn is played."""
    model = ScriptedModel(answers=["The range ticks. The cups hang still. <held> Rain falls."])
    engine.use_model("scripted", model)
    session = await begun(engine, "", model="scripted")
    turn_id, task = await engine.start(session, "look")
    await sentence_of(engine, session, turn_id)
    yield f"/api/v1/sessions/{session}"
    model.go.set()
    await task


async def test_while_another_turn_is_played(client: AsyncClient, running: str) -> None:
    """Whoever is at risk is not refused for it, but answered."""
    harmless = await asked(client, running, run_of("look"), **ACCEPT)
    assert (harmless.status_code, harmless.json()["code"]) == (409, "turn_in_progress")
    assert "help" not in harmless.json()
    answer = await asked(client, running, run_of(DANGER), **ACCEPT)
    found = events_of(answer)
    assert kinds_of(found)[-1] == "RUN_FINISHED"
    assert helped(found)["tier"] == "crisis"
    assert "end my life" not in answer.text
    assert (await client.get(running)).json()["paused"]


async def test_a_run_that_was_sent_with_other_words(client: AsyncClient, session: str) -> None:
    run = "0f8fad5b-d9cb-469f-a165-70867728950e"
    await sent(client, session, run_of("wait", run=run))
    await check_both(client, session, lambda words: run_of(words, run=run), 422, "key_reused")


async def test_a_body_that_does_not_come_to_its_end(
    client: AsyncClient, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.2)
    whole = json.dumps(run_of(DANGER))

    async def slowly() -> AsyncGenerator[bytes]:
        yield whole[:-2].encode()
        import asyncio  # noqa: PLC0415

        await asyncio.Event().wait()

    headers = {"Content-Type": "application/json", **ACCEPT}
    found = events_of(await client.post(f"{session}/agui", content=slowly(), headers=headers))
    assert (found[-1].code, helped(found)["tier"]) == ("body_too_slow", "crisis")


async def test_what_was_answered_before_is_no_reason_for_help(client: AsyncClient, session: str) -> None:
    """The conversation comes along with every run: a crisis of yesterday must not ring today."""
    body = run_of(DANGER, AssistantMessage(id="2", content=DANGER), "look " * 1_000)
    answer = await sent(client, session, {**body, "state": {"told": DANGER}, "context": [DANGER]})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_action")
    assert "help" not in answer.json()


async def test_a_run_may_be_larger_than_other_bodies(client: AsyncClient, session: str) -> None:
    told = [AssistantMessage(id=str(n), content="Snow ticks at the glass. " * 20) for n in range(400)]
    body = run_of(*told, "look")
    assert bodies.BODY_LIMIT * 2 < len(json.dumps(body)) < RUN_LIMIT
    assert events_of(await sent(client, session, body))[-1].result["kind"] == "story"
    other: httpx.Response = await client.post(f"{session}/turns", json={"action": "look", "more": body})
    assert other.status_code == 413


async def test_only_a_few_messages_are_looked_at_before_the_last(
    client: AsyncClient, session: str, engine: StoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that never keeps an answer must not make each run dearer than the one before."""
    screen, seen = engine.screen.action, list[str]()

    def counted(text: str, **options: Any) -> Any:
        seen.append(text)
        return screen(text, **options)

    monkeypatch.setattr(engine.screen, "action", counted)
    await sent(client, session, run_of(*[f"wait {number}" for number in range(100)], "look"))
    assert len([text for text in seen if text.startswith("wait ")]) == EARLIER
