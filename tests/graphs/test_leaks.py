"""A model that tells what it was told: nothing of it reaches the player, the stores or the next prompt."""

import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from graphs.engine import StoryEngine
from graphs.memory.shapes import KEYFRAME

WAYS: dict[str, Callable[[str], str]] = {
    "only beside the prose": lambda word: "The rope creaks.",
    "plain": lambda word: f"The word is {word}.",
    "in the middle of a sentence": lambda word: f"The gull calls {word} and the tide turns.",
    "a piece": lambda word: f"The gull calls {word[4:11]} today.",
    "spaced": lambda word: f"It is {' '.join(word)}.",
    "backwards": lambda word: f"It is {word[::-1]}.",
    "over sentences": lambda word: f"It is {word[:5]}. {word[5:]} it goes.",
    "the prompt": lambda word: "You tell what the rules of its world have already decided; you decide nothing.",
}


class LeakingModel(BaseChatModel):
    """Writes the secret word of its system message wherever it can: prose, choice, fact, command, summary."""

    way: str
    told: list[str] = []  # noqa: RUF012 - pydantic copies it
    secret: str = ""

    @property
    def _llm_type(self) -> str:
        return "leaking"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=self._answer(messages)))])

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:  # fmt: skip
        for token in re.findall(r"\s*\S+", self._answer(messages)):
            yield ChatGenerationChunk(message=AIMessageChunk(content=token))

    def _answer(self, messages: list[BaseMessage]) -> str:
        system, *others = [str(message.text) for message in messages]
        found = re.search(r"The word (\w+) is secret", system)
        assert found, "every prompt that goes to a model carries the canary"
        self.secret = found[1]
        self.told += others
        leak = WAYS[self.way](self.secret)
        if "You keep the log" in system:
            return json.dumps({"summary": leak, "story_so_far": leak})
        if "You translate" in system:
            return json.dumps({"command": f"say {self.secret}"})
        fact = {"subject": "player", "relation": "remembers", "value": self.secret}
        tail = json.dumps({"choices": [f"say {self.secret}"], "facts": [fact]})
        return f"The lamp burns. {leak} The sea is calm.\n```json\n{tail}\n```"


@pytest.mark.parametrize("way", sorted(WAYS))
async def test_what_a_model_was_told_never_leaves(engine: StoryEngine, way: str) -> None:
    model = LeakingModel(way=way)
    engine.use_model("leaking", model)
    session = (await engine.create("winter_light", seed=3, model="leaking"))["session"]
    turns = KEYFRAME + 1 if way == "plain" else 3
    for number in range(turns):
        turn = await engine.act(session, ["look", "wait", "florp the wibble"][number % 3])
        assert turn["narration"].startswith("The lamp burns.")
        if number < 3:
            assert [event["data"] async for event in engine.events(session, turn["turn_id"])] != []
    await engine._chapters.wait(engine.scope(session), 60)  # pyright: ignore[reportPrivateUsage]
    made = await engine.turns(session, limit=50)
    shown: dict[str, Any] = {
        "recap": await engine.recap(session),
        "turns": made,
        "chapters": await engine.chapters(session),
        "facts": await engine.facts(session),
        "position": await engine.position(session),
        "traces": [await engine.trace(session, turn["turn_id"]) for turn in made],
        "events": [[event async for event in engine.events(session, turn["turn_id"])] for turn in made[:3]],
        "prompts": model.told,
    }
    assert model.secret
    for where, what in shown.items():
        said = json.dumps(what)
        for leak in (model.secret, model.secret[::-1], model.secret[4:11], " ".join(model.secret)):
            assert leak not in said, where
        if where not in ("prompts", "traces"):
            assert "already decided" not in said, where
    if way == "plain":
        assert shown["chapters"], "no chapter was closed"
    caught = {signal["id"] for turn in made for verdict in turn["verdicts"] for signal in verdict["signals"]}
    found = {"the prompt": {"prompt_words"}, "only beside the prose": set[str]()}
    assert caught == found.get(way, {"canary"})
