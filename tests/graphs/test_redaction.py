"""A whole play with personal data in it: a remote model never sees it, no trace keeps it, and the player reads it as typed."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cottage import begun
from fakes import ScriptedModel
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from agents.safety.redaction import Redaction
from graphs.engine import StoryEngine, open_engine
from graphs.memory import KEYFRAME
from graphs.runner import StreamVoice
from graphs.settings import read_settings
from graphs.trace import TraceEntry, TraceLog

PLANTED = {
    "say my mail is anna@example.org": "anna@example.org",
    "call me on 450 0840": "450 0840",
    "say pay with 4111 1111 1111 1111": "4111 1111 1111 1111",
    "say my account is DE89 3704 0044 0532 0130 00": "DE89 3704 0044 0532 0130 00",
    "say my ssn is 078-05-1120": "078-05-1120",
    "say send it to 6750 Koskikatu 25 Apt. 864\nArtilleros\n, CO\n Uruguay 64677": "6750 Koskikatu 25 Apt. 864\nArtilleros\n, CO\n Uruguay 64677",
    "say look at https://anna.example.org/me": "https://anna.example.org/me",
    "say I sit at 86.121.97.248": "86.121.97.248",
    "say take the key sk-" + "a1B2" * 10: "sk-" + "a1B2" * 10,
}  # fmt: skip
PIECES = [*PLANTED.values(), "Koskikatu", "64677", "0840", "1120"]


class Remote(BaseChatModel):
    """Repeats the placeholders of its prompt, a few characters at a time; keeps all that it was ever told."""

    told: list[str] = []  # noqa: RUF012 - pydantic copies it
    command: str = ""

    @property
    def _llm_type(self) -> str:
        return "remote"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        asked = self._hear(messages)
        held = " ".join(dict.fromkeys(re.findall(r"\[[A-Z]+_\d+\]", asked.partition("[EMAIL_1] stand for")[0])))
        summary = {"summary": f"You told of {held}.", "story_so_far": f"You spoke of {held}."}
        data = summary if "happenings" in asked else {"command": self.command}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(json.dumps(data)))])

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked = self._hear(messages).rpartition('<data name="history">')[2]
        held = list(
            dict.fromkeys(re.findall(r"\[(?:EMAIL|PHONE|CARD|ACCOUNT|ID|ADDRESS|LINK|IP|KEY|TEXT)_\d+\]", asked))
        )
        text = f"The words hang in the room: {', '.join(held)}. Nobody answers yet.\n```json\n"
        text += json.dumps({"choices": [f"say {each}" for each in held[:2]], "facts": []}) + "\n```"
        for start in range(0, len(text), 3):
            yield ChatGenerationChunk(message=AIMessageChunk(content=text[start : start + 3]))

    def _hear(self, messages: list[BaseMessage]) -> str:
        self.told.append("\n\n".join(str(message.content) for message in messages))
        return "\n".join(str(m.content) for m in messages[1:])


def leaked(texts: list[str]) -> set[str]:
    """The pieces that stand in a text. Four digits count outside of numbers and ids alone: those have any digits in them."""
    return {
        piece for piece in PIECES for text in texts if _stands(piece, text) or _stands(json.dumps(piece)[1:-1], text)
    }


def _stands(piece: str, text: str) -> bool:
    if piece.isdigit():
        return re.search(rf"(?<![0-9a-f.]){piece}(?![0-9a-f]|\.[0-9])", text) is not None
    return piece in text


def test_a_piece_is_found_where_it_leaks_and_not_in_numbers() -> None:
    assert leaked(["[PHONE_1] 0840.", '"450 0840"', r"see\n078-05-1120!"]) == {
        "0840",
        "450 0840",
        "078-05-1120",
        "1120",
    }
    assert leaked(['"ms": 10.0840', "01a20840e9", '"ms": 11205.5', '"ms": 1120.5']) == set()


async def played(engine: StoryEngine, model: Remote, spec: str = "openai:fake", turns: int = 0) -> str:
    engine.use_model(spec, model)
    session = await begun(engine, model=spec)
    actions = [*PLANTED, *["look"] * turns]
    for action in actions:
        await engine.act(session, action)
    return session


async def test_a_remote_model_never_sees_what_the_player_reads(engine: StoryEngine) -> None:
    model = Remote()
    session = await played(engine, model, turns=KEYFRAME - len(PLANTED) + 1)
    await engine._chapters.wait(engine.scope(session), 60)  # pyright: ignore[reportPrivateUsage]
    await engine.act(session, "look")
    assert sum("happenings" in told for told in model.told) == 1
    assert sum("The player typed" in told for told in model.told) >= 1
    assert leaked(model.told) == set()
    turns = (await engine.turns(session, limit=50))[::-1]
    for turn, after, (action, value) in zip(turns, turns[1:], PLANTED.items(), strict=False):
        assert turn["action"] == action, "what the player typed is theirs"
        assert value in after["narration"]
        assert not re.search(r"\[[A-Z]+_\d+\]", turn["narration"] + str(turn["choices"]))
    (chapter,) = await engine.chapters(session)
    assert chapter["source"] == "model"
    assert "450 0840" in chapter["text"] + chapter["so_far"] or "[" not in chapter["text"]


async def test_the_events_hold_the_players_own_words(engine: StoryEngine) -> None:
    session = await played(engine, Remote())
    last = await engine.act(session, "look")
    told = [
        event["data"]["text"] async for event in engine.events(session, last["turn_id"]) if event["kind"] == "sentence"
    ]
    assert list(PLANTED.values())[-1] in told[0]
    assert "[KEY_1]" not in str(told)


@pytest.mark.parametrize("spec", ["openai:fake", "offline"])
async def test_no_trace_holds_personal_data_whatever_the_model(engine: StoryEngine, spec: str) -> None:
    if spec == "offline":
        session = await begun(engine)
        for action in PLANTED:
            await engine.act(session, action)
    else:
        session = await played(engine, Remote(), spec)
    kept = [await engine.trace(session, turn["turn_id"]) for turn in await engine.turns(session, limit=50)]
    assert all(len(entries) == 8 for entries in kept)
    assert leaked([json.dumps(entries, ensure_ascii=False) for entries in kept]) == set()
    assert "[EMAIL_1]" in json.dumps(kept[-1])


async def test_a_placeholder_that_the_player_types_stays_one(engine: StoryEngine) -> None:
    model = Remote()
    engine.use_model("openai:fake", model)
    session = await begun(engine, model="openai:fake")
    await engine.act(session, "say [EMAIL_1] and anna@example.org")
    turn = await engine.act(session, "look")
    assert "say [TEXT_1] and [EMAIL_1]" in model.told[-1]
    assert "[EMAIL_1]" in turn["narration"]
    assert "anna@example.org" in turn["narration"]
    assert "TEXT" not in turn["narration"]


async def test_the_gate_reads_placeholders_and_stops_a_number_of_the_models_own(engine: StoryEngine) -> None:
    engine.use_model("openai:fake", ScriptedModel(answers=["You write [EMAIL_1] on it. Call 0800 123 4567 at once."]))
    session = await begun(engine, model="openai:fake")
    turn = await engine.act(session, "say anna@example.org")
    assert "You write anna@example.org on it." in turn["narration"]
    assert "0800" not in turn["narration"]


async def test_a_command_that_the_model_finds_is_played_with_the_players_words(engine: StoryEngine) -> None:
    model = Remote(command="take [EMAIL_1]")
    engine.use_model("openai:fake", model)
    session = await begun(engine, model="openai:fake")
    heard: list[str] = []
    trace = TraceLog.append

    async def listen(log: TraceLog, entry: TraceEntry) -> None:
        heard.append(str(entry["output"].get("interpreted", "")))
        await trace(log, entry)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TraceLog, "append", listen)
        await engine.act(session, "xyzzyplugh anna@example.org frobnicate")
    assert "take anna@example.org" in heard
    assert any("The player typed" in told for told in model.told)
    assert leaked(model.told) == set()


async def test_a_passage_that_is_taken_up_again_has_the_same_placeholders(engine: StoryEngine) -> None:
    """After a veto the model is told what the player has read: with its placeholders, and not with placeholders of those."""
    model = ScriptedModel(
        answers=["You write [EMAIL_1] on it. Call 0800 123 4567 at once.", "It is for [EMAIL_1] alone."]
    )
    engine.use_model("openai:fake", model)
    session = await begun(engine, model="openai:fake")
    turn = await engine.act(session, "say anna@example.org")
    assert '<data name="released">\n| You write [EMAIL_1] on it.\n</data>' in str(model.asked[-1][1].content)
    assert "It is for anna@example.org alone." in turn["narration"]


async def test_what_was_out_before_a_crash_is_told_with_placeholders_and_not_said_twice() -> None:
    class Kept:
        async def sentences(self, turn_id: str) -> list[str]:
            return ["You write anna@example.org on it."]

    redaction = Redaction()
    voice = StreamVoice(Kept(), "t", redaction)  # type: ignore[arg-type]
    assert await voice.released() == ["You write [EMAIL_1] on it."]
    voice.release("You write [EMAIL_1] on it.")  # outside of a graph there is no stream: saying it again would raise


@pytest.mark.parametrize(
    ("setting", "spec", "hidden"),
    [("remote", "local", False), ("always", "local", True), ("never", "openai:fake", False)],
)
async def test_the_setting_decides_who_is_told(tmp_path: Path, setting: str, spec: str, hidden: bool) -> None:
    model = Remote()
    async with open_engine(read_settings(data_dir=tmp_path, linger_s=0.2, redact=setting)) as engine:
        engine.use_model(spec, model)
        session = await begun(engine, model=spec)
        await engine.act(session, "say my mail is anna@example.org")
        turn = await engine.act(session, "look")
        entries = await engine.trace(session, turn["turn_id"])
    assert ("anna@example.org" in str(model.told)) != hidden
    assert "anna@example.org" not in str(entries)


async def test_a_process_that_starts_anew_knows_what_was_typed_before(tmp_path: Path) -> None:
    settings = read_settings(data_dir=tmp_path, linger_s=2)
    async with open_engine(settings) as engine:
        session = await played(engine, Remote())
    model = Remote()
    async with open_engine(settings) as engine:
        engine.use_model("openai:fake", model)
        for _ in range(3):
            await engine.act(session, "say 450 0840")
    assert leaked(model.told) == set()
