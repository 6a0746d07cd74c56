"""Models that misbehave on demand. The well-behaved one ships in the product: the offline storyteller."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult


class ScriptedModel(BaseChatModel):
    """Gives the answers in turn, word by word. `<hang>` never comes back, `<fail>` raises, `<slow>` waits a moment."""

    answers: list[str]
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
            yield ChatGenerationChunk(message=AIMessageChunk(content=word + " "))
