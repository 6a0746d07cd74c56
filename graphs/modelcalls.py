"""Calls of models, told to whoever watches: who was asked, how long it took, how many tokens; never words of anybody's."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict
from typing_extensions import override

from agents.safety.clean import count_of
from graphs.modelnames import OTHER, has_answered, model_of, provider_of
from graphs.telemetry import operation, watched

_REASONS = frozenset(
    ("stop", "length", "end_turn", "max_tokens", "stop_sequence", "tool_calls", "tool_use", "content_filter", "safety")
)
"""Why vendors say that an answer ended (in lower case); another is `other`."""
Stop = list[str] | None


class ObservedModel(BaseChatModel):
    """The inner model, each answer of which is an operation."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: BaseChatModel
    spec: str

    @property
    @override
    def _llm_type(self) -> str:
        return "observed"

    @override
    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: Stop = None, **kwargs: Any
    ) -> AIMessage:  # fmt: skip
        with self._asked() as asked:
            answer = await self.inner.ainvoke(input, config, stop=stop, **kwargs)
            told = _Told()
            told.add(answer)
            self._note(asked, told)
            return answer

    @override
    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: Stop = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:  # fmt: skip
        stream = self.inner.astream(input, config, stop=stop, **kwargs)
        told, began = _Told(), perf_counter()
        with self._asked() as asked:
            try:
                async with aclosing(cast(Any, stream)):
                    async for chunk in stream:
                        if not told.messages:
                            asked.set(first_chunk_s=round(perf_counter() - began, 6))
                        told.add(chunk)
                        yield chunk
            finally:
                self._note(asked, told)

    @override
    def _generate(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.inner.invoke(messages, stop=stop, **kwargs))])

    def _asked(self) -> Any:
        # A stream may be closed from elsewhere than it was begun, so nothing nests in it.
        return operation("model", "chat", nests=False, provider=provider_of(self.spec), model=model_of(self.spec))

    def _note(self, asked: Any, told: "_Told") -> None:
        if not told.messages:
            return
        has_answered(self.spec)
        asked.set(model=model_of(self.spec), input_tokens=told.input_tokens, output_tokens=told.output_tokens)
        if told.reason:
            asked.set(finish_reason=told.reason if told.reason in _REASONS else OTHER)


@dataclass
class _Told:
    """What is counted of an answer, message by message."""

    messages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reason: str = ""

    def add(self, message: BaseMessage) -> None:
        self.messages += 1
        if counted := cast("dict[str, Any] | None", getattr(message, "usage_metadata", None)):
            self.input_tokens += count_of(counted.get("input_tokens"))
            self.output_tokens += count_of(counted.get("output_tokens"))
        if said := message.response_metadata:
            named = (said.get(name) for name in ("finish_reason", "stop_reason", "done_reason"))
            self.reason = next((str(one).lower() for one in named if one), self.reason)


def observed(model: BaseChatModel, spec: str) -> BaseChatModel:
    """The model, watched; the model itself while nobody watches."""
    return ObservedModel(inner=model, spec=spec, profile=model.profile) if watched() else model
