"""Models that misbehave on demand, and what else an agent's node needs to run without a graph. The well-behaved one ships in the product: the offline storyteller."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from agents.prompts import Prompts
from agents.safety.leaks import Leaks
from agents.safety.screen import Screen
from agents.safety.telling import Telling
from agents.services import Services
from agents.world.schema import World
from graphs.clock import SystemClock, TimeIds


class ScriptedModel(BaseChatModel):
    """Gives the answers in turn, word by word. `<hang>` never comes back, `<fail>` raises, `<slow>` waits a moment, `<held>`
    waits until the test sets `go`: what has to happen meanwhile does, however slow the machine is."""

    answers: list[str]
    go: asyncio.Event = Field(default_factory=asyncio.Event)
    asked: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it
    pause_s: float = 0.05

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:  # fmt: skip
        self.asked.append(messages)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        for word in answer.split(" "):
            if word == "<hang>":
                await asyncio.sleep(3600)
            if word == "<fail>":
                raise RuntimeError("the vendor's own words, which quote the prompt")
            if word == "<slow>":
                await asyncio.sleep(self.pause_s)
                continue
            if word == "<held>":
                await self.go.wait()
                continue
            yield ChatGenerationChunk(message=AIMessageChunk(content=word + " "))


class Answering(ScriptedModel):
    """Answers whole; `<hang>` and `<fail>` as its parent."""

    async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        text = "".join([str(chunk.text) async for chunk in self._astream(messages)])
        counted = {"input_tokens": 70, "output_tokens": 9, "total_tokens": 79}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, usage_metadata=counted))])


def impatient(engine: Any, seconds: float = 0.3) -> None:
    """Makes the engine wait no longer for a model's next words: for a test of one that hangs, and no other."""
    object.__setattr__(engine, "settings", engine.settings.model_copy(update={"model_timeout_s": seconds}))


class KeptVoice:
    """Keeps what was released; may begin with sentences that were out before a crash."""

    def __init__(self, before: list[str] | None = None) -> None:
        self.before, self.out = before or [], list[str]()

    async def released(self) -> list[str]:
        return list(self.before)

    def release(self, sentence: str) -> None:
        self.out.append(sentence)


def telling_of(canary: str = "") -> Telling:
    """What may be told by the shipped rules; the canary is drawn unless it is given."""
    return Telling(Screen.load(), Leaks(Prompts().texts(), canary))


def services_of(world: World, model: BaseChatModel, **changes: Any) -> Services:
    """What a node gets of its runtime: everything real, but the model, the voice and a memory that has nothing."""
    made: dict[str, Any] = {
        "world": world, "storyteller": model, "model": "fake", "prompts": Prompts(), "screen": Screen.load(),
        "telling": telling_of(), "recall": None, "voice": KeptVoice(), "clock": SystemClock(), "ids": TimeIds(),
    }  # fmt: skip
    return Services(**{**made, **changes})
